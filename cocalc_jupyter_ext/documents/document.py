"""A live document: one shared state, owned by this process, edited by many.

Invariants. Every change, whoever makes it, is in the update log before anybody else is told of
it. The document exists without any browser; it stays open as long as somebody holds it, and for
a while after. All methods are called on the event loop, and no transaction spans an ``await``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from jupyter_ydoc import YNotebook
from pycrdt import TransactionEvent

from .contents import YDocument
from .durable_log import DurableLog
from .errors import (
    DocumentClosedError,
    DocumentError,
    LogBusyError,
    LogWriteError,
    MalformedFrameError,
)
from .file_link import FileLink
from .notebook_shape import is_misshapen, mend_notebook
from .notices import Notify
from .room_ids import RoomId
from .settings import DocumentSettings
from .storage import FileStorage
from .update_log import LoggedUpdate, LogMeta, UpdateLog
from .ysync import EMPTY_UPDATE, decode_state_vector

__all__ = ["Hold", "LiveDocument", "UpdateListener"]

_SERVER_ORIGIN = "server"
_PEER_ORIGIN = "peer"

UpdateListener = Callable[[bytes, object], None]
"""Called with a durable update and the one it came from (None for the server itself)."""

_log = logging.getLogger(__name__)


class Hold:
    """Keeps a document open until it is released; also a context manager."""

    def __init__(self, reason: str, on_release: Callable[["Hold"], None]) -> None:
        self.reason = reason
        self._on_release: Callable[[Hold], None] | None = on_release

    def release(self) -> None:
        """Release the document; further calls do nothing."""
        on_release, self._on_release = self._on_release, None
        if on_release is not None:
            on_release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class LiveDocument:
    """One shared document.

    ``ydoc`` is a ``jupyter_ydoc`` document (``YNotebook``, ``YUnicode``, ...), ``ydoc.ydoc`` the
    pycrdt ``Doc``; ``path`` follows renames; ``epoch`` names the history, see ``LogMeta``.
    ``heads`` are the commits that it contains, as far as that is known (design D5).
    ``on_author`` is told who makes the edit that comes next (the empty name is the server's);
    ``closing`` is what still wants to edit before the document closes.
    """

    def __init__(
        self,
        *,
        room_id: RoomId,
        path: str,
        ydoc: YDocument,
        log: UpdateLog,
        meta: LogMeta,
        storage: FileStorage,
        settings: DocumentSettings,
        notify: Notify,
        executor: Executor,
        heads: tuple[int, ...] | None = None,
    ) -> None:
        self.room_id = room_id
        self.path = path
        self.ydoc = ydoc
        self.epoch = meta.epoch
        self.heads = heads
        self.on_idle: Callable[[], None] = lambda: None
        self.on_log_failure: Callable[[LogWriteError], None] = lambda _: None
        self.on_author: Callable[[str], None] = lambda _: None
        self.on_renamed: Callable[[], None] = lambda: None
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self._log = DurableLog(log, executor, self._on_log_failure)
        self.file = FileLink(
            self,
            storage=storage,
            meta=meta,
            settings=settings,
            notify=notify,
            executor=executor,
        )
        self._holds: set[Hold] = set()
        self._listeners: set[UpdateListener] = set()
        self._waiters: set[tuple[int, int, asyncio.Future[bool]]] = set()
        self._from: tuple[object, str] = (None, "")
        self._is_misshapen = False
        self._compaction: asyncio.Task[None] | None = None
        self._settings = settings
        self._compact_at = settings.compact_bytes
        self._closed = False
        self._freed = False
        ydoc.observe(self._on_content)
        self._subscription = ydoc.ydoc.observe(self._on_update)

    # -- life ---------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the document was closed; it must be opened again then."""
        return self._closed

    @property
    def held(self) -> bool:
        """Whether anybody holds the document open."""
        return bool(self._holds)

    def hold(self, reason: str) -> Hold:
        """Keep the document open until the returned hold is released.

        Raises DocumentClosedError.
        """
        if self._closed:
            raise DocumentClosedError(self.path)
        hold = Hold(reason, self._released)
        self._holds.add(hold)
        return hold

    def _released(self, hold: Hold) -> None:
        self._holds.discard(hold)
        if not self._holds:
            self.on_idle()

    async def close(self) -> None:
        """Save, compact the log, and free everything; idempotent."""
        if self._closed:
            return
        await self._finish_edits()
        self._closed = True
        await self.file.close()
        if self._compaction is not None:
            await asyncio.wait({self._compaction})
        await self._compact()
        await self._log.close()
        self._free()

    async def _finish_edits(self) -> None:
        """Let everybody put in what they still have; who fails does not keep the file locked."""
        for finish in self.closing:
            try:
                await finish()
            except Exception:  # noqa: BLE001 - logged; the log has everything that was put in
                _log.exception("%s: not everything was put in before closing", self.path)

    def _free(self) -> None:
        """Drop the observers by hand: pycrdt 0.14 keeps an observed ``Doc`` alive forever."""
        self._freed = True
        self.ydoc.unobserve()
        self.ydoc.ydoc.unobserve(self._subscription)
        self._listeners.clear()
        for _, _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(False)

    # -- editing ------------------------------------------------------------------------------

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Change the document as the server: one transaction, not undone by anybody's undo.

        The body must not await. Raises DocumentClosedError.
        """
        if self._freed:
            raise DocumentClosedError(self.path)
        self.on_author("")
        with self.ydoc.ydoc.transaction(origin=_SERVER_ORIGIN):
            yield

    def apply(self, update: bytes, *, origin: object, author: str) -> None:
        """Apply an update that a peer sent.

        Raises MalformedFrameError, DocumentClosedError, LogBusyError.
        """
        if self._closed:
            raise DocumentClosedError(self.path)
        if self._log.backlog_bytes > self._settings.max_backlog_bytes:
            raise LogBusyError(self.path)
        if update == EMPTY_UPDATE:
            return
        self.on_author(author)
        self._from = (origin, author)
        try:
            with self.ydoc.ydoc.transaction(origin=_PEER_ORIGIN):
                self.ydoc.ydoc.apply_update(update)
        except ValueError as error:
            msg = f"the update cannot be read: {error}"
            raise MalformedFrameError(msg) from error
        finally:
            self._from = (None, "")
        if self._is_misshapen:
            self.mend()

    def mend(self, *, with_outputs: bool = True) -> None:
        """Bring a notebook into shape, whatever a page or an old log put into it."""
        self._is_misshapen = False
        if not isinstance(self.ydoc, YNotebook):
            return
        with self.ydoc.ydoc.transaction(origin=_SERVER_ORIGIN):
            is_mended = mend_notebook(self.ydoc, with_outputs=with_outputs)
        if is_mended:
            _log.warning("%s held what no notebook can hold; it was mended", self.path)

    def rename(self, path: str) -> None:
        """Follow the file to a new path."""
        self.path = path
        with self.edit():
            self.ydoc.path = path
        self.on_renamed()

    # -- following ----------------------------------------------------------------------------

    def subscribe(self, listener: UpdateListener) -> Callable[[], None]:
        """Call ``listener`` with every update once it is durable; returns the unsubscribe."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def after_durable(self, then: Callable[[], None]) -> None:
        """Call ``then`` once everything so far is durable; at once if it is."""
        self._log.after_durable(then)

    async def wait_for_edits(self, client_id: int, clock: int, timeout_s: float) -> bool:
        """Wait until the first ``clock`` operations of a Yjs client have arrived.

        Returns False when they did not within ``timeout_s`` or the document was closed. A run
        request uses this to see the text typed just before it, which travels on another socket.
        """
        if self._has(client_id, clock):
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = (client_id, clock, waiter)
        self._waiters.add(entry)
        try:
            return await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(entry)

    # -- keeping ------------------------------------------------------------------------------

    @property
    def log_failure(self) -> LogWriteError | None:
        """Why changes cannot be made durable at present, or None."""
        return self._log.failing

    async def flush(self) -> None:
        """Wait until every change so far is durable; raises LogWriteError."""
        await self._log.flush()

    async def save(self) -> None:
        """Wait until every change so far is durable and in the plain file.

        Raises LogWriteError, FileWriteError.
        """
        await self.file.save()

    def note_heads(self, heads: tuple[int, ...]) -> None:
        """Note which commits the document contains, together with the edits of this turn."""
        if heads != self.heads and not self._closed:
            self.heads = heads
            self._log.note_heads(heads)

    async def write_meta(self, meta: LogMeta) -> None:
        """Store the log's metadata (for FileLink)."""
        await self._log.write_meta(meta)

    # -- observers ----------------------------------------------------------------------------

    def _on_content(self, topic: str, event: Any) -> None:
        if isinstance(self.ydoc, YNotebook) and is_misshapen(self.ydoc, topic, event):
            self._is_misshapen = True
        if topic != "state":
            self.file.content_changed()
        elif "dirty" in event.keys:
            self.file.marked_dirty()

    def _on_update(self, event: TransactionEvent) -> None:
        update, (origin, author) = event.update, self._from
        if update == EMPTY_UPDATE:
            return
        self._log.append(LoggedUpdate(update, author), then=lambda: self._publish(update, origin))
        for client_id, clock, waiter in list(self._waiters):
            # The transaction is still open here, so the state is read a moment later.
            asyncio.get_running_loop().call_soon(self._check, client_id, clock, waiter)

    def _on_log_failure(self, error: LogWriteError) -> None:
        self.on_log_failure(error)

    def _publish(self, update: bytes, origin: object) -> None:
        for listener in list(self._listeners):
            listener(update, origin)
        if self._compaction is None and self._log.size_bytes > self._compact_at:
            self._compaction = asyncio.create_task(self._compact_open(), name="compaction")

    def _check(self, client_id: int, clock: int, waiter: asyncio.Future[bool]) -> None:
        if not waiter.done() and self._has(client_id, clock):
            waiter.set_result(True)

    def _has(self, client_id: int, clock: int) -> bool:
        return decode_state_vector(self.ydoc.ydoc.get_state()).get(client_id, 0) >= clock

    async def _compact_open(self) -> None:
        await self._compact()
        # The next time only when the log has grown well beyond what a snapshot takes.
        self._compact_at = max(self._compact_at, 4 * self._log.size_bytes)
        self._compaction = None

    async def _compact(self) -> None:
        try:
            await self._log.compact(self.ydoc.ydoc.get_update, self.file.meta)
        except DocumentError as error:
            _log.warning("The log of %s was not compacted: %s", self.path, error)
