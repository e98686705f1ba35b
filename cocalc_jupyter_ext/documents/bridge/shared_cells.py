"""Reading and editing the shared types of a notebook, part by part (pycrdt, no I/O).

Call the editing functions inside a transaction. What is equal already is not touched, so that
nobody's cursor, selection or scroll position moves without need.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_ydoc import YNotebook
from jupyter_ydoc.utils import cast_all
from pycrdt import Array, Map, Text

from ..merge_values import MISSING
from ..notebook_cells import shared_output
from ..shareable import shareable
from ..text_edits import edit_text

__all__ = [
    "edit_cell",
    "edit_map",
    "edit_metadata",
    "insert_cell",
    "read_cell",
    "read_metadata",
    "read_part",
    "read_whole_cell",
]

_LIFE_CYCLE: Final = "execution_state"
_PARTS_OF_CODE = ("outputs", "execution_count")


def read_cell(cell: Map[Any]) -> dict[str, Any]:
    """Return a cell as nbformat has it; its life cycle is not part of it."""
    plain = read_whole_cell(cell)
    plain.pop(_LIFE_CYCLE, None)
    return plain


def read_whole_cell(cell: Map[Any]) -> dict[str, Any]:
    """Return all of a cell: what another place needs to hold the same."""
    plain: dict[str, Any] = cell.to_py() or {}
    cast_all(plain, float, int)  # numbers of browsers are floats
    return plain


def read_metadata(notebook: YNotebook) -> dict[str, Any]:
    """Return the metadata of the notebook."""
    plain = notebook.ydoc.get("meta", type=Map).to_py() or {}
    cast_all(plain, float, int)
    metadata = plain.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def read_part(cell: Map[Any], part: str) -> Any:
    """Return one part of a cell as nbformat has it, or ``MISSING``."""
    if part not in cell:
        return MISSING
    shared = cell[part]
    value = shared.to_py() if isinstance(shared, Text | Array | Map) else shared
    return cast_all([value], float, int)[0]


def insert_cell(notebook: YNotebook, index: int, cell: Mapping[str, Any]) -> Map[Any]:
    """Put a new cell into its place and return it."""
    shared: Map[Any] = notebook.create_ycell({"cell_type": "code", "source": "", **cell})
    notebook.ycells.insert(index, shared)
    if _LIFE_CYCLE in cell:
        shared[_LIFE_CYCLE] = cell[_LIFE_CYCLE]
    return shared


def edit_cell(shared: Map[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Make the edits that lead from one state of a cell to another of the same type.

    Returns the parts that were edited.
    """
    parts = {part for part in {**before, **after} if before.get(part) != after.get(part)}
    for part in parts:
        if part == "source":
            edit_text(shared["source"], after.get(part) or "", is_exact=True)
        elif part == "outputs":
            _edit_outputs(shared, before.get(part) or [], after.get(part) or [])
        elif part == "metadata":
            _edit_metadata(shared, before.get(part) or {}, after.get(part) or {})
        elif part in after or part in _PARTS_OF_CODE:
            shared[part] = shareable(after.get(part))
        elif part in shared:
            del shared[part]
    return parts


def edit_map(shared: Map[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Change, add and delete the entries that differ."""
    for name in {**before, **after}:
        if name not in after:
            shared.pop(name, None)
        elif name not in before or before[name] != after[name]:
            shared[name] = shareable(after[name])


def edit_metadata(notebook: YNotebook, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Change the metadata of the notebook where it differs."""
    meta = notebook.ydoc.get("meta", type=Map)
    if isinstance(meta.get("metadata"), Map):
        edit_map(meta["metadata"], before, after)
    else:
        meta["metadata"] = Map(shareable(after))


def _edit_metadata(cell: Map[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if isinstance(cell.get("metadata"), Map):
        edit_map(cell["metadata"], before, after)
    else:
        cell["metadata"] = Map(shareable(after))


def _edit_outputs(
    cell: Map[Any], before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> None:
    """Keep the outputs that both begin with; those of a stream grow at their end."""
    shared = cell.get("outputs")
    if not isinstance(shared, Array):
        cell["outputs"] = Array([shared_output(output) for output in after])
        return
    same = 0
    while same < min(len(before), len(after), len(shared)) and before[same] == after[same]:
        same += 1
    if same < min(len(after), len(shared)) and _is_stream_of(shared[same], after[same]):
        edit_text(shared[same]["text"], _text(after[same]))
        same += 1
    if same < len(shared):
        del shared[same : len(shared)]
    shared.extend([shared_output(output) for output in after[same:]])


def _is_stream_of(shared: Any, output: Mapping[str, Any]) -> bool:
    return (
        isinstance(shared, Map)
        and output.get("output_type") == shared.get("output_type") == "stream"
        and output.get("name") == shared.get("name")
        and isinstance(shared.get("text"), Text)
    )


def _text(output: Mapping[str, Any]) -> str:
    text = output.get("text", "")
    return text if isinstance(text, str) else "".join(text)
