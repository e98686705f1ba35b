"""Open streams, shared by all sockets that use them (conat-sync §1.4).

A stream is known by its path alone: who opens a path first decides how it is kept, until the
last one has closed it. The work on files is done by a few threads, for each stream one call at
a time and in the order in which it was asked for, so the event loop never waits for a disk.
Messages that wait for the same stream are stored in one transaction.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ...signals import Signal
from ..access import StorageOptions
from ..errors import StoreClosed, StoreError
from ..messages import NewMessage, Receipt, StoredMessage, Update
from ..store import Change, StreamStore
from .archiver import ARCHIVE_INTERVAL_S, Archived, Archiver

__all__ = ["MAX_GROUP", "OpenStorage", "OpenStore", "Storages"]

MAX_GROUP: Final = 100
"""So many waiting calls that store messages become one transaction."""

MAX_THREADS: Final = 8

T = TypeVar("T")

OpenStore = Callable[[StorageOptions], StreamStore]
"""Opens or creates a stream; runs in a worker thread; raises StoreError."""

Outcomes = list[Receipt | StoreError]


@dataclass(slots=True)
class _Job:
    """A call that waits for its turn, or, without ``run``, messages to be stored."""

    result: asyncio.Future[Any]
    run: Callable[[StreamStore], Change[Any]] | None = None
    messages: Sequence[NewMessage] = ()
    only_reads: bool = False


class OpenStorage:
    """One open stream.

    ``updates`` emits all its changes, in order, before who made them knows; ``changed`` says that
    something was asked for that may have changed the stream or its settings.
    """

    def __init__(self, path: str, store: StreamStore, pool: ThreadPoolExecutor) -> None:
        self.path = path
        self.updates: Signal[[Sequence[Update]]] = Signal(f"updates of {path}")
        self.changed: Signal[[]] = Signal(f"changes of {path}")
        self._store = store
        self._pool = pool
        self._jobs: deque[_Job] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._is_closed = False
        self._archiver: Archiver | None = None

    async def set_many(self, messages: Sequence[NewMessage]) -> Outcomes:
        """Store messages one after another; an item that is refused is its error.

        Raises StoreError when the file fails; then none was stored.
        """
        result: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        self._add(_Job(result, messages=messages))
        return await result

    async def change(self, run: Callable[[StreamStore], Change[T]]) -> T:
        """Call the store in its turn, tell the updates, and return the result."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._add(_Job(result, run))
        return await result

    async def read(self, run: Callable[[StreamStore], T]) -> T:
        """Call the store in its turn for something that changes nothing."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._add(_Job(result, lambda store: Change(run(store)), only_reads=True))
        return await result

    async def batches(
        self,
        start_seq: int | None,
        end_seq: int | None,
        convert: Callable[[list[StoredMessage]], T],
    ) -> AsyncGenerator[T, None]:
        """Yield what ``convert`` makes, in the thread, of each batch of a range.

        Other calls may come between two batches.
        """
        iterator = await self.read(lambda store: map(convert, store.batches(start_seq, end_seq)))
        while (batch := await self.read(lambda _: next(iterator, None))) is not None:
            yield batch

    def keep_archived(self, interval_s: float) -> None:
        """Bring the archive up to date now, and after changes at most once in ``interval_s``."""
        self._archiver = Archiver(self._archive, interval_s)
        self.changed.connect(self._archiver.note_change)
        self._archiver.note_change()

    async def _archive(self) -> None:
        await self.read(_archive)

    async def close(self) -> None:
        """Finish what was asked for and release the stream; call it once."""
        if self._archiver is not None:
            await self._archiver.close()
        result: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(_Job(result, _close, only_reads=True))
        self._is_closed = True
        await result
        self.updates.clear()
        self.changed.clear()

    def _add(self, job: _Job) -> None:
        if self._is_closed:
            raise StoreClosed
        self._jobs.append(job)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name=f"storage-{self.path}")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._jobs:
            jobs = self._next_jobs()
            # An executor's future is not cancelled while its thread still works.
            done = await loop.run_in_executor(self._pool, _perform, self._store, jobs)
            if done.updates:
                self.updates.emit(done.updates)
            if not jobs[0].only_reads:
                self.changed.emit()
            for job, outcome in zip(jobs, done.result, strict=True):
                _settle(job.result, outcome)
        self._runner = None

    def _next_jobs(self) -> list[_Job]:
        jobs = [self._jobs.popleft()]
        if jobs[0].run is None:
            while self._jobs and len(jobs) < MAX_GROUP and self._jobs[0].run is None:
                jobs.append(self._jobs.popleft())
        return jobs


def _archive(store: StreamStore) -> None:
    if isinstance(store, Archived):
        store.archive()


def _close(store: StreamStore) -> Change[None]:
    store.close()
    return Change(None)


def _perform(store: StreamStore, jobs: list[_Job]) -> Change[list[Any]]:
    """Do the jobs in a worker thread; an error is the outcome of its jobs."""
    try:
        if jobs[0].run is None:
            return _store_all(store, [job.messages for job in jobs])
        change = jobs[0].run(store)
        return Change([change.result], change.updates)
    except Exception as error:  # noqa: BLE001 - carried over to who asked, in the event loop
        return Change([error] * len(jobs))


def _store_all(store: StreamStore, groups: list[Sequence[NewMessage]]) -> Change[list[Any]]:
    change = store.set_many([message for messages in groups for message in messages])
    outcomes = iter(change.result)
    return Change([[next(outcomes) for _ in messages] for messages in groups], change.updates)


def _settle(result: asyncio.Future[Any], outcome: object) -> None:
    if result.done():  # whoever asked has given up; what was done stays done
        return
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)


@dataclass(slots=True)
class _Entry:
    """An open path and how many use it."""

    opening: asyncio.Task[OpenStorage]
    users: int = 0
    closing: asyncio.Task[None] | None = None


class Storages:
    """All open streams of one server."""

    def __init__(
        self,
        open_store: OpenStore,
        *,
        max_threads: int = MAX_THREADS,
        archive_interval_s: float = ARCHIVE_INTERVAL_S,
    ) -> None:
        self._open_store = open_store
        self._pool = ThreadPoolExecutor(max_threads, thread_name_prefix="persist")
        self._archive_interval_s = archive_interval_s
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def acquire(self, options: StorageOptions) -> OpenStorage:
        """Return the stream of a path, opened if nobody uses it; release it once.

        Raises StoreError when it cannot be opened. A path that is being closed is waited for.
        """
        entry = self._entries.get(options.path)
        while entry is not None and entry.closing is not None:
            await asyncio.wait([entry.closing])
            entry = self._entries.get(options.path)
        if entry is None:
            opening = asyncio.create_task(self._open(options), name=f"open-{options.path}")
            entry = self._entries[options.path] = _Entry(opening)
        entry.users += 1
        try:
            return await asyncio.shield(entry.opening)
        except BaseException:
            self._leave(options.path, entry)
            raise

    async def release(self, storage: OpenStorage) -> None:
        """Give up a stream; returns when it is closed if nobody else uses it."""
        entry = self._entries[storage.path]
        self._leave(storage.path, entry)
        if entry.closing is not None:
            await asyncio.shield(entry.closing)

    async def close(self) -> None:
        """Close all streams, whoever uses them, and end the threads."""
        for path, entry in list(self._entries.items()):
            self._start_closing(path, entry)
        closing = [entry.closing for entry in self._entries.values() if entry.closing is not None]
        await asyncio.gather(*closing)
        self._pool.shutdown(wait=False)

    async def _open(self, options: StorageOptions) -> OpenStorage:
        loop = asyncio.get_running_loop()
        store = await loop.run_in_executor(self._pool, self._open_store, options)
        storage = OpenStorage(options.path, store, self._pool)
        if isinstance(store, Archived):
            storage.keep_archived(self._archive_interval_s)
        return storage

    def _leave(self, path: str, entry: _Entry) -> None:
        entry.users -= 1
        if entry.users == 0:
            self._start_closing(path, entry)

    def _start_closing(self, path: str, entry: _Entry) -> None:
        if entry.closing is None:
            closing = self._close(path, entry.opening)
            entry.closing = asyncio.create_task(closing, name=f"close-{path}")

    async def _close(self, path: str, opening: asyncio.Task[OpenStorage]) -> None:
        try:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await opening.result().close()
        finally:
            del self._entries[path]
