import itertools

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.outputs import CellOutputs, OutputLimits, OutputsEdit

DEFAULT = OutputLimits()
SMALL = OutputLimits(head_chars=40, tail_chars=10, max_outputs=5)


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
    ),
    max_size=30,
)


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


def folded(*messages, limits=DEFAULT):
    outputs = CellOutputs(limits)
    for kind, content in messages:
        outputs.apply(kind, content)
    outputs.finish()
    return outputs.snapshot()


def text_of(outputs):
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream")


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([OutputLimits(), SMALL]))
def test_edits_taken_at_any_moments_add_up_to_the_outputs(messages, limits):
    outputs, document = CellOutputs(limits), Document()
    for kind, content in messages:
        if kind == "take":
            document.apply(outputs.take_edit())
            assert document.outputs == outputs.snapshot()
            assert outputs.taken_count == len(document.outputs)
        elif kind == "update":
            outputs.update_display(content[1], {"data": {"text/plain": content[0]}})
        else:
            outputs.apply(kind, content)
    outputs.finish()
    document.apply(outputs.take_edit())
    assert document.outputs == outputs.snapshot()
    assert outputs.take_edit() is None


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([OutputLimits(), SMALL]))
def test_outputs_are_valid_and_adjacent_text_of_one_stream_is_one_output(messages, limits):
    outputs = folded(*[m for m in messages if m[0] not in {"take", "update"}], limits=limits)
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


def test_long_text_keeps_its_head_and_its_end_and_says_how_much_is_missing():
    lines = [stream(f"line {i:03}\n") for i in range(100)]
    limits = OutputLimits(head_chars=100, tail_chars=20)
    text = text_of(folded(*lines, limits=limits))
    assert text.startswith("line 000\n")
    assert text.endswith("line 098\nline 099\n")
    assert "[Long output: the end of it is shown when the cell has finished.]" in text
    shown = text.count("line ") * 9
    assert f"[{900 - 100 - 20} characters are not shown.]" in text
    assert shown < 150


def test_text_of_exactly_the_limit_is_complete():
    text = "x" * 40
    assert text_of(folded(stream(text), limits=SMALL)) == text


def test_a_progress_bar_does_not_use_up_the_limit():
    bars = [stream(f"\r{i:4}%") for i in range(1000)]
    assert text_of(folded(*bars, limits=SMALL)) == " 999%"


def test_too_many_displays_are_counted_in_a_notice():
    outputs = folded(*[display(str(i)) for i in range(8)], limits=SMALL)
    assert len(outputs) == 6
    assert outputs[-1]["text"] == "[3 more outputs are not shown.]\n"


def test_an_error_is_shown_even_after_too_many_outputs():
    outputs = folded(*[display(str(i)) for i in range(8)], ERROR, limits=SMALL)
    assert "ValueError" in [o.get("ename") for o in outputs]


def test_errors_without_end_are_bounded():
    assert len(folded(*[ERROR] * 100, limits=SMALL)) <= 16


def test_a_display_that_is_too_large_becomes_a_notice():
    outputs = folded(display("x" * 100), limits=OutputLimits(max_bundle_chars=50))
    assert outputs[0]["data"] == {
        "text/plain": "[A display of 100 characters is too large to be shown.]"
    }


def test_replacing_a_display_again_and_again_does_not_use_up_the_limit():
    outputs = CellOutputs(OutputLimits(max_displays_chars=50))
    outputs.apply(*display("x" * 30, "d"))
    for _ in range(5):
        outputs.update_display("d", {"data": {"text/plain": "y" * 30}})
    assert outputs.snapshot()[0]["data"]["text/plain"] == "y" * 30


def test_a_huge_traceback_loses_its_middle():
    error = {"ename": "E", "evalue": "v", "traceback": ["a" * 500, "b" * 500]}
    outputs = folded(("error", error), limits=OutputLimits(max_traceback_chars=100))
    lines = outputs[0]["traceback"]
    assert lines[0] == "a" * 50
    assert lines[-1] == "b" * 50
    assert "characters are not shown" in lines[1]


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
