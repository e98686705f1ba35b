"""Splitting a cell in two, and making one of several (pure; syncdoc-jupyter §3.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..syncdoc.records import Record, Records
from .changes import Change, Delete, apply_changes, map_changes, set_cell
from .editing import attachments_of, set_cell_input
from .errors import InvalidActionError
from .outputs import MORE_OUTPUT, output_map, outputs_of
from .placing import insert_cells
from .reading import (
    cell_ids,
    cell_type_of,
    distinct,
    index_of,
    input_of,
    require_deletable,
    require_editable,
)

__all__ = ["merge_cells", "neighbour", "split_cell"]


def split_cell(records: Records, cell_id: str, at: int, new_id: str) -> list[Change]:
    """Put the text before character ``at`` into a new cell above, of the same type.

    Raises UnknownCellError, NotEditableError, and InvalidActionError where the text is shorter.
    """
    cell = require_editable(records, cell_id)
    text = input_of(cell)
    if not 0 <= at <= len(text):
        raise InvalidActionError(f"cell {cell_id!r} has {len(text)} characters, no place {at}")
    above = {"input": text[:at], "cell_type": cell_type_of(cell)}
    index = index_of(cell_ids(records), cell_id)
    return [
        *insert_cells(records, [(new_id, above)], index),
        *set_cell_input(records, cell_id, text[at:]),
    ]


def neighbour(records: Records, cell_id: str, by: int) -> str:
    """Return the cell so many places below; raises UnknownCellError, InvalidActionError."""
    ids = cell_ids(records)
    index = index_of(ids, cell_id) + by
    if not 0 <= index < len(ids):
        where = "below" if by > 0 else "above"
        raise InvalidActionError(f"there is no cell {where} {cell_id!r} to merge it with")
    return ids[index]


def merge_cells(records: Records, ids: Sequence[str]) -> list[Change]:
    """Make one cell of several: of all, the first in the notebook stays.

    The texts are joined by newlines, the outputs follow one another, attachments stay known.
    Raises UnknownCellError, NotEditableError, NotDeletableError, and InvalidActionError for
    fewer than two cells.
    """
    wanted = distinct(ids)
    for cell_id in wanted:
        require_editable(records, cell_id)
    ordered = [cell_id for cell_id in cell_ids(records) if cell_id in wanted]
    if len(ordered) < 2:
        raise InvalidActionError("at least two cells are needed to merge them")
    changed = records.copy()
    changes: list[Change] = []
    for second in ordered[1:]:
        step = _merge_two(changed, ordered[0], second)
        apply_changes(changed, step)
        changes += step
    return changes


def _merge_two(records: Records, first_id: str, second_id: str) -> list[Change]:
    first, second = require_editable(records, first_id), require_deletable(records, second_id)
    attachments, text = _brought_along(first, second)
    fields: dict[str, Any] = {
        "input": f"{input_of(first)}\n{text}",
        "start": None,
        "end": None,
    }
    if cell_type_of(first) == "code":
        joined = output_map(_joined_outputs(first, second))
        fields["output"] = map_changes(first.get("output"), joined)
    if attachments:
        fields["attachments"] = attachments
    return [set_cell(first_id, **fields), Delete({"type": "cell", "id": second_id})]


def _joined_outputs(first: Record, second: Record) -> list[Any]:
    """Return all outputs; the mark for more of them is always last."""
    outputs = [*outputs_of(first), *outputs_of(second)]
    shown = [message for message in outputs if not _is_more(message)]
    return shown if len(shown) == len(outputs) else [*shown, MORE_OUTPUT]


def _is_more(message: object) -> bool:
    return isinstance(message, Mapping) and bool(message.get("more_output"))


def _brought_along(first: Record, second: Record) -> tuple[dict[str, Any], str]:
    """Return the second cell's attachments and text; other names where theirs are taken."""
    taken, text = dict(attachments_of(first)), input_of(second)
    brought: dict[str, Any] = {}
    for name, entry in attachments_of(second).items():
        new_name = _free_name(name, {**taken, **attachments_of(second), **brought})
        if taken.get(name, entry) == entry:
            new_name = name
        else:
            text = text.replace(f"(attachment:{name})", f"(attachment:{new_name})")
        brought[new_name] = entry
    return brought, text


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    stem, dot, extension = name.rpartition(".")
    number = 2
    while (free := f"{stem}-{number}{dot}{extension}" if dot else f"{name}-{number}") in taken:
        number += 1
    return free
