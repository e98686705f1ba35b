"""The outputs of cells: cleaned messages of the kernel, numbered (pure; syncdoc-jupyter §3.5).

Outputs that the project's kernels make come with the cell; these functions are for everybody
else who changes outputs: who clears them, answers a question, or brings messages from elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..notebook_records.blobs import BlobSink, extract_data
from ..syncdoc.canonical import canonical_json
from ..syncdoc.records import Record, Records
from .changes import Change, set_cell
from .errors import NoQuestionError
from .reading import cells_in_order, distinct, require_cell, settings_of

__all__ = [
    "DEFAULT_MAX_LENGTH",
    "MAX_MESSAGES",
    "MORE_OUTPUT",
    "answer",
    "clean_content",
    "clear_all_outputs",
    "clear_outputs",
    "is_secret",
    "max_output_length",
    "output_map",
    "outputs_of",
    "store_message",
    "update_displays",
]

MORE_OUTPUT: Final[Mapping[str, Any]] = {"more_output": True}
"""What stands in place of further output; always last."""

DEFAULT_MAX_LENGTH: Final = 250_000
MIN_MAX_LENGTH: Final = 100
MAX_MESSAGES: Final = 500

_DROPPED: Final = frozenset({"execution_state", "code", "status", "source", "request"})


def outputs_of(cell: Record) -> list[Any]:
    """Return the messages in the order of their numbers; other keys are no messages."""
    output = cell.get("output")
    if not isinstance(output, Mapping):
        return []
    numbers = sorted(int(key) for key in output if key.isascii() and key.isdecimal())
    return [output[str(number)] for number in numbers if str(number) in output]


def output_map(messages: Iterable[Any]) -> dict[str, Any]:
    """Return messages by their numbers, as records hold them."""
    return {str(number): message for number, message in enumerate(messages)}


def clear_outputs(records: Records, ids: Sequence[str]) -> list[Change]:
    """Clear the outputs and the prompt numbers of cells; raises UnknownCellError."""
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [
        set_cell(cell["id"], output=None, exec_count=None)
        for cell in cells
        if "output" in cell or "exec_count" in cell
    ]


def clear_all_outputs(records: Records) -> list[Change]:
    """Clear the outputs of all cells."""
    return clear_outputs(records, [cell["id"] for cell in cells_in_order(records)])


def clean_content(content: Mapping[str, Any], put: BlobSink) -> dict[str, Any] | None:
    """Return the content of a kernel's message as it is stored, or None if nothing remains.

    Large representations go to ``put``.
    """
    message = {name: value for name, value in content.items() if name not in _DROPPED}
    count = message.pop("execution_count", None)
    if count is not None:
        message["exec_count"] = count
    message = {name: value for name, value in message.items() if value != {}}
    if not message:
        return None
    if isinstance(message.get("data"), Mapping):
        message["data"] = extract_data(message["data"], put)
    return message


def store_message(records: Records, cell_id: str, message: Mapping[str, Any]) -> list[Change]:
    """Append a cleaned message to a cell's outputs, and its count to the cell.

    A message with a display id replaces all outputs of the notebook that have the same one,
    too. What is beyond the limits is marked. Raises UnknownCellError.
    """
    cell = require_cell(records, cell_id)
    fields: dict[str, Any] = {}
    if "exec_count" in message:
        fields["exec_count"] = message["exec_count"]
    outputs = outputs_of(cell)
    if not (outputs and outputs[-1] == MORE_OUTPUT):
        has_room = _has_room(outputs, message, max_output_length(records))
        fields["output"] = {str(len(outputs)): message if has_room else dict(MORE_OUTPUT)}
    changes = update_displays(records, message)
    return [*changes, set_cell(cell_id, **fields)] if fields else changes


def update_displays(records: Records, message: Mapping[str, Any]) -> list[Change]:
    """Replace all outputs of the notebook that have the display id of a cleaned message."""
    display_id = _display_id(message)
    if display_id is None:
        return []
    changes: list[Change] = []
    for cell in cells_in_order(records):
        output = cell.get("output")
        if isinstance(output, Mapping):
            same = [number for number, old in output.items() if _display_id(old) == display_id]
            if same:
                changes.append(set_cell(cell["id"], output={key: dict(message) for key in same}))
    return changes


def max_output_length(records: Records) -> int:
    """Return how many characters the outputs of a cell may have (§3.4)."""
    length = settings_of(records).get("max_output_length")
    if isinstance(length, bool) or not isinstance(length, int | float):
        return DEFAULT_MAX_LENGTH
    return int(min(max(length, MIN_MAX_LENGTH), DEFAULT_MAX_LENGTH))


def answer(records: Records, cell_id: str, value: str) -> list[Change]:
    """Answer the question that is the last output of a cell.

    Raises UnknownCellError, and NoQuestionError where nothing is asked.
    """
    cell = require_cell(records, cell_id)
    number, question = _question(cell)
    return [set_cell(cell_id, output={number: {**question, "value": value}})]


def is_secret(records: Records, cell_id: str) -> bool:
    """Return whether a cell asks for a password; raises as ``answer``."""
    _number, question = _question(require_cell(records, cell_id))
    options = question.get("opts")
    return isinstance(options, Mapping) and bool(options.get("password"))


def _question(cell: Record) -> tuple[str, Mapping[str, Any]]:
    outputs = outputs_of(cell)
    last = outputs[-1] if outputs else None
    if not isinstance(last, Mapping) or last.get("name") != "input" or "value" in last:
        raise NoQuestionError(str(cell["id"]))
    return str(len(outputs) - 1), last


def _has_room(outputs: Sequence[Any], message: object, max_length: int) -> bool:
    if len(outputs) >= MAX_MESSAGES:
        return False
    return sum(len(canonical_json(each)) for each in (*outputs, message)) <= max_length


def _display_id(message: object) -> object:
    transient = message.get("transient") if isinstance(message, Mapping) else None
    return transient.get("display_id") if isinstance(transient, Mapping) else None
