"""Questions and the mark of further output, in records and in the shared types (§3.5)."""

import nbformat
import pytest

from cocalc_jupyter_ext.documents.notebook_records.cells import cell_from_record
from cocalc_jupyter_ext.documents.notebook_records.live_outputs import (
    live_output,
    message_from_live_output,
    more_output,
    question,
    question_in,
)

OPTIONS = {"prompt": "Name? ", "password": False}
WAITING = {"name": "input", "opts": OPTIONS}


@pytest.mark.parametrize(
    "message",
    [WAITING, {**WAITING, "value": "Ada"}, {**WAITING, "value": ""}, {"more_output": True}],
)
def test_messages_become_displays_and_back(message):
    output = live_output(message)
    assert message_from_live_output(output) == message
    nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])]))


def test_every_program_shows_the_question_and_its_answer():
    assert question("Name? ", password=False)["data"]["text/plain"] == "Name? "
    answered = question("Name? ", password=False, value="Ada")
    assert answered["data"]["text/plain"] == "Name? Ada"
    assert "more output" in more_output()["data"]["text/plain"]


def test_the_length_of_a_password_is_not_shown():
    shown = [question("?", password=True, value=value)["data"]["text/plain"] for value in ("", "x")]
    assert shown[0] == shown[1]


def test_the_number_of_a_question_is_for_pages_only():
    output = question("Name? ", password=False, question_id="q1")
    assert question_in(output)["id"] == "q1"
    assert message_from_live_output(output) == WAITING


@pytest.mark.parametrize(
    "output", [{"output_type": "stream", "name": "stdout", "text": "x"}, {"data": {}}, {"data": 1}]
)
def test_other_outputs_are_no_business_of_these(output):
    assert message_from_live_output(output) is None
    assert question_in(output) is None


def test_other_messages_are_no_business_of_these():
    assert live_output({"name": "stdout", "text": "x"}) is None


def test_in_the_shared_types_a_question_is_a_display_and_leaves_no_trace_in_the_metadata():
    record = {"type": "cell", "id": "a", "output": {"0": WAITING}}
    live = cell_from_record(record, lambda _: None, live=True)
    assert live["outputs"] == [live_output(WAITING)]
    assert live["metadata"] == {}
    exported = cell_from_record(record, lambda _: None)
    assert exported["metadata"] == {"cocalc": {"outputs": {"0": WAITING}}}
