"""The face of a notebook: shared cells on one side, records on the other (syncdoc-jupyter §3).

Cells are matched by id. Only the parts of a cell that changed are carried over, so what one
side cannot express stays as it is on the other: states and times of runs have no place in the
shared types, and the life cycle of a cell there has none in the records.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map

from ..merge_values import MISSING
from ..notebook_records.blobs import BlobSink, BlobSource
from ..notebook_records.cells import PARTS, cell_from_record, fields_from_cell, record_from_cell
from ..notebook_records.notebooks import metadata_of
from ..notebook_records.positions import in_order, position_of, spread
from ..syncdoc.records import Record, Records
from .cell_list import CellList
from .ordering import staying
from .shared_cells import edit_cell, edit_metadata, read_cell, read_metadata, read_part

__all__ = ["NotebookFace", "new_cell_id"]

_KERNELSPEC: Final = "kernelspec"


def new_cell_id() -> str:
    """Return six random hexadecimal digits, as CoCalc clients number cells (§3.3)."""
    return uuid.uuid4().hex[:6]


class NotebookFace:
    """Carries a notebook over, cell by cell and part by part.

    ``put`` and ``get`` keep and find what is too large for records; ``make_id`` gives ids to
    cells that have none of their own.
    """

    def __init__(
        self,
        notebook: YNotebook,
        *,
        put: BlobSink,
        get: BlobSource,
        make_id: Callable[[], str] = new_cell_id,
    ) -> None:
        self.on_edit: Callable[[], None] = lambda: None
        self._notebook = notebook
        self._cells = CellList(notebook, make_id)
        self._put = put
        self._get = get
        self._known: dict[str, dict[str, Any]] = {}
        self._metadata: dict[str, Any] = {}
        self._is_rearranged = True
        self._is_metadata_edited = True
        self._edited: dict[str, set[str]] = {}
        self._shared: list[tuple[Array[Any] | Map[Any], Any]] = []
        meta = notebook.ydoc.get("meta", type=Map)
        for shared, note in ((notebook.ycells, self._on_cells), (meta, self._on_metadata)):
            self._shared.append((shared, shared.observe_deep(note)))

    @property
    def is_tidy(self) -> bool:
        """Whether each shared cell has an id of its own."""
        return self._cells.is_tidy

    def tidy(self) -> None:
        """Give each shared cell an id of its own, and remove what is there twice."""
        self._cells.tidy()
        self._is_rearranged = True

    def pull(self, value: Records) -> Records:
        """Edit the records as the shared types were edited since the last call."""
        if self._is_rearranged:
            self._pull_order(value)
        edited, self._edited = self._edited, {}
        for cell_id, parts in edited.items():
            if cell_id in self._cells.by_id:
                self._pull_parts(value, cell_id, parts)
        if self._is_metadata_edited:
            self._pull_metadata(value)
        return value

    def pull_all(self, value: Records) -> Records:
        """Edit the records until their cells and metadata are those of the shared types."""
        for cell_id in _cells_of(value).keys() - self._cells.by_id.keys():
            value.delete({"type": "cell", "id": cell_id})
        self._known, self._metadata = {}, {}
        self._is_rearranged = self._is_metadata_edited = True
        self._edited = {cell_id: set(PARTS) for cell_id in self._cells.ids}
        return self.pull(value)

    def push(self, before: Records, after: Records) -> None:
        """Edit the shared types as the records were edited."""
        edits = _edits_in_place(before, after)
        if edits is None:
            self._push_all(before, after)
        else:
            for cell_id, old, new in edits:
                self._push_parts(cell_id, old, new)
        self._push_metadata(before, after)

    def _push_all(self, before: Records, after: Records) -> None:
        """Look at all cells: some came, went or were moved."""
        old, new = _cells_of(before), _cells_of(after)
        gone = old.keys() - new.keys()
        self._cells.remove(gone)
        for cell_id in gone:
            self._known.pop(cell_id, None)
        for cell_id, record in new.items():
            if cell_id in old and record is not old[cell_id]:
                self._push_parts(cell_id, old[cell_id], record)
        self._cells.arrange(
            list(new),
            lambda cell_id: cell_from_record(new[cell_id], self._get, live=True),
            [i for i in new if i in old and new[i].get("pos") != old[i].get("pos")],
        )
        for cell_id in new.keys() - self._known.keys():
            self._known[cell_id] = read_cell(self._cells.by_id[cell_id])

    def close(self) -> None:
        """Stop observing; an observed ``Doc`` is never freed."""
        for shared, subscription in self._shared:
            shared.unobserve(subscription)
        self._shared = []
        self._cells.forget()

    # What is observed

    def _on_cells(self, events: list[Any]) -> None:
        """Note which parts of which cells were edited."""
        for event in events:
            if not event.path:
                self._on_list(event)
            else:
                parts = {event.path[1]} if len(event.path) > 1 else set(event.keys)
                self._note(_id_of(self._notebook.ycells[event.path[0]]), parts)
        self.on_edit()

    def _on_list(self, event: Any) -> None:
        """Look at all of what came; it may be a cell that was moved and edited."""
        self._is_rearranged = True
        self._cells.forget()
        for change in event.delta:
            for cell in change.get("insert", ()):
                self._note(_id_of(cell), PARTS)

    def _note(self, cell_id: Any, parts: Iterable[str]) -> None:
        parts = set(parts)
        if "id" in parts or not isinstance(cell_id, str):
            # Under its new name it is another cell, all of which is looked at.
            self._is_rearranged = True
            self._cells.forget()
            parts = set(PARTS)
        if isinstance(cell_id, str):
            self._edited.setdefault(cell_id, set()).update(parts)

    def _on_metadata(self, _events: list[Any]) -> None:
        self._is_metadata_edited = True
        self.on_edit()

    # From the shared types to the records

    def _pull_order(self, value: Records) -> None:
        self._is_rearranged = False
        records = _cells_of(value)
        for cell_id in self._known.keys() - self._cells.by_id.keys():
            del self._known[cell_id]
            if cell_id in records:
                del records[cell_id]
                value.delete({"type": "cell", "id": cell_id})
        order = self._cells.ids
        for cell_id, position in _new_positions(records, order):
            self._place(value, cell_id, position, is_new=cell_id not in records)

    def _place(self, value: Records, cell_id: str, position: float, *, is_new: bool) -> None:
        if not is_new:
            value.set({"type": "cell", "id": cell_id, "pos": position})
            return
        self._edited.pop(cell_id, None)
        plain = read_cell(self._cells.by_id[cell_id])
        value.set(record_from_cell(plain, cell_id=cell_id, position=position, put=self._put))
        self._known[cell_id] = plain

    def _pull_parts(self, value: Records, cell_id: str, parts: set[str]) -> None:
        shared, known = self._cells.by_id[cell_id], self._known.get(cell_id, {})
        plain = {**known, **{part: read_part(shared, part) for part in PARTS if part in parts}}
        plain = {part: content for part, content in plain.items() if content is not MISSING}
        fields: dict[str, Any] = {}
        for part in PARTS:
            if part in parts and plain.get(part) != known.get(part):
                fields |= fields_from_cell(plain, part, self._put)
        self._known[cell_id] = plain
        if fields:
            _replace_fields(value, {"type": "cell", "id": cell_id}, fields)

    def _pull_metadata(self, value: Records) -> None:
        self._is_metadata_edited = False
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

    def _push_parts(self, cell_id: str, old: Record, new: Record) -> None:
        before, after = (cell_from_record(each, self._get, live=True) for each in (old, new))
        if before["cell_type"] != after["cell_type"]:
            self._cells.replace(cell_id, after)
            self._known[cell_id] = read_cell(self._cells.by_id[cell_id])
            return
        shared, known = self._cells.by_id[cell_id], self._known[cell_id]
        for part in edit_cell(shared, before, after):
            known[part] = read_part(shared, part)
            if known[part] is MISSING:
                del known[part]

    def _push_metadata(self, before: Records, after: Records) -> None:
        old, new = _settings(before), _settings(after)
        if old.get("kernel") == new.get("kernel") and old.get("metadata") == new.get("metadata"):
            return
        wanted = {**_without_kernel(self._metadata), **metadata_of(new)}
        for name in metadata_of(old).keys() - metadata_of(new).keys():
            wanted.pop(name, None)
        kernel = new.get("kernel")
        if kernel == _kernel(self._metadata) and _KERNELSPEC in self._metadata:
            wanted[_KERNELSPEC] = self._metadata[_KERNELSPEC]
        elif kernel and isinstance(kernel, str):
            wanted[_KERNELSPEC] = {"name": kernel, "display_name": kernel}
        edit_metadata(self._notebook, self._metadata, wanted)
        self._metadata = read_metadata(self._notebook)


def _id_of(cell: Any) -> Any:
    """Return the id of a shared cell; None for what a page put there and is mended at once."""
    return cell.get("id") if isinstance(cell, Map) else None


def _cells_of(records: Records) -> dict[str, Record]:
    """Return the cell records by id, in order; only text can be an id in the shared types."""
    cells = in_order(records.get({"type": "cell"}))
    return {record["id"]: record for record in cells if isinstance(record.get("id"), str)}


def _edits_in_place(before: Records, after: Records) -> list[tuple[str, Record, Record]] | None:
    """Return which cells were edited and how, or None where their list may be another one."""
    edits = []
    for old, new in after.edits_since(before):
        if old is None or new is None:
            return None
        if any(old.get(name) != new.get(name) for name in ("type", "id", "pos")):
            return None
        if new.get("type") == "cell":
            cell_id = new.get("id")
            if not isinstance(cell_id, str):
                return None
            edits.append((cell_id, old, new))
    return edits


def _new_positions(
    records: Mapping[str, Record], wanted: Sequence[str]
) -> Iterable[tuple[str, float]]:
    """Yield the cells that must be placed, and where, so that the records get an order."""
    stays = staying(list(records), wanted)
    positions = {cell_id: position_of(records[cell_id]) for cell_id in stays}
    for group, before, after in _gaps(wanted, stays):
        ends = [None if end is None else positions[end] for end in (before, after)]
        positions.update(zip(group, spread(ends[0], ends[1], len(group)), strict=True))
    is_ordered = all(positions[one] < positions[other] for one, other in pairwise(wanted))
    if len(stays) == len(wanted):
        return []
    if is_ordered:
        return [(cell_id, positions[cell_id]) for cell_id in wanted if cell_id not in stays]
    return [(cell_id, float(index)) for index, cell_id in enumerate(wanted)]


def _gaps(
    wanted: Sequence[str], stays: set[str]
) -> Iterable[tuple[list[str], str | None, str | None]]:
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
    return name.lower() if isinstance(name, str) and name else None


def _without_kernel(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != _KERNELSPEC}
