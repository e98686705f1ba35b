"""Three versions of a notebook become one, cell by cell (pure).

Cells are matched by id. Cells of a file without ids are matched by what is in them, so that a
tool that knows no ids does not make all cells look new. Nothing that somebody wrote is lost: a
cell that one side deleted and the other edited stays.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from .merge_values import Merged, merge_maps, merge_texts, merge_values

__all__ = ["merge_notebooks", "with_ids_of", "with_known_ids"]

Cell = Mapping[str, Any]
Notebook = Mapping[str, Any]

_RESULTS: Final = frozenset({"outputs", "execution_count"})
"""What a kernel makes; it can be made again, so ours stays without a word."""


def merge_notebooks(base: Notebook, theirs: Notebook, ours: Notebook) -> Merged[dict[str, Any]]:
    """Merge notebooks of nbformat 4; every cell needs an id (see ``with_ids_of``)."""
    versions = [{cell["id"]: cell for cell in each["cells"]} for each in (base, theirs, ours)]
    cells: list[Cell] = []
    is_clean = True
    for cell_id in _order(*[list(version) for version in versions]):
        merged = _merge_cell(*[version.get(cell_id) for version in versions])
        is_clean &= merged.is_clean
        if merged.value is not None:
            cells.append(merged.value)
    metadata = merge_maps(*[each.get("metadata", {}) for each in (base, theirs, ours)])
    notebook = {**ours, "cells": cells, "metadata": metadata.value}
    return Merged(notebook, is_clean and metadata.is_clean)


def with_ids_of(known: Notebook, notebook: Notebook) -> dict[str, Any]:
    """Return the notebook whose cells without ids have those of the known cells they look like."""
    cells = list(notebook["cells"])
    if all(cell.get("id") for cell in cells):
        return dict(notebook)
    ids = _matched_ids(known["cells"], cells)
    return {**notebook, "cells": [_with_id(cell, ids.get(n)) for n, cell in enumerate(cells)]}


def with_known_ids(known: Notebook, notebook: Notebook) -> dict[str, Any]:
    """Return the notebook whose cells that no known cell has the id of have those of cells alike.

    For programs that renumber all cells whenever they write (syncdoc-jupyter §7.1).
    """
    cells = list(notebook["cells"])
    of_known = {cell["id"] for cell in known["cells"]}
    renamed = [n for n, cell in enumerate(cells) if cell.get("id") not in of_known]
    found = {cell.get("id") for cell in cells}
    left = [cell for cell in known["cells"] if cell["id"] not in found]
    for place, cell_id in _matched_ids(left, [cells[n] for n in renamed]).items():
        cells[renamed[place]] = {**cells[renamed[place]], "id": cell_id}
    return {**notebook, "cells": cells}


def _matched_ids(known: Sequence[Cell], cells: Sequence[Cell]) -> dict[int, str]:
    matcher = SequenceMatcher(
        None, [_looks(cell) for cell in known], [_looks(cell) for cell in cells], autojunk=False
    )
    ids: dict[int, str] = {}
    for tag, known_start, known_end, start, end in matcher.get_opcodes():
        if tag in {"equal", "replace"}:
            pairs = zip(range(start, end), known[known_start:known_end], strict=False)
            ids.update((index, cell["id"]) for index, cell in pairs)
    return ids


def _looks(cell: Cell) -> tuple[str, str]:
    source = cell.get("source", "")
    return cell["cell_type"], "".join(source) if isinstance(source, list) else source


def _with_id(cell: Cell, cell_id: str | None) -> Cell:
    return cell if cell.get("id") or cell_id is None else {**cell, "id": cell_id}


def _order(base: list[str], theirs: list[str], ours: list[str]) -> list[str]:
    """Return all ids in our order, or in theirs if only they moved cells.

    A cell that only one side has stands behind the cell that it stands behind there.
    """
    common = set(base) & set(theirs) & set(ours)
    we_moved = [i for i in ours if i in common] != [i for i in base if i in common]
    first, second = (ours, theirs) if we_moved else (theirs, ours)
    order = list(first)
    placed = set(first)
    for position, cell_id in enumerate(second):
        if cell_id in placed:
            continue
        index = order.index(second[position - 1]) + 1 if position else 0
        order.insert(index, cell_id)
        placed.add(cell_id)
    return order


def _merge_cell(base: Cell | None, theirs: Cell | None, ours: Cell | None) -> Merged[Cell | None]:
    """Merge a cell; None is a cell that is not there."""
    if theirs is None or ours is None:
        left = ours if theirs is None else theirs
        is_deleted = base is not None and left is not None and not _was_written(base, left)
        return Merged(None if is_deleted else left)
    if base is None or len({cell["cell_type"] for cell in (base, theirs, ours)}) > 1:
        return _merge_whole_cell(base, theirs, ours)
    return _merge_parts(base, theirs, ours)


def _was_written(base: Cell, cell: Cell) -> bool:
    """Return whether somebody changed a cell; what a kernel put into it does not count."""
    return any(
        base.get(name) != cell.get(name) for name in {**base, **cell} if name not in _RESULTS
    )


def _merge_whole_cell(base: Cell | None, theirs: Cell, ours: Cell) -> Merged[Cell | None]:
    merged = merge_values(base, theirs, ours)
    return Merged(merged.value, merged.is_clean)


def _merge_parts(base: Cell, theirs: Cell, ours: Cell) -> Merged[Cell | None]:
    merged: dict[str, Any] = {}
    is_clean = True
    for name in {**ours, **theirs}:
        versions = [version.get(name) for version in (base, theirs, ours)]
        part = _merge_part(name, *versions)
        is_clean &= part.is_clean or name in _RESULTS
        if part.value is not None or name in ours:
            merged[name] = part.value
    return Merged(merged, is_clean)


def _merge_part(name: str, base: Any, theirs: Any, ours: Any) -> Merged[Any]:
    if name == "source":
        return merge_texts(*[_text(version) for version in (base, theirs, ours)])
    if name == "metadata" and all(isinstance(each, Mapping) for each in (base, theirs, ours)):
        return merge_maps(base, theirs, ours)
    return merge_values(base, theirs, ours)


def _text(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source or "")
