import itertools
import json

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.notebook_records.live_outputs import more_output, question
from cocalc_jupyter_ext.documents.notebook_records.outputs import message_from_output
from cocalc_jupyter_ext.kernels.outputs import CellOutputs, OutputLimits, OutputsEdit
from cocalc_jupyter_ext.kernels.overflow import CellOverflow

DEFAULT = OutputLimits()
SMALL = OutputLimits(max_chars=300, max_outputs=5)
MORE = more_output()


def stream(text, name="stdout"):
    return "stream", {"name": name, "text": text}


def display(text, display_id=None):
    transient = {"display_id": display_id} if display_id else {}
    return "display_data", {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


def result(text, count=1):
    return "execute_result", {
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": count,
    }


def update(text, display_id):
    return "update", (text, display_id)


def clear(wait=False):
    return "clear_output", {"wait": wait}


ERROR = (
    "error",
    {"ename": "ValueError", "evalue": "no", "traceback": ["Traceback", "ValueError: no"]},
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(stream, st.text("ab\r\n\b", max_size=9), st.sampled_from(["stdout", "stderr"])),
        st.builds(display, st.text("xyz", max_size=3), st.sampled_from([None, "d1", "d2"])),
        st.builds(clear, st.booleans()),
        st.builds(
            lambda text, i: ("update", (text, i)), st.text("uvw"), st.sampled_from(["d1", "d2"])
        ),
        st.just(ERROR),
        st.just(("take", None)),
        st.just(("ask", None)),
        st.just(("hold", None)),
        st.builds(lambda value: ("settle", value), st.sampled_from([None, "x" * 9])),
    ),
    max_size=30,
)

PURPOSES = {"take", "update", "ask", "hold", "settle"}


class Document:
    """Applies edits as the document does: to plain outputs."""

    def __init__(self):
        self.outputs = []

    def apply(self, edit: OutputsEdit | None):
        if edit is None:
            return
        if edit.erase or edit.add:
            assert edit.keep == len(self.outputs), "only the last output's text is edited"
            last = self.outputs[-1]
            assert last["text"].endswith(edit.erase)
            last["text"] = last["text"][: len(last["text"]) - len(edit.erase)] + edit.add
        del self.outputs[edit.keep :]
        self.outputs.extend(dict(output) for output in edit.append)


def folded(*messages, limits=DEFAULT, overflow=None):
    outputs = CellOutputs(limits, overflow=overflow)
    for kind, content in messages:
        outputs.apply(kind, content)
    return outputs.snapshot()


def text_of(outputs):
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream")


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([OutputLimits(), SMALL]))
@example(
    [("ask", None), stream("a"), ("take", None), stream("a"), ("take", None)], DEFAULT
)  # a thread prints while a question waits
def test_edits_taken_at_any_moments_add_up_to_the_outputs(messages, limits):
    outputs, document = CellOutputs(limits), Document()
    for kind, content in messages:
        if kind == "take":
            document.apply(outputs.take_edit())
            assert document.outputs == outputs.snapshot()
            assert outputs.taken_count == len(document.outputs)
        elif kind == "update":
            outputs.update_display(content[1], {"data": {"text/plain": content[0]}})
        elif kind == "ask":
            outputs.ask(question("?", password=False))
        elif kind == "hold":
            outputs.hold_question()
        elif kind == "settle":
            answered = content and question("?", password=False, value=content)
            outputs.settle_question(answered)
        else:
            outputs.apply(kind, content)
    document.apply(outputs.take_edit())
    assert document.outputs == outputs.snapshot()
    assert outputs.take_edit() is None


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([OutputLimits(), SMALL]))
def test_outputs_are_valid_and_adjacent_text_of_one_stream_is_one_output(messages, limits):
    outputs = folded(*[m for m in messages if m[0] not in PURPOSES], limits=limits)
    cell = nbformat.v4.new_code_cell(outputs=outputs)
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
    names = [o.get("name", object()) for o in outputs]
    assert all(a != b for a, b in itertools.pairwise(names))


