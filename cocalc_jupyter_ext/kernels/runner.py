"""The runner of one notebook: performs what the execution queue asks for.

It connects to the kernel, sends code and has the notebook's outputs edited like any other
author. Everything happens on the event loop except reading outputs. The document is held open
from the first run until the runner is closed, so runs need no browser; what a thread of the
kernel prints after its cell has ended is written as well.

Whatever fails, every cell ends visibly: an unexpected error here is treated as a lost kernel.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import dropwhile
from typing import Any

from .asking import Asking
from .errors import InputAnsweredError, KernelNotFoundError, KernelsError, KernelUnreachableError
from .events import (
    AbortCell,
    AwaitIdle,
    Cancelled,
    ConnectKernel,
    Effect,
    Enqueue,
    Event,
    FinishCell,
    GraceOver,
    Idle,
    Interrupted,
    InterruptKernel,
    KernelLost,
    KernelReady,
    Loss,
    Queued,
    QueuedCell,
    Replied,
    Reply,
    StartCell,
    StartRefused,
)
from .execution import ExecutionState, apply
from .kernel import KernelHost, Link, OpenLink, connect
from .kernel_loss import cause_of_loss, died_by_itself, is_stopping
from .notebook import Notebook, NotebookDocument
from .owned_tasks import OwnedTasks
from .runner_hooks import RunnerHooks
from .runs import CellState, Runs
from .settings import RunnerSettings

__all__ = ["NotebookRunner"]

_log = logging.getLogger(__name__)


class NotebookRunner:
    """Runs cells of ``document``; close it when done."""

    def __init__(
        self,
        *,
        document: NotebookDocument,
        host: KernelHost,
        runs: Runs,
        settings: RunnerSettings,
        new_id: Callable[[], str],
        on_unused: Callable[["NotebookRunner"], None],
        open_link: OpenLink = connect,
        hooks: RunnerHooks | None = None,
    ) -> None:
        self.document = document
        self.kernel_id: str | None = None
        self._host = host
        self._runs = runs
        self._settings = settings
        self._new_id = new_id
        self._on_unused = on_unused
        self._hooks = hooks or RunnerHooks()
        self._open_link = open_link
        self._loop = asyncio.get_running_loop()
        self._notebook = Notebook(document, self._hooks.limits, self._hooks.overflow)
        self._state = ExecutionState(settings.max_queued)
        self._events: deque[Event] = deque()
        self._dispatching = False
        self._hold = document.hold("execution")
        self._link: Link | None = None
        self._launches_ended = 0
        self._tasks = OwnedTasks("notebook runner", self._fail)
        self._request: tuple[str, QueuedCell] | None = None
        self._asking = Asking(self._notebook, runs, new_id)
        self._written_at = 0.0
        self._closed = False

    # What others ask for

    @property
    def active(self) -> set[str]:
        """The cells that run or wait."""
        return self._state.active

    def enqueue(
        self,
        kernel_id: str,
        cell_ids: list[str],
        *,
        stop_on_error: bool,
        group: str | None = None,
        requested_by: str = "",
    ) -> str:
        """Queue cells with their present text; return the id of the run.

        An error stops the cells of the same ``group``, those of this run if it is not given.
        Raises ``CellsNotFoundError``, ``TooManyQueuedError``; nothing is queued then.
        """
        cells = self._notebook.sources(cell_ids)
        if self.kernel_id not in {None, kernel_id}:
            self._lose(Loss.SWITCHED)
        self.kernel_id = kernel_id
        run = self._runs.create(cell_ids)
        try:
            self._dispatch(Enqueue(run.run_id, tuple(cells), stop_on_error, group, requested_by))
        except BaseException:
            self._runs.discard(run.run_id)
            raise
        return run.run_id

    def interrupted(self) -> None:
        """Notice that somebody interrupted the kernel."""
        self._asking.hold()
        self._dispatch(Interrupted())

    def cancel(self, cell_id: str) -> None:
        """Take a cell out of the queue; interrupt the kernel if it is the one that runs."""
        self._dispatch(Cancelled(cell_id))

    def cancel_missing(self) -> None:
        """Cancel the cells that were deleted."""
        for cell_id in self.active:
            if not self._notebook.has(cell_id):
                self.cancel(cell_id)

    def asks(
        self, input_id: str | None = None, *, run_id: str | None = None, cell_id: str | None = None
    ) -> bool:
        """Return whether a question waits for an answer: this one, or of this run or cell."""
        return self._asking.is_open(input_id, run_id=run_id, cell_id=cell_id)

    def answer(self, value: str) -> None:
        """Answer the question of the running code; raises ``InputAnsweredError``."""
        if self._link is None:
            raise InputAnsweredError
        self._link.answer(self._asking.answer(value), value)
        self.on_messages()

    async def close(self) -> None:
        """End all cells visibly, release kernel and document; idempotent."""
        if self._closed:
            return
        self._lose(Loss.SERVER_ENDED)
        self._closed = True
        await self._tasks.close()
        self._hold.release()

    # What the kernel says

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply; an interrupt that is part of ending the kernel is not the cell's end."""
        if self._request is None or message["parent_header"].get("msg_id") != self._request[0]:
            return
        reply = Reply.from_content(message["content"])
        if reply.interrupted and is_stopping(self._host, self.kernel_id):
            self._asking.hold()
            return
        cell = self._request[1]
        self._request = None
        self._give_up_question()
        self._dispatch(Replied(cell.serial, reply))

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Make the question of the running code known to those who follow the run."""
        if self._request is None or message["parent_header"].get("msg_id") != self._request[0]:
            return
        self._asking.ask(self._request[1], message)
        self.on_messages()

    def on_messages(self) -> None:
        """Write outputs soon, but not more often than the batch time."""
        if not self._tasks.has_timer("write"):
            ending = self._state.is_ending
            self._write_after(self._settings.ending_s if ending else self._settings.batch_s)

    def _write_after(self, pause_s: float) -> None:
        delay_s = self._written_at + pause_s - self._loop.time()
        self._tasks.start_timer("write", max(0.0, delay_s), self._write)

    def on_disconnected(self) -> None:
        """Find out what happened to the kernel, and end its cells."""
        if self._link is not None:
            self._tasks.spawn(self._settle(self._link), temporary=True)

    # Events and effects

    def _dispatch(self, event: Event) -> None:
        """Apply ``event`` and perform its effects, then those of events that came meanwhile."""
        if self._dispatching:
            self._events.append(event)
            return
        self._dispatching = True
        try:
            with self._notebook.batch():
                self._perform_all(apply(self._state, event))
                while self._events:
                    self._perform_all(apply(self._state, self._events.popleft()))
        finally:
            self._dispatching = False
        self._rest()

    def _perform_all(self, effects: list[Effect]) -> None:
        """Perform each effect whatever happens to the others: every cell must end."""
        for effect in effects:
            try:
                self._perform(effect)
            except Exception as error:  # noqa: BLE001 - logged, and ends the runner's cells
                self._loop.call_soon(self._fail, error)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Queued(cell):
                self._notebook.show_queued(cell)
                self._hooks.on_progress(cell.cell_id, "queued")
            case ConnectKernel():
                self._tasks.spawn(self._connect(), temporary=True)
            case StartCell(cell):
                self._start(cell)
            case AwaitIdle(cell):
                self._await_idle(cell.serial, self._loop.time())
                self._write_after(self._settings.ending_s)
            case FinishCell(cell, reply):
                state: CellState = "ok" if reply.status == "ok" else "error"
                self._record(cell, state, payload=reply.payload)
                self._notebook.finish(cell, reply)
            case AbortCell(cell, reason, started, detail):
                self._record(cell, "aborted", reason=reason.message)
                self._notebook.abort(cell, reason, started=started, detail=detail)
            case InterruptKernel():
                self._tasks.spawn(self._interrupt(), temporary=True)

    def _start(self, cell: QueuedCell) -> None:
        if not self._notebook.start(cell):
            self._dispatch(StartRefused(cell.serial))
            return
        self._record(cell, "running")
        if not cell.source.strip():
            self._dispatch(Idle(cell.serial))
            self._dispatch(Replied(cell.serial, Reply("ok")))
        elif self._link is not None:
            request_id = self._link.execute(_trimmed(cell.source), cell.cell_id)
            self._request = (request_id, cell)
            self._notebook.expect(request_id, cell)

    def _await_idle(self, serial: int, since: float) -> None:
        """End the cell when nothing was printed for the grace period, or after the longest one."""
        if not self._state.awaits_idle(serial):
            return
        now = self._loop.time()
        left_s = max(since, self._written_at) + self._settings.grace_s - now
        if left_s <= 0 or now - since > self._settings.grace_max_s:
            _log.warning("A kernel did not report that a cell was over; its reply ended the cell")
            self._dispatch(GraceOver(serial))
        else:
            self._tasks.start_timer("grace", left_s, lambda: self._await_idle(serial, since))

    def _record(
        self,
        cell: QueuedCell,
        state: CellState,
        *,
        reason: str | None = None,
        payload: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self._runs.set_cell(cell.run_id, cell.index, state, reason=reason, payload=payload)
        self._hooks.on_progress(cell.cell_id, state)

    def _give_up_question(self) -> None:
        if self._asking.give_up():
            self.on_messages()

    # Outputs

    def _write(self) -> None:
        if self._link is None:
            return
        self._written_at = self._loop.time()
        if self.kernel_id is not None:
            self._host.note_activity(self.kernel_id, self._link.status_topic)
        with self._notebook.batch():
            idle = self._notebook.fold(self._link.take())
            put_off = self._notebook.flush()
        if put_off:
            self.on_messages()
        for serial in idle:
            self._dispatch(Idle(serial))
        self._rest()

    # Life of the kernel

    async def _connect(self) -> None:
        if self.kernel_id is None:
            return
        try:
            self._link = await self._open_link(
                self._host,
                self.kernel_id,
                self,
                times=self._settings.kernel,
                new_id=self._new_id,
                now=self._loop.time,
            )
        except KernelNotFoundError:
            self._lose(Loss.MISSING)
        except KernelUnreachableError as error:
            _log.warning("%s", error)
            loss = Loss.NOT_STARTED if error.last_words else Loss.UNREACHABLE
            self._lose(loss, error.last_words or str(error))
        else:
            self._launches_ended = (await self._host.ending(self.kernel_id)).launch
            self._tasks.spawn(self._watch(self._link, self.kernel_id), temporary=True)
            self._dispatch(KernelReady())
            # What came while connecting was not taken, and only the first message is announced.
            self.on_messages()

    async def _watch(self, link: Link, kernel_id: str) -> None:
        """Check that the process lives: for kernels whose end closes no connection."""
        while True:
            await asyncio.sleep(self._settings.watch_s)
            if self._state.busy and not await self._host.is_alive(kernel_id):
                await self._settle(link)

    async def _settle(self, link: Link) -> None:
        """End the cells of a kernel that ended, after its last outputs were written."""
        stopping = is_stopping(self._host, self.kernel_id)
        if self._state.busy:
            await asyncio.sleep(self._settings.settle_s)
            self._write()
        loss, words = Loss.DIED, ""
        if self.kernel_id is not None:
            ending = await self._host.ending(self.kernel_id)
            if not stopping or died_by_itself(ending, self._launches_ended):
                words = str(ending)
            elif self._state.busy:
                loss = await cause_of_loss(self._host, self.kernel_id, self._settings)
            else:
                loss = Loss.SHUT_DOWN
        if link is self._link:
            self._lose(loss, words)

    async def _interrupt(self) -> None:
        if self.kernel_id is None:
            return
        try:
            await self._host.interrupt(self.kernel_id)
        except KernelsError as error:
            _log.warning("A cell cannot be cancelled: %s", error)

    def _lose(self, loss: Loss, detail: str = "") -> None:
        """Release the kernel and end every cell."""
        link, self._link = self._link, None
        self._request = None
        self._give_up_question()
        self._dispatch(KernelLost(loss, detail))
        self._notebook.forget_kernel()
        self._hooks.on_loss(loss, detail)
        self._tasks.end_temporary()
        if link is not None:
            self._tasks.spawn(link.close())

    def _rest(self) -> None:
        """Close the runner some time after the last cell or output."""
        if self._state.busy:
            self._tasks.stop_timer("unused")
        else:
            unused_s = self._settings.unused_s
            self._tasks.start_timer("unused", unused_s, lambda: self._on_unused(self))

    def _fail(self, error: BaseException) -> None:
        _log.error("Running cells failed", exc_info=error)
        self._lose(Loss.FAILED)


def _trimmed(source: str) -> str:
    """Return code without blank lines around it (§4.2), but with the indent of its first line.

    A cell that is indented as a whole runs in Python kernels, and would not without that indent.
    """
    lines = source.rstrip().splitlines(keepends=True)
    return "".join(dropwhile(lambda line: not line.strip(), lines))
