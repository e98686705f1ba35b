"""Where a synced document lives: its record, its patches (syncdoc-jupyter §1.2, §1.3)."""

from collections.abc import Mapping
from typing import Any

from ...conat.client.client import Client
from ...conat.signals import Signal
from ...conat.sync.dko import DKO, ObjectChange
from ...conat.sync.dko_rows import field_key
from ...conat.sync.dstream import DStream
from ...conat.sync.opening import open_dko, open_dstream
from .coordination import CoordinationRecord, merged, string_id
from .save_requests import keep_request

__all__ = ["RecordStore", "open_patches", "open_record"]


class RecordStore:
    """The coordination record of one document, as a whole.

    Its fields are written one by one, and the list of their names by whoever comes last. A
    field that another participant's list has forgotten is therefore put back (§1.3).
    """

    def __init__(self, objects: DKO, key: str) -> None:
        self.changes: Signal[[]] = Signal(f"changes of the record {key}")
        self._objects = objects
        self._key = key
        self._known: set[str] = set()
        self._disconnect = objects.changes.connect(self._on_change)
        self._remember()

    def get(self) -> CoordinationRecord:
        """Return the record; empty when nobody has written it."""
        return self._objects.get(self._key) or {}

    def update(self, changes: Mapping[str, Any]) -> None:
        """Merge changes into the record; it is saved in the background."""
        record = self.get()
        wanted = merged(record, changes)
        if wanted != record:
            self._objects.set(self._key, wanted)
        self._remember()

    async def save(self) -> None:
        """Return when everybody can see what was written."""
        await self._objects.save()

    async def close(self) -> None:
        """End following the record."""
        self._disconnect()
        self.changes.clear()
        await self._objects.close()

    def _remember(self) -> None:
        self._known |= self.get().keys()

    def _on_change(self, change: ObjectChange) -> None:
        if change.key != self._key:
            return
        record = self.get()
        forgotten = self._known - record.keys() if record else set[str]()
        if forgotten:
            self._objects.set(self._key, {**self._rows(forgotten), **record})
        self._remember()
        self.changes.emit()

    def _rows(self, fields: set[str]) -> dict[str, Any]:
        """Return the values of fields that are stored, though the list does not name them."""
        rows = self._objects.dkv
        found = {field: rows.get(field_key(self._key, field)) for field in fields}
        return {field: value for field, value in found.items() if value is not None}


async def open_record(
    client: Client,
    project_id: str,
    path: str,
    *,
    ephemeral: bool = False,
    is_file_server: bool = False,
) -> RecordStore:
    """Open the record of a document; raises what opening a store raises.

    ``is_file_server`` is for who answers save requests, and must not miss one.
    """
    key = string_id(project_id, path)
    objects = await open_dko(
        client,
        name=f"syncstrings:{key}",
        project_id=project_id,
        ephemeral=ephemeral,
        merge=keep_request if is_file_server else None,
        no_inventory=True,
    )
    return RecordStore(objects, key)


async def open_patches(
    client: Client,
    project_id: str,
    path: str,
    *,
    start_seq: int | None = None,
    ephemeral: bool = False,
) -> DStream:
    """Open the patches of a document, from a place in the stream on."""
    return await open_dstream(
        client,
        name=f"patches:{string_id(project_id, path)}",
        project_id=project_id,
        start_seq=start_seq,
        ephemeral=ephemeral,
        desc={"path": path},
        cached=False,
    )
