"""Opens the documents that CoCalc clients look at, and leaves them again (syncdoc-jupyter §1.13).

Clients touch an entry of the project's open files every 30 seconds; ``open_entries`` decides what
follows from it. Every few seconds all entries are looked at, and whether the files are still
there; a change of an entry is acted on at once. What could not be opened is tried again.

A notebook stays open when nobody looks at it, as a client that comes back at once may run cells:
until its entry is a day old and goes, or too many others are open that nobody looks at either.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from ...conat.client.client import Client
from ...conat.client.reconnect import retry_delays
from ...conat.errors import ClientClosed, ConatError
from ..document import Hold
from ..errors import DocumentError, FileUnreadableError
from ..syncdoc.coordination import DocumentType
from .failed_files import FailedFiles
from .open_entries import (
    PROJECT,
    FileNotServed,
    OpenEntry,
    ServedFile,
    Step,
    next_step,
    read_entry,
    served_file,
)
from .shared_lists import SharedLists, open_shared_lists

__all__ = ["Files", "OpenFilesLimits", "OpenFilesLoop", "OpenFilesTimes"]

_log = logging.getLogger(__name__)


class Files(Protocol):
    """What the loop needs of the project's files; paths are relative to the project's folder."""

    async def open(self, file: ServedFile) -> Hold:
        """Open the document of a file and hold it; a missing file is made from its history.

        Raises DocumentError, ConatError.
        """
        ...

    async def exists(self, path: str) -> bool:
        """Return whether there is such a file; raises DocumentError."""
        ...


@dataclass(frozen=True, slots=True)
class OpenFilesTimes:
    """In seconds: between looks, until a missing file is believed, between attempts."""

    look_s: float = 5.0
    refresh_s: float = 30.0
    settled_s: float = 15.0
    confirm_s: float = 2.0
    retry_s: float = 10.0
    open_s: float = 60.0
    leave_s: float = 2.0


@dataclass(frozen=True, slots=True)
class OpenFilesLimits:
    """How many files may be open at once, and how many are opened at the same time.

    Of them ``max_unwatched`` may be notebooks that nobody looks at any more.
    """

    max_open: int = 1000
    max_opening: int = 8
    max_unwatched: int = 50


@dataclass(slots=True)
class _OpenFile:
    file: ServedFile
    hold: Hold
    since_s: float
    said_s: float


def _now_ms() -> int:
    return round(time.time() * 1000)


class OpenFilesLoop:
    """Keeps the documents open that clients look at; ``start`` it once, then ``close`` it.

    ``client`` is the project's own and stays open.
    """

    def __init__(
        self,
        client: Client,
        project_id: str,
        files: Files,
        *,
        limits: OpenFilesLimits | None = None,
        times: OpenFilesTimes | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._files = files
        self._limits = limits or OpenFilesLimits()
        self._times = times or OpenFilesTimes()
        self._now_ms = now_ms
        self._lists: SharedLists | None = None
        self._open: dict[str, _OpenFile] = {}
        self._failed = FailedFiles(
            client, project_id, retry_s=self._times.retry_s, now_s=self._now_s
        )
        self._working: dict[str, asyncio.Task[None]] = {}
        self._opening = asyncio.Semaphore(self._limits.max_opening)
        self._serving: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def start(self) -> None:
        """Begin to follow the open files; where they cannot be reached it is tried again."""
        self._serving = asyncio.create_task(self._serve(), name="open files")
        self._serving.add_done_callback(_report)

    async def close(self) -> None:
        """Leave all files, within a bounded time; calling it again does nothing."""
        serving, self._serving = self._serving, None
        if serving is None:
            return
        tasks = [serving, *self._working.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lists, self._lists = self._lists, None
        for path in list(self._open):
            self._leave(path, lists)
        if lists is not None:
            await self._save(lists)
            await lists.close()

    async def _save(self, lists: SharedLists) -> None:
        try:
            async with asyncio.timeout(self._times.leave_s):
                await lists.entries.save()
        except (TimeoutError, ConatError) as error:
            _log.warning("clients see that files are left only after a while: %s", error)

    # Following

    async def _serve(self) -> None:
        for delay_s in retry_delays(0.5, 15.0):
            try:
                await self._follow(await open_shared_lists(self._client, self._project_id))
            except ClientClosed:
                return
            except ConatError as error:
                _log.warning("what clients look at is not known at present: %s", error)
                await asyncio.sleep(delay_s)

    async def _follow(self, lists: SharedLists) -> None:
        self._lists = lists
        lists.entries.changes.connect(lambda raw: self._consider(lists, raw))
        try:
            while True:
                await self._look(lists)
                await asyncio.sleep(self._times.look_s)
        except ConatError:
            self._lists = None
            await lists.close()
            raise

    async def _look(self, lists: SharedLists) -> None:
        """Look at everything: what became old, what may be tried again, what is gone."""
        listed = lists.entries.get_all()
        for raw in listed:
            self._consider(lists, raw)
        paths = {raw["path"] for raw in listed}
        for path in self._open.keys() - paths:
            self._leave(path, lists)
        self._leave_unwatched(lists, listed)
        self._failed.keep_only(paths)
        self._refresh(lists)
        await self._find_missing(lists)

    def _leave_unwatched(self, lists: SharedLists, listed: list[dict[str, Any]]) -> None:
        """Leave the notebooks that were looked at longest ago, where there are too many."""
        now_ms = self._now_ms()
        entries = [read_entry(raw) for raw in listed if raw["path"] in self._open]
        unwatched = [entry for entry in entries if not entry.is_fresh(now_ms)]
        unwatched.sort(key=lambda entry: entry.touched_ms or 0, reverse=True)
        for entry in unwatched[self._limits.max_unwatched :]:
            self._leave(entry.path, lists)

    def _consider(self, lists: SharedLists, raw: dict[str, Any]) -> None:
        entry = read_entry(raw)
        path = entry.path
        if path in self._working or self._lists is not lists:
            return
        step = next_step(
            entry,
            now_ms=self._now_ms(),
            is_open=path in self._open,
            is_ours=lists.is_ours(path),
        )
        if step is Step.LEAVE:
            self._leave(path, lists)
        elif step is Step.OPEN and self._failed.may_try(path):
            self._work(path, self._open_file(lists, entry))
        elif step is Step.FIND and self._failed.may_try(path):
            self._work(path, self._find_again(lists, entry))

    def _refresh(self, lists: SharedLists) -> None:
        now_s = self._now_s()
        for path, opened in self._open.items():
            if now_s - opened.said_s >= self._times.refresh_s:
                opened.said_s = now_s
                lists.entries.set_backend(path, PROJECT)

    # Opening and leaving

    async def _open_file(self, lists: SharedLists, entry: OpenEntry) -> None:
        try:
            file = self._file_of(entry)
        except FileNotServed as error:
            await self._failed.note_not_served(lists.entries, entry, str(error))
            return
        try:
            hold = await self._opened(file)
        except (DocumentError, ConatError) as error:
            await self._failed.note_not_loaded(
                lists.entries,
                entry,
                file,
                str(error),
                is_unreadable=isinstance(error, FileUnreadableError),
            )
            return
        except Exception as error:  # noqa: BLE001 - whatever a contents manager raises is told
            _log.exception("%s could not be opened", file.path)
            problem = f"{type(error).__name__}: {error}"
            await self._failed.note_not_loaded(lists.entries, entry, file, problem)
            return
        path, now_s = entry.path, self._now_s()
        self._open[path] = _OpenFile(file, hold, now_s, now_s)
        self._failed.forget(path)
        lists.entries.set_backend(path, PROJECT)
        if entry.error:
            lists.entries.set_error(path)

    def _file_of(self, entry: OpenEntry) -> ServedFile:
        """Return the file of an entry; raises FileNotServed."""
        file = served_file(entry.path, entry.doctype or DocumentType())
        if len(self._open) + len(self._working) > self._limits.max_open:
            raise FileNotServed(entry.path, "too many files are open in the project; close some")
        return file

    async def _opened(self, file: ServedFile) -> Hold:
        async with self._opening:
            try:
                async with asyncio.timeout(self._times.open_s):
                    return await self._files.open(file)
            except TimeoutError as error:
                problem = f"it was not loaded within {self._times.open_s:g} s"
                raise FileUnreadableError(file.path, problem) from error

    def _leave(self, path: str, lists: SharedLists | None) -> None:
        opened = self._open.pop(path, None)
        if opened is not None:
            opened.hold.release()
        if lists is not None and path in lists.entries:
            lists.entries.set_not_backend(path, PROJECT)

    # Files that vanish and come back

    async def _find_missing(self, lists: SharedLists) -> None:
        """Leave the files that are gone, when they are still gone a moment later."""
        settled_s = self._now_s() - self._times.settled_s
        settled = [path for path, opened in self._open.items() if opened.since_s <= settled_s]
        missing = [path for path in settled if await self._is_missing(path)]
        if not missing:
            return
        await asyncio.sleep(self._times.confirm_s)
        for path in missing:
            if await self._is_missing(path):
                lists.entries.set_deleted(path)
                self._leave(path, lists)

    async def _is_missing(self, path: str) -> bool:
        opened = self._open.get(path)
        return opened is not None and not await self._exists(opened.file.path)

    async def _exists(self, path: str) -> bool:
        """Return whether a file is there; what cannot be looked at is not taken for gone."""
        try:
            return await self._files.exists(path)
        except DocumentError as error:
            _log.warning("whether a file is still there is not known: %s", error)
            return True

    async def _find_again(self, lists: SharedLists, entry: OpenEntry) -> None:
        """See about a file that was said to be deleted: open it when it is there again."""
        path = entry.path
        try:
            file = self._file_of(entry)
        except FileNotServed as error:
            await self._failed.note_not_served(lists.entries, entry, str(error))
            return
        if not await self._exists(file.path):
            self._leave(path, lists)
            return
        lists.entries.set_not_deleted(path)
        if path not in self._open:
            await self._open_file(lists, entry)

    # Tasks

    def _work(self, path: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something for a file; changes of its entry wait for the next look meanwhile."""
        task = asyncio.create_task(work, name=f"opening of {path}")
        self._working[path] = task
        task.add_done_callback(lambda done: self._worked(path, done))

    def _worked(self, path: str, task: asyncio.Task[None]) -> None:
        del self._working[path]
        _report(task)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s failed", task.get_name(), exc_info=error)
