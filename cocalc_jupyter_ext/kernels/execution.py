"""The queue of one notebook and the life of its cells, as a pure state machine.

A cell goes ``queued -> running -> ok | error | aborted``. ``apply(state, event)`` changes the
state and returns the effects that must be performed for the new state to be true; an event that
lost a race has no effect. Invariants:

- At most one cell runs; a cell starts only on a kernel that is ready.
- A running cell ends on the kernel's reply followed by its idle status or by the end of a grace
  period, or when the kernel is lost. So no lost message keeps it running forever.
- Whatever ends a kernel ends the running cell and every queued cell.
- The code that runs is the cell's text at the time of the request.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from .errors import TooManyQueuedError
from .events import (
    Abort,
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

__all__ = ["ExecutionState", "apply"]


class _Kernel(Enum):
    ABSENT = "absent"
    CONNECTING = "connecting"
    READY = "ready"


@dataclass(slots=True)
class _Running:
    cell: QueuedCell
    reply: Reply | None = None
    idle: bool = False


@dataclass(slots=True)
class ExecutionState:
    """Queue, running cell and phase of the kernel; changed by ``apply`` alone."""

    max_queued: int
    queue: deque[QueuedCell] = field(default_factory=deque)
    running: _Running | None = None
    kernel: _Kernel = _Kernel.ABSENT
    next_serial: int = 1

    @property
    def busy(self) -> bool:
        """True while a cell runs or waits."""
        return self.running is not None or bool(self.queue)

    @property
    def active(self) -> set[str]:
        """The cells that run or wait."""
        running = [self.running.cell] if self.running else []
        return {cell.cell_id for cell in (*running, *self.queue)}

    @property
    def is_ending(self) -> bool:
        """True while only the idle status of the running cell is missing."""
        return self.running is not None and self.running.reply is not None

    def awaits_idle(self, serial: int) -> bool:
        """Return whether this cell was replied to and only its idle status is missing."""
        running = _running(self, serial)
        return running is not None and running.reply is not None


def apply(state: ExecutionState, event: Event) -> list[Effect]:
    """Change ``state`` by ``event``; return what must be done, in order.

    Raises ``TooManyQueuedError`` and changes nothing if the queue is too short for ``Enqueue``.
    """
    match event:
        case Enqueue():
            effects = _enqueue(state, event)
        case KernelReady():
            effects = _kernel_ready(state)
        case Replied(serial, reply):
            effects = _replied(state, serial, reply)
        case Idle(serial):
            effects = _idle(state, serial)
        case GraceOver(serial):
            effects = _grace_over(state, serial)
        case StartRefused(serial):
            effects = _start_refused(state, serial)
        case KernelLost(loss, detail):
            effects = _kernel_lost(state, loss, detail)
        case Cancelled(cell_id):
            effects = _cancelled(state, cell_id)
        case Interrupted():
            effects = _abort_queued(state, Abort.INTERRUPTED, lambda _: True)
        case _:
            assert_never(event)
    return effects + _advance(state)


def _enqueue(state: ExecutionState, event: Enqueue) -> list[Effect]:
    if len(state.queue) + len(event.cells) > state.max_queued:
        raise TooManyQueuedError(state.max_queued)
    cells = [
        QueuedCell(
            state.next_serial + index,
            event.run_id,
            index,
            cell_id,
            source,
            event.stop_on_error,
            event.run_id if event.group is None else event.group,
            event.requested_by,
        )
        for index, (cell_id, source) in enumerate(event.cells)
    ]
    state.next_serial += len(cells)
    state.queue.extend(cells)
    return [Queued(cell) for cell in cells]


def _advance(state: ExecutionState) -> list[Effect]:
    """Start what can be started now."""
    if state.running is not None or not state.queue or state.kernel is _Kernel.CONNECTING:
        return []
    if state.kernel is _Kernel.ABSENT:
        state.kernel = _Kernel.CONNECTING
        return [ConnectKernel()]
    state.running = _Running(state.queue.popleft())
    return [StartCell(state.running.cell)]


def _kernel_ready(state: ExecutionState) -> list[Effect]:
    if state.kernel is _Kernel.CONNECTING:
        state.kernel = _Kernel.READY
    return []


def _replied(state: ExecutionState, serial: int, reply: Reply) -> list[Effect]:
    running = _running(state, serial)
    if running is None or running.reply is not None:
        return []
    running.reply = reply
    return _finish(state, running, reply) if running.idle else [AwaitIdle(running.cell)]


def _idle(state: ExecutionState, serial: int) -> list[Effect]:
    running = _running(state, serial)
    if running is None:
        return []
    running.idle = True
    return _finish(state, running, running.reply) if running.reply else []


def _grace_over(state: ExecutionState, serial: int) -> list[Effect]:
    running = _running(state, serial)
    return _finish(state, running, running.reply) if running and running.reply else []


def _start_refused(state: ExecutionState, serial: int) -> list[Effect]:
    running = _running(state, serial)
    if running is None:
        return []
    state.running = None
    return [AbortCell(running.cell, Abort.DELETED, started=False)]


def _cancelled(state: ExecutionState, cell_id: str) -> list[Effect]:
    """Take the cell out of the queue; a running one ends when the kernel is interrupted."""
    effects = _abort_queued(state, Abort.CANCELLED, lambda cell: cell.cell_id == cell_id)
    if state.running is not None and state.running.cell.cell_id == cell_id:
        effects.append(InterruptKernel())
    return effects


def _kernel_lost(state: ExecutionState, loss: Loss, detail: str) -> list[Effect]:
    state.kernel = _Kernel.ABSENT
    effects: list[Effect] = []
    if state.running is not None:
        effects.append(AbortCell(state.running.cell, loss, started=True, detail=detail))
        state.running = None
    return effects + _abort_queued(state, loss, lambda _: True, detail)


def _finish(state: ExecutionState, running: _Running, reply: Reply) -> list[Effect]:
    state.running = None
    cell = running.cell
    if reply.status == "aborted":
        effects: list[Effect] = [AbortCell(cell, Abort.REFUSED, started=True)]
    else:
        effects = [FinishCell(cell, reply)]
    if reply.interrupted:
        return effects + _abort_queued(state, Abort.INTERRUPTED, lambda _: True)
    if reply.status != "ok" and cell.stop_on_error:
        return effects + _abort_queued(state, Abort.ERROR, lambda c: c.group == cell.group)
    return effects


def _abort_queued(
    state: ExecutionState,
    reason: Loss | Abort,
    concerned: Callable[[QueuedCell], bool],
    detail: str = "",
) -> list[Effect]:
    aborted = [cell for cell in state.queue if concerned(cell)]
    state.queue = deque(cell for cell in state.queue if not concerned(cell))
    return [AbortCell(cell, reason, started=False, detail=detail) for cell in aborted]


def _running(state: ExecutionState, serial: int) -> _Running | None:
    running = state.running
    return running if running is not None and running.cell.serial == serial else None
