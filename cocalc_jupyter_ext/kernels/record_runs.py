"""Runs the cells of one notebook that CoCalc clients ask for, and tells them of all runs.

There is no request to answer: a client sets the state of a cell, everybody sees it, and the
project acts on it, even if it starts only later (syncdoc-jupyter §4.1).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from ..documents.syncdoc.records import Records
from ..documents.syncdoc.sync_document import SyncDocument
from .errors import InputAnsweredError, NoKernelChosenError
from .record_states import (
    Request,
    answers,
    cancelled,
    cleared_fields,
    orphaned,
    progress_fields,
    requested,
    still_wanted,
    unrunnable,
)
from .runs import CellState

__all__ = ["ActiveRuns", "RecordRuns", "StartRun"]

_log = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
RECONCILE_S: Final = 2.0
"""States are compared with what is true at most so long after a change (§4.5)."""

StartRun = Callable[[Request, str | None], Awaitable[None]]
"""Queues cells on the kernel of this name, or the notebook's own; raises what prevents it."""


class ActiveRuns(Protocol):
    """What runs and waits in the notebook, whoever asked for it."""

    def active(self) -> set[str]:
        """Return the cells that run or wait."""

    def cancel(self, cell_id: str) -> None:
        """Take a cell out of the queue, or interrupt it."""

    def cancel_missing(self) -> None:
        """Cancel the cells that were deleted."""

    def answer(self, cell_id: str, value: str) -> None:
        """Answer the question of a cell; raises ``InputAnsweredError`` if there is none."""


class RecordRuns:
    """The runs of one notebook as its records tell them."""

    def __init__(
        self,
        document: SyncDocument[Records],
        start_run: StartRun,
        active_runs: ActiveRuns,
        clock: Callable[[], float] = time.time,
        *,
        reconcile_s: float = RECONCILE_S,
    ) -> None:
        self._document = document
        self._start_run = start_run
        self._runs = active_runs
        self._clock = clock
        self._reconcile_s = reconcile_s
        self._reconciling: asyncio.TimerHandle | None = None
        self.default_kernel: str | None = None
        self._waiting: asyncio.Queue[Request] = asyncio.Queue(MAX_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._progress: deque[tuple[str, CellState, int]] = deque()
        self._cancelled: set[str] = set()
        self._disconnects = [
            document.changes.connect(self._look),
            document.commits.connect(self._reconcile_soon),
        ]

    def start(self) -> None:
        """End what an earlier process left running, and begin to run what is asked for.

        What runs goes on: the notebook may just have been renamed.
        """
        self._worker = asyncio.create_task(self._work(), name="runs asked for by records")
        self._end_orphaned()
        self._end(unrunnable(self._cells()))
        self._take(requested([], self._cells()))

    async def close(self) -> None:
        """Run nothing any more; calling it again does nothing."""
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        if self._reconciling is not None:
            self._reconciling.cancel()
        self._tell_progress()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    def progress(self, cell_id: str, state: CellState) -> None:
        """Tell how far a cell has come, whoever asked for its run.

        It is told soon, when the edits that go with it are made: who sees that a cell is done
        has its outputs.
        """
        if not self._progress:
            asyncio.get_running_loop().call_soon(self._tell_progress)
        self._progress.append((cell_id, state, self._now_ms()))

    def _tell_progress(self) -> None:
        if self._progress:
            self._document.before_change.emit()
            while self._progress:
                self._note(*self._progress.popleft())
            self._document.commit()

    def _note(self, cell_id: str, state: CellState, now_ms: int) -> None:
        self._cancelled.discard(cell_id)
        record = self._document.value.get_one({"type": "cell", "id": cell_id})
        if record is None:
            return
        kernel = self._settings().get("kernel") or self.default_kernel
        fields = progress_fields(state, now_ms, kernel=kernel, before=record)
        if state == "ok" and not str(record.get("input") or "").strip():
            fields = cleared_fields()
        self._document.editable().set({"type": "cell", "id": cell_id, **fields})

    def _look(self, before: Records) -> None:
        old, new = before.get({"type": "cell"}), self._cells()
        for cell_id in cancelled(old, new):
            self._cancelled.add(cell_id)
            self._runs.cancel(cell_id)
        for cell_id, value in answers(old, new):
            try:
                self._runs.answer(cell_id, value)
            except InputAnsweredError:
                _log.debug("an answer to cell %s came too late", cell_id)
        self._end(unrunnable(self._cells()))  # or they would seem to wait forever
        self._take(self._without_running(request) for request in requested(old, new))
        self._reconcile_soon()

    def _without_running(self, request: Request) -> Request:
        """Leave out what runs or waits already (§4.2), unless it was cancelled meanwhile."""
        running = self._runs.active() - self._cancelled
        cell_ids = tuple(cell_id for cell_id in request.cell_ids if cell_id not in running)
        return Request(cell_ids, request.stops_on_error)

    def _end(self, cell_ids: Sequence[str]) -> None:
        """Say of cells that do not run that they are done."""
        for cell_id in cell_ids:
            self._note(cell_id, "aborted", self._now_ms())
        if cell_ids:
            self._document.commit()

    def still_wanted(self, request: Request) -> Request:
        """Return the request without the cells that were cancelled meanwhile."""
        return still_wanted(request, self._cells())

    def _reconcile_soon(self, _what: object = None) -> None:
        if self._reconciling is None:
            loop = asyncio.get_running_loop()
            self._reconciling = loop.call_later(self._reconcile_s, self._reconcile)

    def _reconcile(self) -> None:
        """End what is not there any more, and what only seems to run (§4.5)."""
        self._reconciling = None
        self._runs.cancel_missing()
        self._tell_progress()
        self._end_orphaned()

    def _end_orphaned(self) -> None:
        active = self._runs.active()
        self._end([cell_id for cell_id in orphaned(self._cells()) if cell_id not in active])

    def _take(self, requests: Iterable[Request]) -> None:
        for request in requests:
            if not request.cell_ids:
                continue
            try:
                self._waiting.put_nowait(request)
            except asyncio.QueueFull:
                self._refuse(request, f"at most {MAX_WAITING} requests to run cells can wait")

    async def _work(self) -> None:
        while True:
            request = await self._waiting.get()
            try:
                await self._start_run(request, self._kernel())
            except Exception as error:  # noqa: BLE001 - everybody is told why nothing runs
                _log.warning("cells that were asked for do not run: %s", error)
                self._refuse(request, str(error))

    def _refuse(self, request: Request, reason: str) -> None:
        for cell_id in request.cell_ids:
            self._note(cell_id, "aborted", self._now_ms())
        self._document.editable().set({"type": "settings", "kernel_error": reason})
        self._document.commit()

    def _cells(self) -> list[Any]:
        return self._document.value.get({"type": "cell"})

    def _settings(self) -> Any:
        return self._document.value.get_one({"type": "settings"}) or {}

    def _kernel(self) -> str | None:
        name = self._settings().get("kernel")
        if name == "":
            raise NoKernelChosenError
        return name if isinstance(name, str) and name else None

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)
