"""The open documents: opens each once, closes it a while after the last one let go."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .contents import YDocumentClasses
from .document import Hold, LiveDocument
from .errors import DocumentClosedError, UnknownDocumentError
from .file_ids import FileIds
from .notices import Action, Notice
from .opening import DocumentOpener
from .room_ids import RoomId

__all__ = ["DocumentRegistry", "OpenedListener"]

OpenedListener = Callable[[LiveDocument], None]
"""Called with a document that was just opened, before anybody has joined it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Slot:
    """The place of one document; the lock makes opening and closing exclude each other.

    ``users`` counts who has the lock or waits for it. A place that is empty and unused goes.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    document: LiveDocument | None = None
    timer: asyncio.TimerHandle | None = None


class DocumentRegistry:
    """Owns every open document; all methods are called on the event loop."""

    def __init__(
        self, opener: DocumentOpener, *, file_ids: FileIds, classes: YDocumentClasses
    ) -> None:
        self._opener = opener
        self._file_ids = file_ids
        self._classes = classes
        self._slots: dict[RoomId, _Slot] = {}
        self._closings: set[asyncio.Task[None]] = set()
        self._closed = False
        self.on_opened: OpenedListener = lambda _: None

    def __len__(self) -> int:
        return sum(slot.document is not None for slot in self._slots.values())

    async def open(self, room_id: RoomId) -> LiveDocument:
        """Return the document, opening it when it is not open.

        It stays open for the close delay; hold it to keep it longer. Raises DocumentError.
        """
        async with self._exclusive(room_id) as slot:
            document = await self._ensure_open(room_id, slot)
            if not document.held:
                self._close_later(room_id)
            return document

    async def acquire(self, room_id: RoomId, reason: str) -> tuple[LiveDocument, Hold]:
        """Open the document and hold it in one step; raises DocumentError."""
        async with self._exclusive(room_id) as slot:
            document = await self._ensure_open(room_id, slot)
            return document, document.hold(reason)

    def get(self, room_id: RoomId) -> LiveDocument | None:
        """Return the document if it is open."""
        slot = self._slots.get(room_id)
        return slot.document if slot is not None else None

    def find(self, path: str, *, file_format: str, file_type: str) -> LiveDocument | None:
        """Return the open document of a path, read that way."""
        for document in self._documents():
            room_id = document.room_id
            if document.path == path and (room_id.format, room_id.type) == (file_format, file_type):
                return document
        return None

    def follow_rename(self, old_path: str, new_path: str) -> None:
        """Let the open documents of a renamed file or folder follow it."""
        for document in self._documents():
            if document.path == old_path:
                document.rename(new_path)
            elif document.path.startswith(f"{old_path}/"):
                document.rename(new_path + document.path.removeprefix(old_path))

    async def close(self, timeout_s: float = 10.0) -> None:
        """Save and close everything; idempotent.

        Documents that take longer than ``timeout_s`` are left to their logs.
        """
        self._closed = True
        for slot in self._slots.values():
            if slot.timer is not None:
                slot.timer.cancel()
        tasks = [self._start_closing(room_id, force=True) for room_id in list(self._slots)]
        tasks += [task for task in self._closings if task not in tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                _log.error("%s took too long; its log has everything", task.get_name())
                task.cancel()

    def _documents(self) -> list[LiveDocument]:
        return [slot.document for slot in self._slots.values() if slot.document is not None]

    @asynccontextmanager
    async def _exclusive(self, room_id: RoomId) -> AsyncIterator[_Slot]:
        """Have a document's place for oneself."""
        slot = self._slots.setdefault(room_id, _Slot())
        slot.users += 1
        try:
            async with slot.lock:
                yield slot
        finally:
            slot.users -= 1
            if slot.users == 0 and slot.document is None:
                del self._slots[room_id]

    async def _ensure_open(self, room_id: RoomId, slot: _Slot) -> LiveDocument:
        self._cancel_timer(slot)
        if slot.document is None:
            slot.document = await self._open(room_id)
            # Chats wait for these very words before they ask for their document.
            self._notify(slot.document, "initialize", "Room initialized")
        return slot.document

    async def _open(self, room_id: RoomId) -> LiveDocument:
        path = self._file_ids.get_path(room_id.file_id)
        if self._closed:
            raise DocumentClosedError(path or str(room_id))
        if path is None:
            raise UnknownDocumentError(str(room_id))
        make = self._classes.get(room_id.type, self._classes["file"])
        document = await self._opener.open(room_id, path, make)
        document.file.tracker.follow = lambda path: self._follow_move(document, path)
        document.on_idle = lambda: self._close_later(room_id)
        self.on_opened(document)
        return document

    def _follow_move(self, document: LiveDocument, path: str) -> bool:
        """Let a document follow its file, unless that is open there as another document."""
        room_id = document.room_id
        if self.find(path, file_format=room_id.format, file_type=room_id.type) is not None:
            return False
        self._file_ids.move(document.path, path)
        document.rename(path)
        return True

    def _close_later(self, room_id: RoomId) -> None:
        slot = self._slots.get(room_id)
        if slot is None or self._closed:
            return
        self._cancel_timer(slot)
        delay_s = self._opener.settings.close_delay_s
        slot.timer = asyncio.get_running_loop().call_later(
            delay_s, lambda: self._start_closing(room_id, force=False)
        )

    def _start_closing(self, room_id: RoomId, *, force: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(self._close(room_id, force=force), name=f"closing {room_id}")
        self._closings.add(task)
        task.add_done_callback(self._on_closing_done)
        return task

    def _on_closing_done(self, task: asyncio.Task[None]) -> None:
        self._closings.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed; its log has everything", task.get_name(), exc_info=error)

    async def _close(self, room_id: RoomId, *, force: bool) -> None:
        async with self._exclusive(room_id) as slot:
            document = slot.document
            if document is None or (document.held and not force):
                return
            try:
                await document.close()
            finally:
                slot.document = None
        self._notify(document, "clean", "Closed.")

    def _notify(self, document: LiveDocument, action: Action, message: str) -> None:
        notice = Notice(
            room_id=document.room_id, path=document.path, action=action, message=message
        )
        self._opener.notify(notice)

    @staticmethod
    def _cancel_timer(slot: _Slot) -> None:
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
