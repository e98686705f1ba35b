"""Takes in the files that clients attach to cells of an open notebook (syncdoc-jupyter §3.6)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ...conat.persist.errors import StoreError
from ..blobs.store import BlobStore
from ..errors import DocumentError, FileMissingError
from ..notebook_records.attachments import LOADING, failed, is_loading, loaded, wanted_loads
from ..syncdoc.records import Records
from ..syncdoc.sync_document import SyncDocument

__all__ = ["AttachmentLoads", "LoadFile"]

_log = logging.getLogger(__name__)

LoadFile = Callable[[str], Awaitable[bytes]]
"""Returns the content of a file of the project; raises DocumentError."""

PATIENCE_S: Final = 30.0
_RETRY_S: Final = 1.0
_AT_ONCE: Final = 4
_ENDED = "The server ended while it read the file. Attach it again."


class AttachmentLoads:
    """Reads what the records of one notebook ask for; ``close`` it before the document.

    A file that is not there yet is waited for, because a client may ask before its upload has
    ended. One that cannot be read stays where it is: it may be somebody's own.
    """

    def __init__(
        self,
        document: SyncDocument[Records],
        blobs: BlobStore,
        load: LoadFile,
        *,
        patience_s: float = PATIENCE_S,
        retry_s: float = _RETRY_S,
    ) -> None:
        self._document = document
        self._blobs = blobs
        self._load = load
        self._patience_s = patience_s
        self._retry_s = retry_s
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._disconnect = document.changes.connect(self._look)
        self._end_interrupted()
        self._look()

    async def close(self) -> None:
        """Stop; what was not read yet says so. Calling it again does nothing."""
        self._disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end_interrupted()

    def _look(self, _before: object = None) -> None:
        for record in self._document.value.get({"type": "cell"}):
            for name, path in list(wanted_loads(record)):
                self._set(record["id"], name, LOADING)
                task = asyncio.create_task(
                    self._take_in(record["id"], name, path), name=f"loading of {path}"
                )
                self._tasks.add(task)
                task.add_done_callback(self._done)

    async def _take_in(self, cell_id: str, name: str, path: str) -> None:
        async with self._slots:
            entry = await self._entry(path)
        record = self._document.value.get_one({"type": "cell", "id": cell_id})
        if record is not None and is_loading(record, name):
            self._set(cell_id, name, entry)

    async def _entry(self, path: str) -> dict[str, Any]:
        try:
            blob = self._blobs.put(await self._read(path))
            await self._blobs.flush()
        except (DocumentError, StoreError) as error:
            return failed(f"{path} cannot be attached: {error}")
        return (
            failed(f"{path} cannot be attached: no room is left") if blob is None else loaded(blob)
        )

    async def _read(self, path: str) -> bytes:
        """Read a file that may still be on its way; raises DocumentError."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._patience_s
        while True:
            try:
                return await self._load(path)
            except FileMissingError:
                if loop.time() >= deadline_s:
                    raise
            await asyncio.sleep(self._retry_s)

    def _set(self, cell_id: str, name: str, entry: Mapping[str, Any]) -> None:
        """Commit an entry as the project, and carry it to the other face."""
        document = self._document
        document.before_change.emit()
        before = document.kind.edit(document.value)
        document.editable().set({"type": "cell", "id": cell_id, "attachments": {name: dict(entry)}})
        if document.commit() is not None:
            document.changes.emit(before)

    def _end_interrupted(self) -> None:
        """Say of files that nobody reads any more that they were not read."""
        if self._document.is_closed:
            return
        for record in self._document.value.get({"type": "cell"}):
            for name in list(record.get("attachments") or ()):
                if is_loading(record, name):
                    self._set(record["id"], name, failed(_ENDED))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
