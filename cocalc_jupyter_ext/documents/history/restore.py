"""The value of a document after an older version was restored (pure).

Text is simply what it was. Of a notebook, cells are restored and what describes it, but nothing
of what only says what a kernel is doing: restoring never runs a cell, trusts an output, or
forgets a run that is going on.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ..notebook_records.positions import in_order, needs_renumbering, spread
from ..syncdoc.records import Record, Records
from .errors import NoCells, NoSuchCells
from .shapes import Shape, ShapeName

__all__ = ["restored"]

_RUN_FIELDS: Final = ("state", "start", "end")
_ENDED: Final = "done"
_KEPT_SETTINGS: Final = ("kernel", "metadata")
"""Settings that are part of the notebook; the others belong to the session."""
_LANGUAGE: Final = "language_info"
"""What the kernel tells of its language. Front ends write it once for each kernel that they start,
and without it they would show the code without colours until the next one."""


def restored(shape: Shape, now: Any, then: Any, cells: Collection[str] | None = None) -> Any:
    """Return the value that replaces ``now`` when ``then`` is restored, whole or some cells of it.

    Neither of them is changed. With ``cells``, the others stay as they are; a cell that exists
    stays at its place, one that is gone comes back next to its old neighbours. Raises NoCells,
    and NoSuchCells when ``then`` does not have them all.
    """
    if shape.name is ShapeName.NOTEBOOK:
        value = now.copy()
        if cells is None:
            _restore_notebook(value, then)
        else:
            _restore_cells(value, then, cells)
        return value
    if cells is not None:
        raise NoCells
    return shape.kind.edit(then)


def _restore_notebook(value: Records, then: Records) -> None:
    present, wanted = _cells(value), _cells(then)
    for cell_id, record in present.items():
        if cell_id not in wanted:
            value.delete(_key(record))
    for cell_id, record in wanted.items():
        _put(value, _settled(record, present.get(cell_id)))
    _restore_settings(value, then)


def _restore_cells(value: Records, then: Records, cells: Collection[str]) -> None:
    wanted = _cells(then)
    unknown = [cell_id for cell_id in cells if cell_id not in wanted]
    if unknown:
        raise NoSuchCells(unknown)
    order = list(wanted)
    _renumber_if_needed(value)
    for cell_id in order:  # in the old order, so that neighbours come back before one another
        if cell_id not in cells:
            continue
        present = _cells(value)
        record = _settled(wanted[cell_id], present.get(cell_id))
        if cell_id in present:
            position = present[cell_id].get("pos")
        else:
            position = _position_near_neighbours(cell_id, order, list(present.values()))
        _put(value, {**record, "pos": position})
        _renumber_if_needed(value)


def _position_near_neighbours(
    cell_id: str, old_order: Sequence[str], present: Sequence[Record]
) -> float:
    """Return a place behind the nearest cell that preceded it, or else before one that followed."""
    ids = [str(record.get("id")) for record in present]
    old_index = old_order.index(cell_id)
    places = {each: index for index, each in enumerate(ids)}
    before = next((places[each] for each in old_order[:old_index][::-1] if each in places), None)
    if before is None:
        after = next((places[each] for each in old_order[old_index:] if each in places), len(ids))
        before = after - 1
    return spread(_position(present, before), _position(present, before + 1), 1)[0]


def _position(cells: Sequence[Record], index: int) -> float | None:
    return float(cells[index]["pos"]) if 0 <= index < len(cells) else None


def _renumber_if_needed(value: Records) -> None:
    """Give all cells new places where one has none, or two have the same."""
    cells = list(_cells(value).values())
    are_placed = all(_is_number(record.get("pos")) for record in cells)
    if needs_renumbering(cells) or not are_placed:
        for index, record in enumerate(cells):
            value.set({**_key(record), "pos": index})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _settled(record: Record, present: Record | None) -> dict[str, Any]:
    """Return a cell as it was, but with the run of now: an old request to run is over."""
    cell = dict(record)
    if present is not None and present.get("state") not in {None, _ENDED}:
        for field in _RUN_FIELDS:
            cell.pop(field, None)
            if field in present:
                cell[field] = present[field]
    elif cell.get("state") not in {None, _ENDED}:
        for field in _RUN_FIELDS:
            cell.pop(field, None)
    return cell


def _restore_settings(value: Records, then: Records) -> None:
    where = {"type": "settings"}
    old, present = then.get_one(where) or {}, value.get_one(where) or {}
    settings: dict[str, Any] = {
        name: part for name, part in present.items() if name not in _KEPT_SETTINGS
    }
    settings.update({name: old[name] for name in _KEPT_SETTINGS if name in old})
    if old.get("kernel") == present.get("kernel"):
        settings |= _with_language(settings.get("metadata"), present.get("metadata"))
    if settings.keys() - {"type"}:
        value.delete(where)
        value.set({**where, **settings})


def _with_language(metadata: Any, present: Any) -> dict[str, Any]:
    """Return the setting ``metadata`` with what the present one says of the kernel's language."""
    if not isinstance(present, Mapping) or _LANGUAGE not in present:
        return {}
    kept = metadata if isinstance(metadata, Mapping) else {}
    return {"metadata": {_LANGUAGE: present[_LANGUAGE], **kept}}


def _put(value: Records, record: Mapping[str, Any]) -> None:
    """Put a whole record in the place of the one that has its key."""
    value.delete(_key(record))
    value.set(record)


def _key(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "cell", "id": record["id"]}


def _cells(value: Records) -> dict[str, Record]:
    """Return the cells by their ids, in order."""
    cells = (record for record in value.get({"type": "cell"}) if "id" in record)
    return {str(record["id"]): record for record in in_order(cells)}
