"""Makes updates durable without blocking the event loop, then lets them out in order.

Updates queue up; a task writes all that wait in one transaction in a worker thread and then calls
what each update was waiting for, in order. While one write runs, the next ones gather: under
load a transaction carries many keystrokes, and without load there is no wait at all.

If a write fails (a full disk), nothing that waits is let out. The write is tried again every
second, ``on_failure`` is told at once, and ``failing`` stays true until it succeeded.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from ..conat.persist.errors import StoreError
from .errors import LogWriteError
from .update_log import LoggedUpdate, LogMeta, UpdateLog

__all__ = ["DurableLog"]

_RETRY_S = 1.0
_CLOSE_S = 10.0

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    update: LoggedUpdate | None
    then: Callable[[], None]
    heads: tuple[int, ...] | None = None


class DurableLog:
    """The shell around one UpdateLog; all methods are called on the event loop."""

    def __init__(
        self, log: UpdateLog, executor: Executor, on_failure: Callable[[LogWriteError], None]
    ) -> None:
        self._log = log
        self._executor = executor
        self._on_failure = on_failure
        self._queue: list[_Waiting] = []
        self._queued_bytes = 0
        self._writing = False
        self._failing: LogWriteError | None = None
        self._one_call = asyncio.Lock()
        self._flushes: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def failing(self) -> LogWriteError | None:
        """Why updates cannot be made durable at present, or None."""
        return self._failing

    @property
    def size_bytes(self) -> int:
        """The size of the log."""
        return self._log.size_bytes

    @property
    def backlog_bytes(self) -> int:
        """How much waits for the next write."""
        return self._queued_bytes

    def append(self, update: LoggedUpdate, then: Callable[[], None]) -> None:
        """Make an update durable, then call ``then``."""
        self._queued_bytes += len(update.update)
        self._put(_Waiting(update, then))

    def note_heads(self, heads: tuple[int, ...]) -> None:
        """Store which commits the document contains, with what was appended in this turn."""
        self._put(_Waiting(None, _nothing, heads))

    def after_durable(self, then: Callable[[], None]) -> None:
        """Call ``then`` as soon as everything appended so far is durable; at once if it is."""
        if self._queue or self._writing:
            self._put(_Waiting(None, then))
        else:
            then()

    async def flush(self) -> None:
        """Wait until everything appended so far is durable; raises LogWriteError if that fails."""
        if self._failing is not None:
            raise self._failing
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.add(done)
        self.after_durable(lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            self._flushes.discard(done)

    async def write_meta(self, meta: LogMeta) -> None:
        """Store the metadata; raises LogWriteError."""
        await self._checked(lambda: self._log.write_meta(meta))

    async def compact(self, make_snapshot: Callable[[], bytes], meta: LogMeta) -> None:
        """Replace the log by a snapshot; raises LogWriteError.

        ``make_snapshot`` is called on the event loop when no write is under way, so the snapshot
        holds at least everything written; what still waits is appended after it.
        """
        async with self._one_call:
            snapshot = make_snapshot()
            await self._call(lambda: self._log.compact(snapshot, meta))

    async def close(self) -> None:
        """Write what waits, as far as that works, and release the file."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=0 if self._failing else _CLOSE_S)
            self._task.cancel()
        async with self._one_call:
            await self._in_thread(self._log.close)

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all(), name="update log")

    async def _write_all(self) -> None:
        while self._queue:
            batch, self._queue, self._queued_bytes = self._queue, [], 0
            self._writing = True
            heads = next((w.heads for w in reversed(batch) if w.heads is not None), None)
            await self._write_until_done([w.update for w in batch if w.update is not None], heads)
            for waiting in batch:
                _run(waiting.then)
            self._writing = False

    async def _write_until_done(
        self, updates: list[LoggedUpdate], heads: tuple[int, ...] | None
    ) -> None:
        while updates or heads is not None:
            try:
                await self._checked(lambda: self._log.append(updates, heads))
            except LogWriteError as error:
                self._fail(error)
                await asyncio.sleep(_RETRY_S)
            else:
                self._failing = None
                return

    def _fail(self, error: LogWriteError) -> None:
        first, self._failing = self._failing is None, error
        for flush in self._flushes:
            if not flush.done():
                flush.set_exception(error)
        if first:
            _log.error("%s", error)
            self._on_failure(error)

    async def _checked(self, action: Callable[[], None]) -> None:
        async with self._one_call:
            await self._call(action)

    async def _call(self, action: Callable[[], None]) -> None:
        try:
            await self._in_thread(action)
        except StoreError as error:
            raise LogWriteError(str(error)) from error

    async def _in_thread(self, action: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, action)


def _nothing() -> None:
    """Nobody waits for this."""


def _run(then: Callable[[], None]) -> None:
    try:
        then()
    except Exception:  # noqa: BLE001 - one receiver must not keep an update from the others
        _log.exception("a receiver of updates failed")
