"""What changed between two notebooks, cell by cell and part by part (pure).

Cells are the same when they have the same id. A cell has moved when it stands elsewhere among
those that both versions have; as few cells as possible are said to have moved.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..notebook_records.cells import PARTS
from .diff import diff_texts

__all__ = ["CellChange", "CellStatus", "NotebookDiff", "diff_notebooks", "moved_ids"]

_SOURCE = "source"

Cell = Mapping[str, Any]


class CellStatus(StrEnum):
    """What became of a cell."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell that is not as it was; indices count from 0, None where it does not exist.

    ``parts`` says of each part of an nbformat cell that changed what it was and is: of the
    source, hunks; of the others ``{old, new}``. A cell that was changed and moved is CHANGED,
    with ``has_moved``.
    """

    cell_id: str
    status: CellStatus
    old_index: int | None = None
    new_index: int | None = None
    has_moved: bool = False
    parts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the form for callers."""
        return {
            "id": self.cell_id,
            "status": self.status.value,
            "old_index": self.old_index,
            "new_index": self.new_index,
            "moved": self.has_moved,
            "parts": dict(self.parts),
        }


@dataclass(frozen=True, slots=True)
class NotebookDiff:
    """The cells that changed, in the new order with removed ones where they were."""

    cells: tuple[CellChange, ...]
    metadata: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form for callers; ``metadata`` is null when the notebook's is the same."""
        return {"cells": [cell.to_json() for cell in self.cells], "metadata": self.metadata}


def diff_notebooks(old: Mapping[str, Any], new: Mapping[str, Any]) -> NotebookDiff:
    """Compare two notebooks of nbformat 4.5."""
    places = {cell["id"]: index for index, cell in enumerate(old["cells"])}
    new_ids = [cell["id"] for cell in new["cells"]]
    moved = moved_ids(list(places), new_ids)
    changes = _removed(old["cells"], set(new_ids))
    for index, cell in enumerate(new["cells"]):
        old_index = places.get(cell["id"])
        before = None if old_index is None else old["cells"][old_index]
        change = _change(before, cell, (old_index, index), cell["id"] in moved)
        if change is not None:
            changes.append(((index, 1), change))
    changes.sort(key=lambda placed: placed[0])
    is_same = old["metadata"] == new["metadata"]
    metadata = None if is_same else {"old": old["metadata"], "new": new["metadata"]}
    return NotebookDiff(tuple(change for _place, change in changes), metadata)


def moved_ids(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """Return the smallest set of ids that must be moved to bring those in both into order."""
    places = {cell_id: index for index, cell_id in enumerate(old)}
    common = [cell_id for cell_id in new if cell_id in places]
    return set(common) - _longest_increasing(common, places)


def _longest_increasing(ids: Sequence[str], places: Mapping[str, int]) -> set[str]:
    """Return the ids of a longest subsequence whose places increase."""
    ends: list[int] = []
    end_ids: list[str] = []
    previous: dict[str, str | None] = {}
    for cell_id in ids:
        length = bisect_left(ends, places[cell_id])
        previous[cell_id] = end_ids[length - 1] if length else None
        ends[length : length + 1] = [places[cell_id]]
        end_ids[length : length + 1] = [cell_id]
    found: set[str] = set()
    last = end_ids[-1] if end_ids else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found


def _removed(cells: Sequence[Cell], kept: set[str]) -> list[tuple[tuple[int, int], CellChange]]:
    return [
        (
            (index, 0),
            CellChange(cell["id"], CellStatus.REMOVED, old_index=index, parts=_parts(cell, {})),
        )
        for index, cell in enumerate(cells)
        if cell["id"] not in kept
    ]


def _change(
    old: Cell | None, new: Cell, indices: tuple[int | None, int], has_moved: bool
) -> CellChange | None:
    parts = _parts(old or {}, new)
    if old is None:
        status = CellStatus.ADDED
    elif parts:
        status = CellStatus.CHANGED
    elif has_moved:
        status = CellStatus.MOVED
    else:
        return None
    return CellChange(new["id"], status, *indices, has_moved=has_moved, parts=parts)


def _parts(old: Cell, new: Cell) -> dict[str, Any]:
    """Return what differs; a part that one of them lacks is null there."""
    parts: dict[str, Any] = {}
    for part in PARTS:
        before, after = old.get(part), new.get(part)
        if before == after or not (before or after):
            continue
        if part == _SOURCE:
            parts[part] = [hunk.to_json() for hunk in diff_texts(before or "", after or "")]
        else:
            parts[part] = {"old": before, "new": after}
    return parts
