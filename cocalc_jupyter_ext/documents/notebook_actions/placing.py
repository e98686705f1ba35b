"""Where cells go: new ones, moved ones, and away (pure; syncdoc-jupyter §3.3 "Positions")."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from ..notebook_records.positions import position_of, spread
from ..syncdoc.records import Record, Records
from .changes import Change, Delete, Set, set_cell
from .errors import InvalidActionError
from .reading import (
    cell_ids,
    cell_type_of,
    cells_in_order,
    distinct,
    index_of,
    is_blank,
    is_deletable,
    require_cell,
    require_deletable,
)

__all__ = [
    "CELL_TYPES",
    "copies_of_cells",
    "delete_blank_code_cells",
    "delete_cells",
    "insert_cells",
    "move_cell",
    "move_cells",
    "require_cell_type",
]

CELL_TYPES: Final = ("code", "markdown", "raw")

_PLACE: Final = frozenset({"type", "id", "pos"})
_NOT_COPIED: Final = _PLACE | {"state", "start", "end", "last"}
"""What a copy of a cell does not have: its place, and how its run goes."""


def insert_cells(
    records: Records, cells: Sequence[tuple[str, Mapping[str, Any]]], index: int
) -> list[Change]:
    """Add cells, each an id and its fields, before the one that stands at ``index`` now.

    Raises InvalidActionError for an unknown cell type, and for fields that say which cell it is
    or where.
    """
    for _cell_id, fields in cells:
        require_cell_type(fields.get("cell_type", "code"))
        if given := sorted(_PLACE & fields.keys()):
            raise InvalidActionError(f"a new cell gets its {given[0]!r} when it is inserted")
    positions, changes = _place(cells_in_order(records), index, len(cells))
    for (cell_id, fields), position in zip(cells, positions, strict=True):
        known = {name: value for name, value in fields.items() if value is not None}
        changes.append(
            set_cell(cell_id, **{"input": "", "cell_type": "code", **known, "pos": position})
        )
    return changes


def delete_cells(records: Records, ids: Sequence[str]) -> list[Change]:
    """Delete cells, all or none; raises UnknownCellError, NotDeletableError."""
    for cell_id in distinct(ids):
        require_deletable(records, cell_id)
    return [Delete({"type": "cell", "id": cell_id}) for cell_id in distinct(ids)]


def delete_blank_code_cells(records: Records) -> list[Change]:
    """Delete the code cells in which nothing is written; protected ones stay."""
    return [
        Delete({"type": "cell", "id": cell["id"]})
        for cell in cells_in_order(records)
        if cell_type_of(cell) == "code" and is_blank(cell) and is_deletable(cell)
    ]


def move_cell(records: Records, cell_id: str, by: int) -> list[Change]:
    """Move a cell down by so many places, up by a negative number; it stops at the ends.

    Raises UnknownCellError.
    """
    ids = cell_ids(records)
    index = index_of(ids, cell_id)
    target = min(max(index + by, 0), len(ids) - 1)
    return [] if target == index else move_cells(records, [cell_id], target)


def move_cells(records: Records, ids: Sequence[str], index: int) -> list[Change]:
    """Move cells so that they stand in this order, the first of them at ``index``.

    The index counts without the cells that are moved. Raises UnknownCellError.
    """
    moved = distinct(ids)
    for cell_id in moved:
        require_cell(records, cell_id)
    staying = [cell for cell in cells_in_order(records) if cell["id"] not in moved]
    wanted = [cell["id"] for cell in staying]
    wanted[max(index, 0) : max(index, 0)] = moved
    if wanted == cell_ids(records):
        return []
    positions, changes = _place(staying, index, len(moved))
    places = zip(moved, positions, strict=True)
    return [*changes, *(set_cell(cell_id, pos=position) for cell_id, position in places)]


def copies_of_cells(records: Records, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what new cells need to be like these; raises UnknownCellError."""
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [
        {name: value for name, value in cell.items() if name not in _NOT_COPIED} for cell in cells
    ]


def require_cell_type(cell_type: object) -> None:
    """Refuse what is not a type of cell; raises InvalidActionError."""
    if cell_type not in CELL_TYPES:
        raise InvalidActionError(f"{cell_type!r} is not a type of cell: {', '.join(CELL_TYPES)}")


def _place(staying: Sequence[Record], index: int, count: int) -> tuple[list[float], list[Change]]:
    """Return positions for ``count`` cells before one that stays, and what makes room for them.

    Where the numbers between two neighbours run out, or both have the same, all cells are
    renumbered.
    """
    index = min(max(index, 0), len(staying))
    positions = [position_of(cell) for cell in staying]
    before = positions[index - 1] if index > 0 else None
    after = positions[index] if index < len(staying) else None
    wanted = [_plain(position) for position in spread(before, after, count)]
    if _are_ascending([before, *wanted, after]):
        return wanted, []
    return [index + n for n in range(count)], _renumbered(staying, index, count)


def _renumbered(staying: Sequence[Record], index: int, count: int) -> list[Change]:
    changes: list[Change] = []
    for number, cell in enumerate(staying):
        position = number if number < index else number + count
        if cell.get("pos") != position:
            changes.append(Set({"type": "cell", "id": cell["id"], "pos": position}))
    return changes


def _are_ascending(positions: Collection[float | None]) -> bool:
    known = [position for position in positions if position is not None]
    return all(one < other for one, other in pairwise(known))


def _plain(position: float) -> float:
    """Return a whole number as such: nobody writes 1.0."""
    return int(position) if float(position).is_integer() else position
