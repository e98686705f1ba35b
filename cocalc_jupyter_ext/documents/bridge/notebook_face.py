"""The face of a notebook: shared cells on one side, records on the other (syncdoc-jupyter §3).

Cells are matched by id. Only the parts of a cell that changed are carried over, so what one
side cannot express stays as it is on the other: states and times of runs have no place in the
shared types, and the life cycle of a cell there has none in the records.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map

from ..notebook_records.blobs import BlobSink, BlobSource
from ..notebook_records.cells import PARTS, cell_from_record, fields_from_cell, record_from_cell
from ..notebook_records.positions import in_order, spread
from ..syncdoc.records import Record, Records
from .ordering import staying
from .shared_cells import edit_cell, edit_map, insert_cell, read_cell, read_metadata

__all__ = ["NotebookFace"]

_KERNELSPEC: Final = "kernelspec"


class NotebookFace:
    """Carries a notebook over, cell by cell and part by part.

    ``put`` and ``get`` keep and find what is too large for records.
    """

    def __init__(self, notebook: YNotebook, *, put: BlobSink, get: BlobSource) -> None:
        self.on_edit: Callable[[], None] = lambda: None
        self._notebook = notebook
        self._put = put
        self._get = get
        self._known: dict[str, dict[str, Any]] = {}
        self._metadata: dict[str, Any] = {}
        self._edited: set[str] | None = None
        self._shared: list[tuple[Array[Any] | Map[Any], Any]] = []
        meta = notebook.ydoc.get("meta", type=Map)
        for shared, note in ((notebook.ycells, self._on_cells), (meta, self._on_metadata)):
            self._shared.append((shared, shared.observe_deep(note)))

    def pull(self, value: Records) -> Records:
        """Edit the records as the shared types were edited since the last call."""
        cells = self._cells()
        for cell_id in self._known.keys() - cells.keys():
            del self._known[cell_id]
            value.delete({"type": "cell", "id": cell_id})
        self._place(value, list(cells))
        for cell_id in list(cells) if self._edited is None else self._edited & cells.keys():
            self._pull_parts(value, cell_id, read_cell(cells[cell_id]))
        self._edited = set()
        self._pull_metadata(value)
        return value

    def pull_all(self, value: Records) -> Records:
        """Edit the records until their cells and metadata are those of the shared types."""
        cells = self._cells()
        for record in value.get({"type": "cell"}):
            if record["id"] not in cells:
                value.delete({"type": "cell", "id": record["id"]})
        self._known, self._metadata, self._edited = {}, {}, None
        return self.pull(value)

    def push(self, before: Records, after: Records) -> None:
        """Edit the shared types as the records were edited."""
        old = {str(record["id"]): record for record in before.get({"type": "cell"})}
        new = {str(record["id"]): record for record in in_order(after.get({"type": "cell"}))}
        self._remove(old.keys() - new.keys())
        for cell_id, record in new.items():
            if cell_id in old and record is not old[cell_id]:
                self._push_parts(cell_id, old[cell_id], record)
        self._arrange(new)
        self._push_metadata(before, after)

    def close(self) -> None:
        """Stop observing; an observed ``Doc`` is never freed."""
        for shared, subscription in self._shared:
            shared.unobserve(subscription)
        self._shared = []

    # What is observed

    def _on_cells(self, events: list[Any]) -> None:
        """Note which cells were edited; when some came or went, any may have."""
        cells = self._notebook.ycells
        for event in events:
            if not event.path:
                self._edited = None
            elif self._edited is not None:
                self._edited.add(cells[event.path[0]].get("id"))
        self.on_edit()

    def _on_metadata(self, _events: list[Any]) -> None:
        self.on_edit()

    def _cells(self) -> dict[str, Map[Any]]:
        """Return the shared cells by id, in order; of two with one id the first counts."""
        cells: dict[str, Map[Any]] = {}
        for cell in self._notebook.ycells:
            cells.setdefault(cell.get("id"), cell)
        return cells

    # From the shared types to the records

    def _place(self, value: Records, order: list[str]) -> None:
        """Add what is new, and give positions to what is new or was moved."""
        records = {record["id"]: record for record in in_order(value.get({"type": "cell"}))}
        wanted = [cell_id for cell_id in order if cell_id in records or cell_id not in self._known]
        stays = staying(list(records), wanted)
        for group, before, after in _gaps(wanted, stays):
            positions = spread(_position(records, before), _position(records, after), len(group))
            for cell_id, position in zip(group, positions, strict=True):
                self._place_one(value, cell_id, position, is_new=cell_id not in records)

    def _place_one(self, value: Records, cell_id: str, position: float, *, is_new: bool) -> None:
        if not is_new:
            value.set({"type": "cell", "id": cell_id, "pos": position})
            return
        plain = read_cell(self._cells()[cell_id])
        value.set(record_from_cell(plain, cell_id=cell_id, position=position, put=self._put))
        self._known[cell_id] = plain

    def _pull_parts(self, value: Records, cell_id: str, plain: dict[str, Any]) -> None:
        known = self._known.get(cell_id, {})
        fields: dict[str, Any] = {}
        for part in PARTS:
            if plain.get(part) != known.get(part):
                fields |= fields_from_cell(plain, part, self._put)
        self._known[cell_id] = plain
        if fields:
            _replace_fields(value, {"type": "cell", "id": cell_id}, fields)

    def _pull_metadata(self, value: Records) -> None:
        metadata = read_metadata(self._notebook)
        if metadata == self._metadata:
            return
        known, self._metadata = self._metadata, metadata
        if metadata.get(_KERNELSPEC) != known.get(_KERNELSPEC):
            value.set({"type": "settings", "kernel": _kernel(metadata)})
        rest, known_rest = _without_kernel(metadata), _without_kernel(known)
        changes = {
            name: rest.get(name)
            for name in {**rest, **known_rest}
            if rest.get(name) != known_rest.get(name)
        }
        if changes:
            value.set({"type": "settings", "metadata": changes})

    # From the records to the shared types

    def _remove(self, cell_ids: Iterable[str]) -> None:
        gone = set(cell_ids)
        cells = self._notebook.ycells
        for index in reversed(range(len(cells))):
            if cells[index].get("id") in gone:
                del cells[index]
        for cell_id in gone:
            self._known.pop(cell_id, None)

    def _push_parts(self, cell_id: str, old: Record, new: Record) -> None:
        shared = self._cells().get(cell_id)
        if shared is None:
            return
        before, after = cell_from_record(old, self._get), cell_from_record(new, self._get)
        if before["cell_type"] != after["cell_type"]:
            self._replace(cell_id, after)
        else:
            edit_cell(shared, before, after)
        self._know_again(cell_id)

    def _replace(self, cell_id: str, cell: Mapping[str, Any]) -> None:
        index = list(self._cells()).index(cell_id)
        del self._notebook.ycells[index]
        insert_cell(self._notebook, index, cell)

    def _arrange(self, records: Mapping[str, Record]) -> None:
        """Add what is missing and move what stands elsewhere; the others stay untouched."""
        shared = [cell.get("id") for cell in self._notebook.ycells]
        wanted = list(records)
        stays = staying(shared, wanted)
        moved = {
            cell_id: self._taken_out(cell_id)
            for cell_id in shared
            if cell_id in records and cell_id not in stays
        }
        for index, cell_id in enumerate(wanted):
            if cell_id in stays:
                continue
            cell = moved.get(cell_id) or cell_from_record(records[cell_id], self._get)
            insert_cell(self._notebook, self._index_after(wanted[:index]), cell)
            self._know_again(cell_id)

    def _taken_out(self, cell_id: str) -> dict[str, Any]:
        """Remove a cell and return what it held, with what was typed a moment ago."""
        index = [cell.get("id") for cell in self._notebook.ycells].index(cell_id)
        plain = read_cell(self._notebook.ycells[index])
        del self._notebook.ycells[index]
        return plain

    def _index_after(self, predecessors: list[str]) -> int:
        ids = [cell.get("id") for cell in self._notebook.ycells]
        return ids.index(predecessors[-1]) + 1 if predecessors else 0

    def _know_again(self, cell_id: str) -> None:
        self._known[cell_id] = read_cell(self._cells()[cell_id])

    def _push_metadata(self, before: Records, after: Records) -> None:
        old, new = _settings(before), _settings(after)
        if old.get("kernel") == new.get("kernel") and old.get("metadata") == new.get("metadata"):
            return
        wanted = {**_without_kernel(self._metadata), **(new.get("metadata") or {})}
        for name in (old.get("metadata") or {}).keys() - (new.get("metadata") or {}).keys():
            wanted.pop(name, None)
        kernel = new.get("kernel")
        if kernel == _kernel(self._metadata) and _KERNELSPEC in self._metadata:
            wanted[_KERNELSPEC] = self._metadata[_KERNELSPEC]
        elif kernel:
            wanted[_KERNELSPEC] = {"name": kernel, "display_name": kernel}
        self._edit_metadata(wanted)
        self._metadata = read_metadata(self._notebook)

    def _edit_metadata(self, wanted: Mapping[str, Any]) -> None:
        meta = self._notebook.ydoc.get("meta", type=Map)
        if isinstance(meta.get("metadata"), Map):
            edit_map(meta["metadata"], self._metadata, wanted)
        else:
            meta["metadata"] = Map(dict(wanted))


def _gaps(wanted: list[str], stays: set[str]) -> Iterable[tuple[list[str], str | None, str | None]]:
    """Yield what does not stay, in groups, with the neighbours that do."""
    group: list[str] = []
    before: str | None = None
    for cell_id in wanted:
        if cell_id not in stays:
            group.append(cell_id)
            continue
        if group:
            yield group, before, cell_id
            group = []
        before = cell_id
    if group:
        yield group, before, None


def _position(records: Mapping[str, Record], cell_id: str | None) -> float | None:
    return None if cell_id is None else float(records[cell_id].get("pos", -1))


def _replace_fields(value: Records, key: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Set fields as a whole: maps would merge with what they held before (§2.3)."""
    maps = {name: None for name, field in fields.items() if isinstance(field, Mapping)}
    if maps:
        value.set({**key, **maps})
    value.set({**key, **fields})


def _settings(records: Records) -> Record:
    return records.get_one({"type": "settings"}) or {}


def _kernel(metadata: Mapping[str, Any]) -> str | None:
    spec = metadata.get(_KERNELSPEC)
    name = spec.get("name") if isinstance(spec, Mapping) else None
    return name.lower() if isinstance(name, str) else None


def _without_kernel(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != _KERNELSPEC}
