"""A synced document of records, for scripts and for the project itself (syncdoc-jupyter §2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ...conat.client.client import Client
from .coordination import DocumentType
from .disk_save import save_to_disk
from .json_values import checked_record
from .opening import Opening, name_of, open_document
from .records import Record, Records, RecordSchema
from .sync_document import SyncDocument
from .values import RecordsKind
from .versions import Version

__all__ = ["SyncDB", "open_syncdb"]

_SINGLETONS: Final = frozenset({"settings", "file", "nbconvert", "fatal"})
"""Types of which a notebook has one record, which has no id (§2.4)."""

KeyListener = Callable[[list[dict[str, Any]]], object]


class SyncDB:
    """Records that many participants edit; open it with ``open_syncdb``.

    Edits are local until ``commit``. Records that are read must not be changed.
    """

    def __init__(self, document: SyncDocument[Records]) -> None:
        self.document = document
        self._is_notebook = {"type", "id"} <= set(self._records.schema.primary_keys)

    @property
    def _records(self) -> Records:
        return self.document.value

    def __len__(self) -> int:
        return len(self._records)

    def get(self, where: Mapping[str, Any] | None = None) -> list[Record]:
        """Return all records with these primary keys; raises FieldError for other fields."""
        return self._records.get(self._where(where))

    def get_one(self, where: Mapping[str, Any] | None = None) -> Record | None:
        """Return the first of them, or None."""
        return self._records.get_one(self._where(where))

    def set(self, record: Record | Iterable[Record]) -> None:
        """Edit the record with these primary keys, or add it; several in their order (§2.3).

        Null deletes a field; maps merge one level deep. Raises FieldError, also for what JSON
        does not have; then nothing is changed.
        """
        schema = self._records.schema
        records = [record] if isinstance(record, Mapping) else record
        for each in [checked_record(schema, self._singleton(each)) for each in records]:
            self.document.editable().set(each)

    def delete(self, where: Mapping[str, Any] | None = None) -> int:
        """Delete all records with these primary keys, or all; return how many there were."""
        return self.document.editable().delete(self._where(where))

    async def commit(self) -> bool:
        """Share the edits; returns once they are stored, with whether there were any."""
        patch = self.document.commit()
        await self.document.save()
        return patch is not None

    def on_change(self, listener: KeyListener) -> Callable[[], None]:
        """Call with the keys of what others changed; return what disconnects the listener."""

        def tell(before: Records) -> None:
            listener(self._records.changed_keys(before))

        return self.document.changes.connect(tell)

    def versions(self) -> list[Version]:
        """Return all versions that are loaded, oldest first."""
        return self.document.versions()

    async def save_to_disk(self) -> None:
        """Commit, and return when the project has written the file; see ``save_to_disk``."""
        await save_to_disk(self.document)

    async def close(self) -> None:
        """Commit, store and leave; calling it again does nothing."""
        await self.document.close()

    def _where(self, where: Mapping[str, Any] | None) -> Mapping[str, Any]:
        return self._singleton(where or {})

    def _singleton(self, record: Record) -> Record:
        """Drop the id from what a notebook has only one of; some callers give it one."""
        if self._is_notebook and record.get("type") in _SINGLETONS and "id" in record:
            return {name: value for name, value in record.items() if name != "id"}
        return record


def open_syncdb(
    client: Client,
    *,
    project_id: str,
    path: str,
    primary_keys: Sequence[str],
    string_cols: Sequence[str] = (),
    cursors: bool = True,
    ephemeral: bool = False,
    participant: str | None = None,
) -> Opening[SyncDB]:
    """Open a document of records: ``await`` it, or use it in ``async with``.

    The path is that of the synced document: of a notebook, see ``synced_path_of_notebook``.
    ``participant`` is the id under which one commits; without it, that of the client's user.
    Raises what ``open_document`` raises, and ValueError without primary keys.
    """
    if not primary_keys:
        raise ValueError("a document of records needs at least one primary key")
    schema = RecordSchema(tuple(primary_keys), frozenset(string_cols))

    async def open_it() -> SyncDB:
        document = await open_document(
            client,
            RecordsKind(schema),
            DocumentType(schema, cursors, ephemeral),
            project_id=project_id,
            path=path,
            participant=participant or await name_of(client),
        )
        return SyncDB(document)

    return Opening(open_it)
