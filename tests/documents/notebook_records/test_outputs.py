"""Outputs and messages (syncdoc-jupyter §3.5, §7)."""

from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.documents.blobs.whole_outputs import keep_output
from cocalc_jupyter_ext.documents.notebook_records.blobs import Outside, blob_id
from cocalc_jupyter_ext.documents.notebook_records.outputs import (
    MORE_OUTPUT,
    MORE_OUTPUT_LOST,
    message_from_output,
    messages_from_outputs,
    output_from_message,
)

BLOBS: dict[str, bytes] = {}


def put(content: bytes) -> str:
    BLOBS[blob_id(content)] = content
    return blob_id(content)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            {"output_type": "stream", "name": "stdout", "text": "x\n"},
            {"name": "stdout", "text": "x\n"},
        ),
        (
            {
                "output_type": "execute_result",
                "data": {"text/plain": "2"},
                "metadata": {},
                "execution_count": 3,
            },
            {"data": {"text/plain": "2"}, "exec_count": 3},
        ),
        (
            {
                "output_type": "execute_result",
                "data": {"text/plain": "2"},
                "metadata": {"a": 1},
                "execution_count": None,
            },
            {
                "data": {"text/plain": "2"},
                "metadata": {"a": 1},
                "output_type": "execute_result",
            },
        ),
        (
            {
                "output_type": "display_data",
                "data": {"text/html": "<b>"},
                "metadata": {},
                "transient": {"display_id": "d"},
            },
            {"data": {"iframe": blob_id(b"<b>")}, "transient": {"display_id": "d"}},
        ),
        (
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["1", "2"]},
            {"ename": "E", "evalue": "v", "traceback": ["1", "2"]},
        ),
    ],
)
def test_an_output_is_a_message_and_back(output: dict[str, Any], message: dict[str, Any]) -> None:
    assert message_from_output(output, put) == message
    assert output_from_message(message, BLOBS.get) == output


def test_lists_of_lines_are_joined_but_lists_in_json_are_values() -> None:
    stream = {"output_type": "stream", "name": "stderr", "text": ["a\n", "b"]}
    data = {"text/plain": ["a\n", "b"], "application/json": ["a", "b"], "x/y+json": ["c"]}

    assert message_from_output(stream, put)["text"] == "a\nb"
    assert message_from_output({"output_type": "display_data", "data": data}, put)["data"] == {
        "text/plain": "a\nb",
        "application/json": ["a", "b"],
        "x/y+json": ["c"],
    }


def test_a_question_becomes_what_a_terminal_would_show() -> None:
    message = {"name": "input", "opts": {"prompt": "Name?", "password": False}, "value": "Ann"}

    assert output_from_message(message, BLOBS.get) == {
        "output_type": "stream",
        "name": "stdout",
        "text": "Name? Ann",
    }


def test_output_that_was_kept_elsewhere_and_is_gone_becomes_a_warning() -> None:
    assert output_from_message({"more_output": True}, BLOBS.get) == {
        "output_type": "stream",
        "name": "stderr",
        "text": MORE_OUTPUT_LOST,
    }


def test_a_message_of_unknown_shape_is_an_empty_display() -> None:
    output = output_from_message({"transient": {"display_id": "1"}}, BLOBS.get)

    assert output["output_type"] == "display_data"
    assert output["data"] == {}


OUTSIDE = Outside(put, BLOBS.get)


def kept_whole(text: str) -> dict[str, Any]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    kept: dict[str, Any] = keep_output(output, put, whole_bytes=10)
    assert kept != output
    return kept


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["x" * 73], ["x" * 73]),
        (["x" * 74], [None]),
        (["é" * 73], ["é" * 73]),
        (["é" * 74], [None]),
        (["x" * 9_000], [None]),
        (["x" * 10, "x" * 36], ["x" * 10, "x" * 36]),
        (["x" * 10, "x" * 37, "x"], ["x" * 10, None]),
    ],
)
def test_records_hold_long_outputs_up_to_the_limit_of_a_cell(
    texts: list[str], expected: list[str | None]
) -> None:
    """§4.6, §7.1: the messages are counted as JSON, and the mark is last."""
    outputs = [kept_whole(text) for text in texts]

    messages = list(messages_from_outputs(outputs, OUTSIDE, max_chars=100))

    assert [message.get("text") for message in messages] == expected
    assert [message == MORE_OUTPUT for message in messages] == [e is None for e in expected]


def test_an_output_that_is_far_too_long_is_not_even_read() -> None:
    output = kept_whole("x" * 9_000)
    BLOBS.clear()

    (message,) = messages_from_outputs([output], Outside(put, BLOBS.__getitem__), max_chars=100)

    assert message == MORE_OUTPUT


def test_what_runs_show_is_not_counted_again() -> None:
    """It is bounded already, and by another way of counting."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": "x" * 90}] * 3

    assert len(list(messages_from_outputs(outputs, OUTSIDE, max_chars=100))) == 3


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"data": "text"},
        {"data": {"text/plain": "x"}, "metadata": "text"},
        {"data": {"text/plain": "x"}, "output_type": "stream"},
        {"data": {"text/plain": "x"}, "output_type": 5},
        {"output_type": "stream"},
        {"output_type": "error"},
        {"output_type": "display_data", "metadata": []},
        {"name": 5, "text": 6},
        {"ename": 1, "evalue": None, "traceback": "text"},
        {"ename": "E", "traceback": [1, None]},
        {"name": "input", "opts": 5, "value": 6},
    ],
)
def test_whatever_a_client_wrote_is_an_output_that_a_file_can_hold(message: dict[str, Any]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])  # type: ignore[no-untyped-call]
    output = output_from_message(message, lambda _: None)

    notebook.cells[0].outputs = [nbformat.from_dict(output)]  # type: ignore[no-untyped-call]
    again = nbformat.reads(nbformat.writes(notebook), as_version=4)  # type: ignore[no-untyped-call]

    assert again.cells[0].outputs[0].output_type in {"display_data", "stream", "error"}
    if output["output_type"] != "display_data" or "x" in output["data"].values():
        nbformat.validate(again)
