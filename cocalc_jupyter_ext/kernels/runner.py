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
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from .errors import InputAnsweredError, KernelNotFoundError, KernelUnreachableError
from .events import (
    AbortCell,
    AwaitIdle,
    ConnectKernel,
    Effect,
    Enqueue,
    Event,
    FinishCell,
    GraceOver,
    Idle,
    Interrupted,
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
from .notebook import Notebook, NotebookDocument
from .runs import CellState, PendingInput, Runs
from .settings import RunnerSettings

__all__ = ["NotebookRunner"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Question:
    cell: QueuedCell
    request: dict[str, Any]
    pending: PendingInput


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
        on_progress: Callable[[str, CellState], None] = lambda _cell_id, _state: None,
    ) -> None:
        self.document = document
        self.kernel_id: str | None = None
        self._host = host
        self._runs = runs
        self._settings = settings
        self._new_id = new_id
        self._on_unused = on_unused
        self._on_progress = on_progress
        self._open_link = open_link
        self._loop = asyncio.get_running_loop()
        self._notebook = Notebook(document, settings.outputs)
        self._state = ExecutionState(settings.max_queued)
        self._events: deque[Event] = deque()
        self._dispatching = False
        self._hold = document.hold("execution")
        self._link: Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._kernel_tasks: set[asyncio.Task[None]] = set()
        self._request: tuple[str, QueuedCell] | None = None
        self._question: _Question | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._written_at = 0.0
        self._closed = False

    # What others ask for

    def enqueue(self, kernel_id: str, cell_ids: list[str], *, stop_on_error: bool) -> str:
        """Queue cells with their present text; return the id of the run.

        Raises ``CellsNotFoundError``, ``TooManyQueuedError``; nothing is queued then.
        """
        cells = self._notebook.sources(cell_ids)
        if self.kernel_id not in {None, kernel_id}:
            self._lose(Loss.SWITCHED)
        self.kernel_id = kernel_id
        run = self._runs.create(cell_ids)
        try:
            self._dispatch(Enqueue(run.run_id, tuple(cells), stop_on_error))
        except BaseException:
            self._runs.discard(run.run_id)
            raise
        return run.run_id

    def interrupted(self) -> None:
        """Notice that somebody interrupted the kernel."""
        self._set_question(None)
        self._dispatch(Interrupted())

    def has_question(self, run_id: str, input_id: str) -> bool:
        """Return whether this run waits for this input."""
        question = self._question
        return (
            question is not None
            and question.cell.run_id == run_id
            and question.pending.input_id == input_id
        )

    def answer(self, run_id: str, input_id: str, value: str) -> None:
        """Answer a question of the running code; raises ``InputAnsweredError``."""
        question = self._question
        if question is None or self._link is None or not self.has_question(run_id, input_id):
            raise InputAnsweredError
        self._link.answer(question.request, value)
        shown = "\N{MIDDLE DOT}" * 8 if question.pending.password else value
        self._notebook.echo(question.cell, f"{question.pending.prompt}{shown}\n")
        self._set_question(None)
        self.on_messages()

    async def close(self) -> None:
        """End all cells visibly, let go of kernel and document; idempotent."""
        if self._closed:
            return
        self._lose(Loss.SERVER_ENDED)
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hold.release()

    # What the kernel says

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply; an interrupt that is part of ending the kernel is not the cell's end."""
        if self._request is None or message["parent_header"].get("msg_id") != self._request[0]:
            return
        reply = Reply.from_content(message["content"])
        if reply.interrupted and self._kernel_is_stopping():
            return
        cell = self._request[1]
        self._request = None
        self._set_question(None)
        self._dispatch(Replied(cell.serial, reply))

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Make the question of the running code known to those who follow the run."""
        if self._request is None or message["parent_header"].get("msg_id") != self._request[0]:
            return
        content = message["content"]
        pending = PendingInput(
            self._new_id(), str(content.get("prompt", "")), bool(content.get("password", False))
        )
        self._set_question(_Question(self._request[1], message, pending))

    def on_messages(self) -> None:
        """Write outputs soon, but not more often than the batch time."""
        if "write" not in self._timers:
            delay_s = self._written_at + self._settings.batch_s - self._loop.time()
            self._start_timer("write", max(0.0, delay_s), self._write)

    def on_disconnected(self) -> None:
        """Find out what happened to the kernel, and end its cells."""
        if self._link is not None:
            self._spawn(self._settle(self._link), of_kernel=True)

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
                self._on_progress(cell.cell_id, "queued")
            case ConnectKernel():
                self._spawn(self._connect(), of_kernel=True)
            case StartCell(cell):
                self._start(cell)
            case AwaitIdle(cell):
                self._await_idle(cell.serial, self._loop.time())
            case FinishCell(cell, reply):
                state: CellState = "ok" if reply.status == "ok" else "error"
                self._record(cell, state, payload=reply.payload)
                self._notebook.finish(cell, reply)
            case AbortCell(cell, reason, started):
                self._record(cell, "aborted", reason=reason.message)
                self._notebook.abort(cell, reason, started=started)

    def _start(self, cell: QueuedCell) -> None:
        if not self._notebook.start(cell):
            self._dispatch(StartRefused(cell.serial))
            return
        self._record(cell, "running")
        if not cell.source.strip():
            self._dispatch(Idle(cell.serial))
            self._dispatch(Replied(cell.serial, Reply("ok")))
        elif self._link is not None:
            request_id = self._link.execute(cell.source, cell.cell_id)
            self._request = (request_id, cell)
            self._notebook.expect(request_id, cell)

    def _await_idle(self, serial: int, since: float) -> None:
        """End the cell when nothing was printed for the grace period, or after the longest one."""
        now = self._loop.time()
        left_s = max(since, self._written_at) + self._settings.grace_s - now
        if left_s <= 0 or now - since > self._settings.grace_max_s:
            _log.warning("A kernel did not report that a cell was over; its reply ended the cell")
            self._dispatch(GraceOver(serial))
        elif self._state.awaits_idle(serial):
            self._start_timer("grace", left_s, lambda: self._await_idle(serial, since))

    def _record(
        self,
        cell: QueuedCell,
        state: CellState,
        *,
        reason: str | None = None,
        payload: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self._runs.set_cell(cell.run_id, cell.index, state, reason=reason, payload=payload)
        self._on_progress(cell.cell_id, state)

    def _set_question(self, question: _Question | None) -> None:
        if self._question is not None:
            self._runs.set_input(self._question.cell.run_id, None)
        self._question = question
        if question is not None:
            self._runs.set_input(question.cell.run_id, question.pending)

    # Outputs

    def _write(self) -> None:
        if self._link is None:
            return
        self._written_at = self._loop.time()
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
            self._lose(Loss.UNREACHABLE)
        else:
            self._spawn(self._watch(self._link, self.kernel_id), of_kernel=True)
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
        stopping = self._kernel_is_stopping()
        if self._state.busy:
            await asyncio.sleep(self._settings.settle_s)
            self._write()
        loss = await self._cause(stopping) if self._state.busy else Loss.DIED
        if link is self._link:
            self._lose(loss)

    async def _cause(self, stopping: bool) -> Loss:
        if not stopping or self.kernel_id is None:
            return Loss.DIED
        until = self._loop.time() + self._settings.cause_s
        while self._loop.time() < until:
            if not self._host.exists(self.kernel_id):
                return Loss.SHUT_DOWN
            if not self._host.is_stopping(self.kernel_id):
                return Loss.RESTARTED
            await asyncio.sleep(self._settings.batch_s)
        return Loss.SHUT_DOWN

    def _kernel_is_stopping(self) -> bool:
        kernel_id = self.kernel_id
        return kernel_id is not None and (
            not self._host.exists(kernel_id) or self._host.is_stopping(kernel_id)
        )

    def _lose(self, loss: Loss) -> None:
        """Let go of the kernel and end every cell."""
        link, self._link = self._link, None
        self._request = None
        self._set_question(None)
        self._dispatch(KernelLost(loss))
        self._notebook.forget_kernel()
        current = asyncio.current_task()
        for task in self._kernel_tasks - {current}:
            task.cancel()
        if link is not None:
            self._spawn(link.close())

    # Tasks and timers

    def _rest(self) -> None:
        """Close the runner some time after the last cell or output."""
        if self._state.busy:
            self._stop_timer("unused")
        else:
            self._start_timer("unused", self._settings.unused_s, lambda: self._on_unused(self))

    def _spawn(self, work: Coroutine[Any, Any, None], *, of_kernel: bool = False) -> None:
        task = asyncio.create_task(work, name="notebook runner")
        tasks = [self._tasks, self._kernel_tasks] if of_kernel else [self._tasks]
        for owner in tasks:
            owner.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._kernel_tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _start_timer(self, name: str, delay_s: float, then: Callable[[], None]) -> None:
        self._stop_timer(name)
        if not self._closed:
            self._timers[name] = self._loop.call_later(delay_s, self._on_timer, name, then)

    def _stop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _on_timer(self, name: str, then: Callable[[], None]) -> None:
        self._timers.pop(name, None)
        try:
            then()
        except Exception as error:  # noqa: BLE001 - the cells must end visibly; it is logged
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        _log.error("Running cells failed", exc_info=error)
        self._lose(Loss.FAILED)
