"""Words of the execution queue: what can happen to it, and what it asks to be done.

Plain data. Events are facts reported by the shell, effects are orders to it; both are applied
and performed one at a time, in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Self

from ..documents.shareable import shareable
from .message_parts import objects, texts

__all__ = [
    "BY_RECORDS",
    "Abort",
    "AbortCell",
    "AwaitIdle",
    "Cancelled",
    "ConnectKernel",
    "Effect",
    "Enqueue",
    "Event",
    "FinishCell",
    "GraceOver",
    "Idle",
    "InterruptKernel",
    "Interrupted",
    "KernelLost",
    "KernelReady",
    "Loss",
    "Queued",
    "QueuedCell",
    "Replied",
    "Reply",
    "StartCell",
    "StartRefused",
]


BY_RECORDS: Final = "records"
"""The group of all cells that CoCalc clients ask for: an error empties their queue (§4.2)."""


class Loss(Enum):
    """How a kernel was lost: name of the error shown, and the sentence for the user."""

    RESTARTED = ("KernelRestarted", "The kernel was restarted.")
    DIED = ("KernelDied", "The kernel died; too little memory is a usual cause.")
    SHUT_DOWN = ("KernelShutDown", "The kernel was shut down.")
    SWITCHED = ("KernelSwitched", "The notebook was switched to another kernel.")
    MISSING = ("KernelMissing", "There is no such kernel any more; start one.")
    NOT_STARTED = ("KernelNotStarted", "The kernel ended before it could run code.")
    UNREACHABLE = ("KernelUnreachable", "The kernel does not answer; restart it.")
    SERVER_ENDED = ("ServerRestarted", "The server was stopped or restarted.")
    FAILED = ("ExecutionFailed", "The server failed to run cells; its log has the details.")

    @property
    def error_name(self) -> str:
        """The ``ename`` of the error output."""
        return self.value[0]

    @property
    def message(self) -> str:
        """What happened, as a sentence."""
        return self.value[1]


class Abort(Enum):
    """Why a queued cell did not run although the kernel is there; the sentence for the user."""

    ERROR = "An earlier cell of the same run failed."
    INTERRUPTED = "The kernel was interrupted."
    CANCELLED = "Somebody cancelled the cell."
    DELETED = "The cell was deleted before its turn."
    REFUSED = "The kernel skipped the cell because another request failed. Run it again."

    @property
    def message(self) -> str:
        """The reason as a sentence."""
        return self.value


@dataclass(frozen=True, slots=True)
class QueuedCell:
    """One cell of one run; ``serial`` is unique in the notebook, ``index`` its place in the run.

    With ``stop_on_error`` its failure ends the queued cells of the same ``group``.
    """

    serial: int
    run_id: str
    index: int
    cell_id: str
    source: str
    stop_on_error: bool
    group: str = ""
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The kernel's ``execute_reply``; ``status`` is ok, error or aborted."""

    status: str
    execution_count: int | None = None
    payload: tuple[dict[str, Any], ...] = ()
    error_name: str = ""
    error_value: str = ""
    traceback: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Read the content of the message (Jupyter messaging protocol 5.4)."""
        content = shareable(content)
        count = content.get("execution_count")
        return cls(
            status=str(content.get("status", "error")),
            execution_count=count if isinstance(count, int) else None,
            payload=objects(content.get("payload")),
            error_name=str(content.get("ename", "")),
            error_value=str(content.get("evalue", "")),
            traceback=tuple(texts(content.get("traceback"))),
        )

    @property
    def interrupted(self) -> bool:
        """True if the cell ended because of an interrupt."""
        return self.status == "error" and self.error_name == "KeyboardInterrupt"


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Somebody runs cells, given by id and text in this order.

    A failure stops the cells of the same ``group``: those of the run, if it is not given.
    """

    run_id: str
    cells: tuple[tuple[str, str], ...]
    stop_on_error: bool
    group: str | None = None
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class KernelReady:
    """The kernel answers, and its output channel is connected."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The kernel replied to the execution of the cell ``serial``."""

    serial: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Idle:
    """The kernel reported idle for the cell ``serial``: all its output was received."""

    serial: int


@dataclass(frozen=True, slots=True)
class GraceOver:
    """No idle status came within the grace period after the reply."""

    serial: int


@dataclass(frozen=True, slots=True)
class StartRefused:
    """The running cell could not be started: it is not in the document any more."""

    serial: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody interrupted the kernel. The running cell ends by the kernel's own reply."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody does not want this cell to run, or to go on."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class KernelLost:
    """The kernel's process ended, or the notebook uses another one; ``detail`` says how."""

    loss: Loss
    detail: str = ""


Event = (
    Enqueue
    | KernelReady
    | Replied
    | Idle
    | GraceOver
    | StartRefused
    | Interrupted
    | Cancelled
    | KernelLost
)


@dataclass(frozen=True, slots=True)
class Queued:
    """Show the cell as waiting."""

    cell: QueuedCell


@dataclass(frozen=True, slots=True)
class ConnectKernel:
    """Connect to the kernel, then report ``KernelReady`` or ``KernelLost``."""


@dataclass(frozen=True, slots=True)
class StartCell:
    """Clear the cell's outputs, show it as running and send its code."""

    cell: QueuedCell


@dataclass(frozen=True, slots=True)
class AwaitIdle:
    """Start the grace period, then report ``GraceOver``."""

    cell: QueuedCell


@dataclass(frozen=True, slots=True)
class FinishCell:
    """Write the last outputs and the execution count."""

    cell: QueuedCell
    reply: Reply


@dataclass(frozen=True, slots=True)
class AbortCell:
    """Show that the cell ended without the kernel's reply; ``started`` if it was running."""

    cell: QueuedCell
    reason: Loss | Abort
    started: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InterruptKernel:
    """Interrupt the kernel; the running cell ends by its reply."""


Effect = Queued | ConnectKernel | StartCell | AwaitIdle | FinishCell | AbortCell | InterruptKernel
