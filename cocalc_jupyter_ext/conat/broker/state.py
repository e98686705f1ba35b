"""What a broker knows, as plain data. Only ``router.apply`` changes it.

Invariants: a pattern is in ``routes`` exactly while a connection is subscribed to it; a
queue group is in its pattern's groups exactly while it has members; ``subscriptions`` of
a connection and the memberships in ``routes`` say the same.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from ..protocol.patterns import PatternTrie
from ..types import ConnectionId, MessageId, Pattern, QueueGroup
from .waiters import Waiters

__all__ = ["Assignment", "AssignmentKey", "BrokerState", "Groups"]

Groups: TypeAlias = dict[QueueGroup, list[ConnectionId]]
AssignmentKey: TypeAlias = tuple[Pattern, QueueGroup, ConnectionId, MessageId]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which member of a queue group gets all chunks of one message, and since when."""

    member: ConnectionId
    since_s: float


@dataclass(slots=True)
class BrokerState:
    """Subscriptions of all connections, and what is pending because of them."""

    subscriptions: dict[ConnectionId, dict[Pattern, QueueGroup]] = field(default_factory=dict)
    routes: PatternTrie[Groups] = field(default_factory=PatternTrie)
    assignments: dict[AssignmentKey, Assignment] = field(default_factory=dict)
    waiters: Waiters = field(default_factory=Waiters)