def test_adjacent_stream_text_of_the_same_name_is_one_output():
    outputs = folded(stream("a\n"), stream("b\n"), stream("c\n", "stderr"), stream("d\n"))
    assert [(o["name"], o["text"]) for o in outputs] == [
        ("stdout", "a\nb\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
    ]


def test_a_growing_stream_is_edited_by_appending():
    outputs = CellOutputs(OutputLimits())
    outputs.apply(*stream("a\n"))
    outputs.take_edit()
    outputs.apply(*stream("b\n"))
    assert outputs.take_edit() == OutputsEdit(keep=1, add="b\n")


def test_clear_output_clears_at_once():
    assert folded(stream("a"), clear()) == []


def test_clear_output_with_wait_clears_when_the_next_output_comes():
    assert text_of(folded(stream("a"), clear(wait=True))) == "a"
    assert text_of(folded(stream("a"), clear(wait=True), stream("b"))) == "b"


def test_an_update_replaces_every_display_with_its_id_and_rewrites_what_follows():
    outputs = CellOutputs(OutputLimits())
    for message in (stream("s"), display("one", "d"), display("two", "d"), stream("end")):
        outputs.apply(*message)
    outputs.take_edit()
    assert outputs.update_display("d", {"data": {"text/plain": "new"}, "metadata": {}})
    edit = outputs.take_edit()
    assert edit.keep == 1
    assert [o.get("data", {}).get("text/plain", o.get("text")) for o in edit.append] == [
        "new",
        "new",
        "end",
    ]


def test_an_update_of_an_unknown_display_changes_nothing():
    outputs = CellOutputs(OutputLimits())
    assert not outputs.update_display("d", {"data": {}})
    assert outputs.take_edit() is None


def test_an_execute_result_keeps_its_count():
    assert folded(result("42", 7))[0]["execution_count"] == 7


def messages_chars(outputs):
    """Return the length of the messages as JSON: what the limit is about (§4.6)."""
    messages = [message_from_output(each, lambda _: None) for each in outputs]
    return sum(len(json.dumps(message, ensure_ascii=False)) for message in messages)


@settings(deadline=None)
@given(MESSAGES)
def test_the_length_of_the_messages_is_bounded_and_known(messages):
    """syncdoc-jupyter §4.6; late errors, the mark and a question come on top."""
    outputs = CellOutputs(SMALL)
    for kind, content in messages:
        if kind not in PURPOSES and kind != "error":
            outputs.apply(kind, content)
    shown = [each for each in outputs.snapshot() if each != MORE]
    assert len(shown) <= SMALL.max_outputs
    assert messages_chars(shown) <= outputs.chars <= SMALL.max_chars


def test_what_exceeds_the_limit_is_kept_elsewhere_and_the_last_output_says_so():
    """syncdoc-jupyter §4.6: 250,000 characters, then the mark; the rest on demand."""
    overflow = CellOverflow(2_500_000)
    lines = [f"line {i:06}\n" for i in range(30_000)]
    outputs = folded(*map(stream, lines), display("later"), overflow=overflow)
    assert len(outputs) == 2
    assert outputs[-1] == MORE
    assert messages_chars(outputs[:1]) <= 250_000
    assert messages_chars(outputs[:1]) > 249_980
    rest = overflow.outputs()
    assert outputs[0]["text"] + rest[0]["text"] == "".join(lines)
    assert rest[1]["data"] == {"text/plain": "later"}


def test_the_501st_message_is_kept_elsewhere():
    """syncdoc-jupyter §4.6: 500 messages per cell."""
    overflow = CellOverflow(1_000_000)
    outputs = folded(*[display(str(i)) for i in range(502)], overflow=overflow)
    assert len(outputs) == 501
    assert outputs[-1] == MORE
    assert [each["data"]["text/plain"] for each in overflow.outputs()] == ["500", "501"]


def test_text_of_exactly_the_limit_is_complete():
    text = "x" * (SMALL.max_chars - len('{"name": "stdout", "text": ""}'))
    assert text_of(folded(stream(text), limits=SMALL)) == text
    assert folded(stream(text + "x"), limits=SMALL)[-1] == MORE


def test_a_progress_bar_does_not_use_up_the_limit():
    bars = [stream(f"\r{i:4}%") for i in range(1000)]
    assert text_of(folded(*bars, limits=SMALL)) == " 999%"
    assert text_of(folded(stream("".join(m[1]["text"] for m in bars)), limits=SMALL)) == " 999%"


def test_clearing_makes_room_again():
    """syncdoc-jupyter §3.5: counter and length begin anew."""
    overflow = CellOverflow(1_000)
    outputs = folded(stream("x" * 900), clear(), stream("y"), limits=SMALL, overflow=overflow)
    assert text_of(outputs) == "y"
    assert overflow.outputs() == []


def test_an_error_is_shown_even_after_too_many_outputs_before_the_mark():
    outputs = folded(*[display(str(i)) for i in range(8)], ERROR, limits=SMALL)
    assert [o.get("ename") for o in outputs] == [None] * 5 + ["ValueError", None]
    assert outputs[-1] == MORE


def test_errors_without_end_are_bounded():
    assert len(folded(*[ERROR] * 100, limits=SMALL)) <= 16


def test_a_display_that_is_too_large_is_kept_elsewhere():
    overflow = CellOverflow(10_000)
    assert folded(display("x" * 1000), limits=SMALL, overflow=overflow) == [MORE]
    assert overflow.outputs()[0]["data"] == {"text/plain": "x" * 1000}


def test_what_is_put_elsewhere_by_its_content_does_not_use_up_the_limit():
    outputs = CellOutputs(SMALL, lambda data: {"text/plain": f"{len(data['image/png'])} bytes"})
    outputs.apply("display_data", {"data": {"image/png": "x" * 10_000}})
    assert outputs.snapshot()[0]["data"] == {"text/plain": "10000 bytes"}


def test_replacing_a_display_again_and_again_does_not_use_up_the_limit():
    outputs = CellOutputs(SMALL)
    outputs.apply(*display("x" * 150, "d"))
    for _ in range(5):
        outputs.update_display("d", {"data": {"text/plain": "y" * 150}})
    assert outputs.snapshot()[0]["data"]["text/plain"] == "y" * 150


def test_replacing_a_display_by_one_that_is_too_large_says_so():
    outputs = CellOutputs(SMALL)
    outputs.apply(*display("x", "d"))
    outputs.update_display("d", {"data": {"text/plain": "y" * 1000}})
    assert "too large" in outputs.snapshot()[0]["data"]["text/plain"]


def test_a_huge_traceback_loses_its_middle():
    error = {"ename": "E", "evalue": "v", "traceback": ["a" * 100_000, "b" * 100_000]}
    lines = folded(("error", error))[0]["traceback"]
    assert lines[0] == "a" * 50_000
    assert lines[-1] == "b" * 50_000
    assert "characters are not shown" in lines[1]


def test_a_question_is_the_last_output_until_it_is_answered():
    """syncdoc-jupyter §3.5: the project waits until the last message has a value."""
    outputs = CellOutputs(DEFAULT)
    outputs.ask(question("Name? ", password=False))
    outputs.apply(*stream("printed before, came late\n"))
    assert [o["output_type"] for o in outputs.snapshot()] == ["stream", "display_data"]
    outputs.settle_question(question("Name? ", password=False, value="Ada"))
    outputs.apply(*stream("Hello\n"))
    shown = outputs.snapshot()
    assert shown[1]["data"]["text/plain"] == "Name? Ada"
    assert shown[2]["text"] == "Hello\n"


def test_what_comes_after_an_interrupt_stands_below_the_question():
    outputs = CellOutputs(DEFAULT)
    outputs.ask(question("Name? ", password=False))
    outputs.apply(*stream("before"))
    outputs.hold_question()
    outputs.apply(*stream("after"))
    outputs.settle_question(question("Name? ", password=False, value=""))
    before, asked, after = outputs.snapshot()
    assert (before["text"], after["text"]) == ("before", "after")
    assert asked["data"]["text/plain"] == "Name? "
    outputs.ask(question("Again? ", password=False))
    outputs.apply(*stream("late"))
    assert outputs.snapshot()[-1]["data"]["text/plain"] == "Again? "


def test_a_question_that_nobody_can_answer_any_more_goes():
    outputs = CellOutputs(DEFAULT)
    outputs.ask(question("Name? ", password=False))
    outputs.settle_question(None)
    assert outputs.snapshot() == []


def test_messages_that_are_no_outputs_are_ignored():
    assert folded(("status", {"execution_state": "busy"}), ("comm_open", {})) == []


def test_after_the_outputs_were_cleared_by_somebody_only_new_ones_are_shown():
    outputs = CellOutputs(OutputLimits())
    outputs.apply(*stream("old"))
    outputs.take_edit()
    outputs.apply(*stream("new"))
    outputs.apply(*display("shown"))
    outputs.forget_taken()
    edit = outputs.take_edit()
    assert edit.keep == 0
    assert [o.get("text") or o["data"]["text/plain"] for o in edit.append] == ["new", "shown"]


def test_writing_everything_anew_leaves_nothing_to_take():
    outputs = CellOutputs(OutputLimits())
    outputs.apply(*stream("a"))
    outputs.apply(*display("b"))
    assert outputs.take_all() == OutputsEdit(keep=0, append=tuple(outputs.snapshot()))
    assert outputs.take_edit() is None


@pytest.mark.parametrize("text", ["ascii", "é", "😀"])
def test_what_was_taken_is_described_by_count_and_utf8_bytes_of_the_last_text(text):
    outputs = CellOutputs(OutputLimits())
    outputs.apply(*stream(text))
    outputs.take_edit()
    assert outputs.taken_count == 1
    assert outputs.taken_text_bytes == len(text.encode())
