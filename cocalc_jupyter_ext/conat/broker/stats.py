"""Counters of what a broker moves, and pictures of them (conat-core §11.7, §17)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..protocol.chunks import Chunk
from ..protocol.codec import to_json
from ..types import JsonValue, User

__all__ = ["ConnectionStats", "PeerStats", "Traffic", "Usage", "user_json"]


@dataclass(slots=True)
class Traffic:
    """Whole messages, and bytes of payload."""

    messages: float = 0
    bytes: float = 0

    def count(self, chunk: Chunk) -> None:
        """Add a chunk: a message counts when its last chunk passes (conat-core §11.7)."""
        self.messages += chunk.done
        self.bytes += len(chunk.raw)

    def to_wire(self) -> dict[str, JsonValue]:
        """Return ``{messages, bytes}``."""
        return {"messages": self.messages, "bytes": self.bytes}


@dataclass(slots=True)
class PeerStats:
    """What one connection was sent, and what its client says it received.

    Times are milliseconds since 1970. A connection is active when its client sends anything
    but its statistics, which clients send all the time.
    """

    connected_ms: int = 0
    address: str = ""
    active_ms: int = 0
    sent: Traffic = field(default_factory=Traffic)
    received: Traffic = field(default_factory=Traffic)

    def copy(self) -> "PeerStats":
        """Return the same numbers, which stay as they are."""
        return replace(self, sent=replace(self.sent), received=replace(self.received))


@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """One connection at one moment."""

    user: User | None
    stats: PeerStats
    subscriptions: int

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the ``ConnectionStats`` of the system API (conat-core §17)."""
        return {
            "user": None if self.user is None else self.user.to_wire(),
            "send": self.stats.sent.to_wire(),
            "recv": self.stats.received.to_wire(),
            "subs": self.subscriptions,
            "connected": self.stats.connected_ms,
            "active": self.stats.active_ms,
            "address": self.stats.address,
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """How many connections there are, all together and of each user."""

    per_user: Mapping[User | None, int]

    @property
    def total(self) -> int:
        """All connections."""
        return sum(self.per_user.values())

    def to_wire(self) -> dict[str, JsonValue]:
        """Return ``{total, perUser}``; the keys are users as JSON (conat-core §2.4, §17)."""
        per_user = {user_json(user): count for user, count in self.per_user.items()}
        return {"total": self.total, "perUser": per_user}


def user_json(user: User | None) -> str:
    """Return a user as compact JSON; ``null`` where nobody was asked (conat-core §3.3)."""
    return to_json(None if user is None else user.to_wire())
