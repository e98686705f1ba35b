"""What state a project is in and what may be done about it: pure (hub-project-api §6.2).

JupyterHub knows whether a server runs; we translate. Of the states only the four that a server
can be in occur: ``opened`` (the normal "stopped"), ``starting``, ``running``, ``stopping``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..errors import ProjectBusyError

__all__ = [
    "Progress",
    "ServerView",
    "State",
    "Step",
    "decide_start",
    "decide_stop",
    "progress_from_event",
    "state_of_server",
    "state_record",
]


class State(StrEnum):
    """A project's state, in the words of the wire."""

    OPENED = "opened"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class Step(StrEnum):
    """What is to be done to get to a wanted state."""

    ACT = "act"
    WAIT = "wait"
    NOTHING = "nothing"


@dataclass(frozen=True)
class ServerView:
    """What the hub says of a server; ``pending`` is ``spawn``, ``stop``, ``check`` or None."""

    ready: bool
    pending: str | None


@dataclass(frozen=True)
class Progress:
    """How far a start is: ``percent`` 0-100, a sentence, and whether it ended well or badly."""

    percent: int
    message: str
    ready: bool = False
    failed: bool = False


def state_of_server(server: ServerView | None) -> State:
    """Translate; a server that the hub has never seen is not running."""
    if server is None:
        return State.OPENED
    if server.pending == "stop":
        return State.STOPPING
    if server.pending == "spawn":
        return State.STARTING
    return State.RUNNING if server.ready else State.OPENED


def decide_start(state: State) -> Step:
    """Say what starting means now; raises ProjectBusyError while stopping."""
    if state is State.STOPPING:
        raise ProjectBusyError("stopping")
    return {State.RUNNING: Step.NOTHING, State.STARTING: Step.WAIT}.get(state, Step.ACT)


def decide_stop(state: State) -> Step:
    """Say what stopping means now; raises ProjectBusyError while starting."""
    if state is State.STARTING:
        raise ProjectBusyError("starting")
    return {State.OPENED: Step.NOTHING, State.STOPPING: Step.WAIT}.get(state, Step.ACT)


def state_record(state: State, now: datetime, error: str | None = None) -> dict[str, Any]:
    """Return the ProjectState to store: no ``error`` when there is none."""
    record = {"state": state.value, "time": now.isoformat()}
    return record if error is None else record | {"error": error}


def progress_from_event(event: Mapping[str, Any]) -> Progress:
    """Read one progress event of the hub; what is missing or odd becomes harmless."""
    percent = event.get("progress")
    number = percent if isinstance(percent, int | float) else 0
    return Progress(
        percent=round(min(max(number, 0), 100)),
        message=str(event.get("message", "")),
        ready=event.get("ready") is True,
        failed=event.get("failed") is True,
    )
