"""How a live document comes to life: from its log, or, if it has none, from its file.

A log is never rebuilt from the file while it can be read, so pages that come back after a
restart find the history they know. A log that cannot be read never stops a document from
opening: it is set aside under a clear name and the file is loaded.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from pycrdt import Doc

from ..conat.persist.database.archive import set_aside
from ..conat.persist.database.sqlite_store import SqliteStore
from ..conat.persist.errors import StoreCorrupt, StoreError, StoreLocked
from .blobs.notebook import keep_all, lost_blobs
from .contents import InitialState, YDocument, checked_state
from .document import LiveDocument
from .errors import DocumentBusyError, DocumentError, FileUnreadableError, LogWriteError
from .heavy_work import is_large, one_at_a_time
from .incomplete_notebooks import completed_notebook
from .notices import Notice, Notify
from .room_ids import RoomId
from .settings import DocumentSettings
from .storage import FileStorage, LoadedFile
from .update_log import LogMeta, UpdateLog

__all__ = ["DocumentOpener"]

_log = logging.getLogger(__name__)

_NOTEBOOK: Final = "notebook"


@dataclass(frozen=True, slots=True)
class _OpenedLog:
    log: UpdateLog
    update: bytes | None
    meta: LogMeta | None
    heads: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOpener:
    """Everything that opening a document needs; ``log_folder`` is where the logs are.

    ``before_logging`` stores what logs refer to, from a worker thread; see ``UpdateLog``.
    """

    storage: FileStorage
    settings: DocumentSettings
    notify: Notify
    executor: Executor
    log_folder: Path
    before_logging: Callable[[], None] | None = None

    async def open(
        self, room_id: RoomId, path: str, make: Callable[..., YDocument]
    ) -> LiveDocument:
        """Open the document; raises DocumentError."""
        loop = asyncio.get_running_loop()
        log_path = self.log_folder / f"{room_id.file_name}.db"
        opened = await loop.run_in_executor(
            self.executor, _open_log, log_path, path, self.before_logging
        )
        try:
            return await self._restore(opened, room_id, path, make)
        except BaseException:
            await loop.run_in_executor(self.executor, opened.log.close)
            raise

    async def _restore(
        self, opened: _OpenedLog, room_id: RoomId, path: str, make: Callable[..., YDocument]
    ) -> LiveDocument:
        update, meta = opened.update, opened.meta
        from_log = update is not None and meta is not None
        if update is None or meta is None:
            update, meta = await self._load(opened.log, room_id, path, make)
        doc: Doc[Any] = Doc()
        doc.apply_update(update)
        document = LiveDocument(
            room_id=room_id,
            path=path,
            ydoc=make(doc),
            log=opened.log,
            meta=meta,
            storage=self.storage,
            settings=self.settings,
            notify=self.notify,
            executor=self.executor,
            heads=opened.heads,
        )
        await self._prepare(document, from_log=from_log)
        return document

    async def _load(
        self, log: UpdateLog, room_id: RoomId, path: str, make: Callable[..., YDocument]
    ) -> tuple[bytes, LogMeta]:
        loaded, state = await self._read(room_id, path, make)
        meta = LogMeta(epoch=state.epoch, file=loaded.version, digest=state.digest)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.executor, _write, log, state.update, meta)
        return state.update, meta

    async def _read(
        self, room_id: RoomId, path: str, make: Callable[..., YDocument]
    ) -> tuple[LoadedFile, InitialState]:
        """Read a file to begin with; of an incomplete notebook, what is there counts.

        Only here: of an open notebook, an incomplete file is one that is just being written.
        """

        async def checked(loaded: LoadedFile) -> tuple[LoadedFile, InitialState]:
            loop = asyncio.get_running_loop()
            check = partial(checked_state, make, loaded.content, room_id, path)
            async with one_at_a_time(is_long=is_large(loaded.content)):
                return loaded, await loop.run_in_executor(self.executor, check)

        try:
            loaded = await self.storage.load(
                path, file_format=room_id.format, file_type=room_id.type
            )
            return await checked(loaded)
        except FileUnreadableError:
            if room_id.type != _NOTEBOOK:
                raise
            text = await self._text_of(path)
            content = None if text is None else completed_notebook(text.content)
            if text is None or content is None:
                raise
            return await checked(LoadedFile(content, text.version))

    async def _text_of(self, path: str) -> LoadedFile | None:
        """Return a file as text; None where it is none, or too large to look into."""
        try:
            return await self.storage.load(path, file_format="text", file_type="file")
        except FileUnreadableError:
            return None

    async def _prepare(self, document: LiveDocument, *, from_log: bool) -> None:
        with document.edit():
            if document.ydoc.path != document.path:
                document.ydoc.path = document.path
            if not from_log:
                document.ydoc.dirty = False
        if from_log:
            document.mend(with_outputs=False)  # those were looked at when they came
            await self._find_lost_outputs(document)
            await document.file.settle_at_open()
        else:
            await document.file.settle_fresh()
        document.file.start()
        source = "log" if from_log else "file"
        self.notify(
            Notice(
                room_id=document.room_id,
                path=document.path,
                action="load",
                message=f"Content loaded from {source}.",
            )
        )

    async def _find_lost_outputs(self, document: LiveDocument) -> None:
        """Take outputs that are gone from their store out of the file, which has all of them."""
        lost = lost_blobs(document.ydoc)
        if not lost:
            return
        room_id, path = document.room_id, document.path
        try:
            loaded = await self.storage.load(
                path, file_format=room_id.format, file_type=room_id.type
            )
        except DocumentError as error:
            _log.warning("%d outputs of %s are lost: %s", len(lost), path, error)
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.executor, keep_all, document.ydoc, loaded.content)
        if lost := lost_blobs(document.ydoc):
            _log.warning("%d outputs of %s are lost, run their cells again", len(lost), path)


def _open_log(log_path: Path, path: str, before: Callable[[], None] | None) -> _OpenedLog:
    try:
        return _read_log(log_path, before)
    except StoreCorrupt as error:
        aside = set_aside(log_path)
        _log.error(
            "The log of %s cannot be read (%s). It is kept as %s; the document is loaded from "
            "its file.",
            path,
            error,
            aside,
        )
        return _read_log(log_path, before)
    except StoreLocked as error:
        raise DocumentBusyError(path) from error
    except StoreError as error:
        raise LogWriteError(str(error)) from error


def _read_log(log_path: Path, before: Callable[[], None] | None) -> _OpenedLog:
    store = SqliteStore.open(log_path)
    try:
        log = UpdateLog(store, before)
        contents = log.read()
        return _OpenedLog(log, _merged(contents.updates), contents.meta, contents.heads)
    except BaseException:
        store.close()
        raise


def _merged(updates: list[bytes]) -> bytes | None:
    doc: Doc[Any] = Doc()
    try:
        for update in updates:
            doc.apply_update(update)
    except ValueError as error:
        raise StoreCorrupt(str(error)) from error
    return doc.get_update() if updates else None


def _write(log: UpdateLog, update: bytes, meta: LogMeta) -> None:
    try:
        log.compact(update, meta)
    except StoreError as error:
        raise LogWriteError(str(error)) from error
