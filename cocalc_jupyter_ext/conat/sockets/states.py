"""The states of a socket and the numbers that rule it (conat-core §14.6, §14.7)."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SocketSettings", "SocketState"]


class SocketState(StrEnum):
    """Where a socket is in its life; ``CLOSED`` is for good."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    READY = "ready"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Limits and times; the names that CoCalc uses are in conat-core §14.6.

    ``max_queue`` counts unacknowledged messages in each direction and ``max_sockets`` the
    clients of one server. Times are in seconds. Without ``reconnection`` a client socket that
    has lost its connection waits to be started again.
    """

    max_queue: int = 1000
    reconnection: bool = True
    keep_alive_s: float = 45.0
    keep_alive_timeout_s: float = 30.0
    command_timeout_s: float = 10.0
    reconnect_delay_s: float = 0.5
    dead_scan_s: float = 45.0
    dead_age_s: float = 112.5
    max_sockets: int = 10_000
