"""Tells CoCalc clients how their document and its plain file stand (syncdoc-jupyter §1.16, §1.17).

Who wants the file written says so in the document's record, and the answer goes there too: every
request is answered, whatever happens to the file. The server saves by itself as well, and notes
in the record the hash of what the file has, so that nobody is shown changes as unsaved that are
saved. Whoever reads "done" after asking must be able to rely on it. So a request that was not
answered yet is never overwritten: neither by such a note nor by the answer to an earlier one.

The hash of a notebook is that of its records. The hidden file that would hold them is not
written: the plain notebook is (design D19), the records are in the stream of patches. What only
records can express, such as the state of a kernel, therefore counts as saved at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ...conat.errors import ConatError
from ..document import LiveDocument
from ..errors import DocumentError, FileWriteError
from ..heavy_work import is_large, one_at_a_time
from ..syncdoc.patch_graph import HistoryMissing
from ..syncdoc.save_requests import is_requested, is_same_request
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.utf16 import LineHashes, hash_of_lines

__all__ = ["Saving", "SavingTimes"]

_log = logging.getLogger(__name__)

MAX_ERROR_LENGTH: Final = 1000
MAX_NEWEST: Final = 10
"""Among so many commits is looked for what a client knew that asks for a save."""

SaveState = dict[str, Any]
"""The field of the record: ``state``, ``error``, ``hash``, ``expected_hash``, ``time``."""


@dataclass(frozen=True, slots=True)
class SavingTimes:
    """In seconds: between looks at the file's permissions, and how long writing may take.

    ``stored_s`` and ``arriving_s`` are how long is waited for commits that a request is about:
    those that are stored, and others; they come on another way. ``note_s`` is for changes that
    are not in the file, and need not be. ``closing_s`` is for a request that is open when the
    document closes.
    """

    permissions_s: float = 7.5
    note_s: float = 1.0
    stored_s: float = 2.0
    arriving_s: float = 0.5
    longest_s: float = 60.0
    closing_s: float = 4.0


def _now_ms() -> int:
    return round(time.time() * 1000)


class Saving:
    """Answers the save requests of one document; ``start`` it once, ``close`` it before both.

    ``flush`` commits what is not committed yet.
    """

    def __init__(
        self,
        live: LiveDocument,
        document: SyncDocument[Any],
        flush: Callable[[], None],
        *,
        times: SavingTimes | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._live = live
        self._document = document
        self._record = document.record
        self._flush = flush
        self._times = times or SavingTimes()
        self._now_ms = now_ms
        self._wake = asyncio.Event()
        self._unanswered: SaveState | None = None
        self._known_hash: int | None = None
        self._line_hashes: LineHashes = {}
        self._is_large = False
        self._noting: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._disconnects: list[Callable[[], None]] = []

    def start(self) -> None:
        """Answer what was requested before, and everything that is requested from now on."""
        self._disconnects = [
            self._record.changes.connect(self._on_record),
            self._live.file.saved.connect(self._wake.set),
            self._document.commits.connect(self._note_later),
            self._document.changes.connect(self._note_later),
        ]
        self._on_record()
        self._wake.set()
        self._tasks = [
            self._run(self._follow(), "saving"),
            self._run(self._watch_permissions(), "permissions"),
        ]

    async def close(self) -> None:
        """Answer what is still requested, and stop; calling it again does nothing."""
        for disconnect in self._disconnects:
            disconnect()
        if self._noting is not None:
            self._noting.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        was_started, self._tasks = bool(self._tasks), []
        if not was_started:
            return
        if is_requested(self._state):
            self._unanswered = self._state
        if self._unanswered is not None:
            await self._answer(self._unanswered, self._times.closing_s)
        if is_requested(self._state):
            self._tell({"error": f"{self._live.path} was closed meanwhile; try again"})

    @property
    def _state(self) -> SaveState:
        state = self._record.get().get("save")
        return state if isinstance(state, dict) else {}

    def _on_record(self) -> None:
        """Remember the latest request, also when another client writes over it."""
        state = self._state
        if is_requested(state):
            self._unanswered = state
            self._wake.set()

    def _note_later(self, _what: object) -> None:
        if self._noting is None:
            loop = asyncio.get_running_loop()
            self._noting = loop.call_later(self._times.note_s, self._note_now)

    def _note_now(self) -> None:
        self._noting = None
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._unanswered is not None:
                await self._answer(self._unanswered, self._times.longest_s)
            else:
                await self._note_saved()

    async def _answer(self, request: SaveState, timeout_s: float) -> None:
        """Save and say so, or say why not; a request never stays without an answer."""
        path = self._live.path
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._save(request)
        except TimeoutError:
            answer = {"error": f"{path} was not saved within {timeout_s:g} s; try again"}
        except DocumentError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever a contents manager raises is told
            _log.exception("%s could not be saved", path)
            answer = {"error": f"{path} was not saved: {type(error).__name__}: {error}"}
        self._settle(request, answer)

    def _settle(self, request: SaveState, answer: dict[str, Any]) -> None:
        """Give the answer, unless another request came meanwhile: what was done is not for it.

        That one is answered next, and both who ask see the answer.
        """
        self._known_hash = answer.get("hash", self._known_hash)
        state = self._state
        if is_requested(state) and not is_same_request(state, request):
            self._unanswered = state
            if "hash" in answer:
                self._record.update({"save": {"hash": answer["hash"]}})
            self._wake.set()
            return
        self._unanswered = None
        self._tell(answer)

    async def _save(self, request: SaveState) -> dict[str, Any]:
        """Write the file unless the record says that it has everything; return its hash."""
        asked = await self._arrived(request.get("expected_hash"))
        live = self._live
        if asked == self._state.get("hash") and not live.file.unsaved:
            return {"hash": asked}
        if await live.file.is_read_only():
            raise FileWriteError(live.path, "it is read-only")
        await live.save()
        # Writing may have merged in what another program wrote, and somebody may have typed.
        saved = await self._saved_hash()
        return {"hash": asked if saved is None else saved}

    async def _arrived(self, expected: object) -> int:
        """Return the hash of all that is to be saved.

        Who asks has waited until it is stored, and what is stored is taken in first. Who has not
        is given a moment, unless what is expected was there before others typed.
        """
        await self._catch_up()
        changed = asyncio.Event()
        disconnect = self._document.changes.connect(lambda _before: changed.set())
        try:
            async with asyncio.timeout(self._times.arriving_s):
                while (present := await self._committed_hash()) != expected:
                    if expected is None:
                        return present
                    if await self._was_there(expected):
                        # It may have come just now, and then the hash is that of before.
                        return await self._committed_hash()
                    await changed.wait()
                    changed.clear()
                return present
        except TimeoutError:
            return await self._committed_hash()
        finally:
            disconnect()

    async def _catch_up(self) -> None:
        try:
            async with asyncio.timeout(self._times.stored_s):
                await self._document.catch_up()
        except (TimeoutError, ConatError) as error:
            _log.warning("%s is saved as far as it is known here: %r", self._live.path, error)

    async def _was_there(self, expected: object) -> bool:
        """Return whether the document had that hash at one of its newest commits."""
        graph = self._document.graph
        for commit in islice(reversed(graph.times), MAX_NEWEST):
            try:
                value = graph.value_of([commit])
            except HistoryMissing:
                continue
            if await self._hash_of(value) == expected:
                return True
        return False

    async def _committed_hash(self) -> int:
        self._flush()
        return await self._hash()

    async def _saved_hash(self) -> int | None:
        """Return the hash of what the file has; None when it has not everything."""
        self._flush()
        return None if self._live.file.unsaved else await self._hash()

    async def _note_saved(self) -> None:
        saved = await self._saved_hash()
        if saved is None:
            return
        self._known_hash = saved
        if not self._state:
            # The first write of a field takes the place of whatever is there. Empty it is
            # nothing that somebody who asks at this moment could take for an answer.
            self._record.update({"save": {}})
            await self._record.save()
        if saved != self._state.get("hash") and not is_requested(self._state):
            self._tell({"hash": saved})

    async def _hash(self) -> int:
        """Return the hash of the present value."""
        return await self._hash_of(self._document.value)

    async def _hash_of(self, value: Any) -> int:
        """Return the hash of a value; that of a large one takes a while."""
        kind = self._document.kind
        copy = kind.edit(value)

        def find() -> tuple[int, bool]:
            lines = kind.to_lines(copy)
            return hash_of_lines(lines, self._line_hashes), is_large(lines)

        async with one_at_a_time(is_long=self._is_large):
            found, self._is_large = await asyncio.to_thread(find)
        kind.keep_lines(value, copy)
        return found

    def _tell(self, answer: dict[str, Any]) -> None:
        error = str(answer.get("error", ""))[:MAX_ERROR_LENGTH]
        told = {"state": "done", "time": self._now_ms(), **answer, "error": error}
        if self._known_hash is not None:
            # A failure says nothing about it, and who asked may not have known it.
            told.setdefault("hash", self._known_hash)
        self._record.update({"save": told})

    async def _watch_permissions(self) -> None:
        while True:
            try:
                read_only = await self._live.file.is_read_only()
            except DocumentError as error:
                _log.warning("whether the file may be written is not known: %s", error)
            else:
                self._record.update({"read_only": read_only})
            await asyncio.sleep(self._times.permissions_s)

    def _run(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{what} of {self._live.path}")
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s failed", task.get_name(), exc_info=error)
