"""Writes the progress of a cell into its shared map.

Pure functions on pycrdt types; the caller opens the transaction (``LiveDocument.edit``). They
follow jupyterlab-rtc §4: every output is a Map, the text of a stream a Text that is changed in
place and never assigned back, outputs are only appended or deleted from some position to the
end, and the execution count is written together with the state.

New content is inserted *before* the old content is deleted. So it comes after the deleted
content in Yjs's order, and a front end that replays one change after the other deletes first.
"""

from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text

from ..documents.notebook_cells import shared_output
from ..documents.notebook_records.live_outputs import question, question_in
from .outputs import CellOutputs, Output, OutputsEdit

__all__ = [
    "append_output",
    "insert_code",
    "is_code_cell",
    "settle_questions",
    "show_finished",
    "show_queued",
    "show_started",
    "write",
]


def is_code_cell(cell: Map[Any]) -> bool:
    """Return whether the shared cell can be run."""
    return cell.get("cell_type") == "code" and isinstance(cell.get("outputs"), Array)


def show_queued(cell: Map[Any]) -> None:
    """Show ``[*]``; the outputs of the previous run stay until the cell starts."""
    _set(cell, "execution_state", "running")


def show_started(cell: Map[Any]) -> None:
    """Clear the outputs and show ``[*]``.

    Whoever runs a cell has the right to execute code in this project, so its outputs are
    trusted: HTML and widgets show for every participant. Trust is set while the outputs are
    empty, because a front end that sees it change writes its copy of the outputs back.
    """
    outputs: Array[Any] = cell["outputs"]
    outputs.clear()
    metadata = cell.get("metadata")
    if isinstance(metadata, Map):
        _set(metadata, "trusted", True)
    _set(cell, "execution_count", None)
    _set(cell, "execution_state", "running")


def show_finished(cell: Map[Any], execution_count: int | None = None) -> None:
    """End ``[*]``, with the count if the kernel gave one."""
    if execution_count is not None:
        cell["execution_count"] = float(execution_count)
    _set(cell, "execution_state", "idle")


def insert_code(notebook: YNotebook, position: int, source: str) -> None:
    """Put a new code cell into its place.

    The text comes from the kernel: running cells in a row must not trust it by the way.
    """
    cell = {"cell_type": "code", "source": source, "metadata": {"trusted": False}, "outputs": []}
    notebook.ycells.insert(position, notebook.create_ycell({**cell, "execution_count": None}))


def settle_questions(cell: Map[Any]) -> None:
    """Show of questions that nobody can answer any more that they got no answer."""
    outputs: Array[Any] = cell["outputs"]
    shown: list[Output] = outputs.to_py() or []
    first = next((n for n, output in enumerate(shown) if _is_open_question(output)), len(shown))
    outputs.extend([shared_output(_settled(output)) for output in shown[first:]])
    del outputs[first : len(shown)]


def append_output(cell: Map[Any], output: Output) -> None:
    """Append one output and leave the others as they are."""
    outputs: Array[Any] = cell["outputs"]
    outputs.append(shared_output(output))


def write(cell: Map[Any], folded: CellOutputs) -> int:
    """Bring the cell's outputs up to date with ``folded``; return the characters written.

    If somebody cleared the outputs since the previous call they stay cleared; if they were
    changed otherwise (a front end wrote an old copy back) they are written again.
    """
    outputs: Array[Any] = cell["outputs"]
    if len(outputs) == 0 and folded.taken_count:
        folded.forget_taken()
    edit = folded.take_edit() if _as_taken(outputs, folded) else folded.take_all()
    if edit is None:
        return 0
    _apply(outputs, edit)
    return edit.chars


def _is_open_question(output: Output) -> bool:
    asked = question_in(output)
    return asked is not None and "value" not in asked


def _settled(output: Output) -> Output:
    asked = question_in(output)
    if asked is None or "value" in asked:
        return output
    return question(
        str(asked.get("prompt", "")),
        password=bool(asked.get("password")),
        value="",
        question_id=asked.get("id"),
    )


def _as_taken(outputs: Array[Any], folded: CellOutputs) -> bool:
    if len(outputs) != folded.taken_count:
        return False
    if folded.taken_text_bytes is None:
        return True
    text = outputs[-1].get("text")
    return isinstance(text, Text) and len(text) == folded.taken_text_bytes


def _apply(outputs: Array[Any], edit: OutputsEdit) -> None:
    old_count = len(outputs)
    if edit.erase or edit.add:
        _edit_end(outputs[edit.keep - 1]["text"], edit.erase, edit.add)
    if edit.append:
        outputs.extend([shared_output(output) for output in edit.append])
    if edit.keep < old_count:
        del outputs[edit.keep : old_count]


def _edit_end(text: Text, erase: str, add: str) -> None:
    end = len(text)
    if add:
        text += add
    if erase:
        del text[end - len(erase.encode()) : end]


def _set(shared: Map[Any], key: str, value: Any) -> None:
    """Write only what differs: an equal value would still travel to every participant."""
    if key not in shared or shared[key] != value:
        shared[key] = value
