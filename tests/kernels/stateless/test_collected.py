"""Outputs of code that runs once (syncdoc-jupyter §6.1; §13, "Stateless execution")."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.stateless.collected import Collected
from cocalc_jupyter_ext.kernels.stateless.request import Limits


def message(kind, **content):
    return {"msg_type": kind, "content": content, "metadata": {}}


def stream(text, name="stdout"):
    return message("stream", name=name, text=text)


def fold(*messages, max_chars=10_000):
    collected = Collected(max_chars, Limits(max_output_per_cell=max_chars).notice)
    for each in messages:
        collected.add(each)
    return collected.outputs


def test_an_expression_gives_its_data_alone() -> None:
    outputs = fold(
        message("status", execution_state="busy"),
        message("execute_input", code="2+3", execution_count=1),
        message("execute_result", data={"text/plain": "5"}, metadata={}, execution_count=1),
        message("execute_reply", status="ok", execution_count=1, payload=[], user_expressions={}),
        message("status", execution_state="idle"),
    )

    assert outputs == [{"data": {"text/plain": "5"}}]


def test_streams_keep_name_and_text_and_two_stay_two() -> None:
    assert fold(stream("a"), stream("b"), stream("c", "stderr")) == [
        {"name": "stdout", "text": "a"},
        {"name": "stdout", "text": "b"},
        {"name": "stderr", "text": "c"},
    ]


def test_an_exception_gives_its_traceback() -> None:
    outputs = fold(message("error", ename="E", evalue="v", traceback=["t"], status="error"))

    assert outputs == [{"ename": "E", "evalue": "v", "traceback": ["t"]}]


def test_metadata_that_is_not_empty_is_kept() -> None:
    data, metadata = {"image/png": "x"}, {"image/png": {"width": 1}}

    assert fold(message("display_data", data=data, metadata=metadata, transient={})) == [
        {"data": data, "metadata": metadata}
    ]


def test_clearing_empties_the_list_at_once_or_with_the_next_output() -> None:
    at_once = message("clear_output", wait=False)
    later = message("clear_output", wait=True)

    assert fold(stream("a"), at_once) == []
    assert fold(stream("a"), later) == [{"name": "stdout", "text": "a"}]
    assert fold(stream("a"), later, stream("b")) == [{"name": "stdout", "text": "b"}]
    assert fold(stream("a"), later, at_once, stream("b"), stream("c")) == [
        {"name": "stdout", "text": "b"},
        {"name": "stdout", "text": "c"},
    ]


def test_a_display_is_replaced_by_its_update() -> None:
    def display(kind, text, name="d"):
        return message(kind, data={"text/plain": text}, transient={"display_id": name})

    outputs = fold(display("display_data", "1"), stream("x"), display("update_display_data", "2"))
    assert outputs[0]["data"] == {"text/plain": "2"}
    assert len(outputs) == 2


def test_what_is_too_much_gives_one_notice_and_tracebacks_are_kept() -> None:
    """Output truncated at the limit with one notice."""
    outputs = fold(
        stream("a" * 50),
        stream("b" * 500),
        stream("c" * 500),
        stream("d"),
        message("error", ename="E", evalue="v", traceback=["t" * 500]),
        max_chars=200,
    )

    assert outputs[0] == {"name": "stdout", "text": "a" * 50}
    assert set(outputs[1]) == {"name", "output_type", "text"}
    assert outputs[1]["output_type"] == "stream"
    assert "200 characters" in outputs[1]["text"][0]
    assert [each.get("ename") for each in outputs[2:]] == ["E"]


def test_clearing_makes_room() -> None:
    outputs = fold(
        stream("a" * 500),
        message("clear_output", wait=False),
        stream("b"),
        max_chars=100,
    )

    assert outputs == [{"name": "stdout", "text": "b"}]


def test_words_of_our_own_come_even_when_nothing_fits() -> None:
    collected = Collected(0, "")
    collected.say("stderr", "no folder")
    collected.add(stream("x"))

    assert collected.outputs[0] == {"name": "stderr", "text": "no folder"}


def test_a_traceback_without_end_is_shortened() -> None:
    lines = ["x" * 1000] * 5000
    (output,) = fold(message("error", ename="E", evalue="v" * 10**6, traceback=[*lines, "end"]))

    assert len(output["traceback"][0]) == 1_000_000
    assert output["traceback"][0].endswith("end")
    assert len(output["evalue"]) < 10_000


@given(st.lists(st.integers(0, 300)), st.integers(0, 1000))
def test_the_outputs_never_exceed_the_limit(sizes: list[int], limit: int) -> None:
    outputs = list(fold(*map(stream, ("x" * n for n in sizes)), max_chars=limit))
    kept = [each for each in outputs if "output_type" not in each]

    assert sum(len(json.dumps(each, separators=(",", ":"))) for each in kept) <= limit
    assert len(outputs) - len(kept) <= 1
    if len(kept) < len(sizes):
        assert len(outputs) == len(kept) + 1


@pytest.mark.parametrize("kind", ["status", "execute_input", "execute_reply"])
def test_messages_without_content_are_no_outputs(kind: str) -> None:
    assert fold(message(kind, execution_state="idle", status="ok", code="x")) == []
