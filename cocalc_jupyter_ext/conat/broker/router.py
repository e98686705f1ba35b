"""Where messages go: a pure function of the state and one event.

``apply`` changes the state and returns what is to be done; it knows no sockets, no
users, no clock. The random choice inside a queue group comes in as ``choose``. Input is
checked before it gets here: subjects are valid, operations are permitted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..protocol.chunks import CHUNK_EXPIRY_S, Chunk
from ..protocol.messages import Delivery
from ..protocol.subjects import INBOXES, TAP
from ..types import Choose, ConnectionId, Pattern, QueueGroup, Subject
from .state import Assignment, AssignmentKey, BrokerState, Groups
from .waiters import Waiter, WaiterId

__all__ = [
    "Deliver",
    "Effect",
    "InterestFound",
    "Joined",
    "Left",
    "Published",
    "RouterEvent",
    "Subscribed",
    "Superseded",
    "Unsubscribed",
    "WaitAbandoned",
    "WaitStarted",
    "apply",
    "has_interest",
]

MAX_ASSIGNMENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Joined:
    """A connection begins, with no subscriptions."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class Left:
    """A connection is over; everything it had vanishes with it."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A connection subscribes. What it already has stays as it is."""

    connection: ConnectionId
    pattern: Pattern
    queue: QueueGroup


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A connection ends a subscription; an unknown one is ignored."""

    connection: ConnectionId
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Published:
    """A connection publishes one chunk, at this time."""

    connection: ConnectionId
    subject: Subject
    chunk: Chunk
    now_s: float


@dataclass(frozen=True, slots=True)
class WaitStarted:
    """A connection wants to know when there is interest in a subject."""

    waiter: WaiterId
    connection: ConnectionId
    subject: Subject


@dataclass(frozen=True, slots=True)
class WaitAbandoned:
    """Nobody waits any more, for instance because the time is up."""

    waiter: WaiterId


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a chunk to a connection; ``counts`` says whether the publisher is told of it."""

    to: ConnectionId
    delivery: Delivery
    counts: bool = True


@dataclass(frozen=True, slots=True)
class InterestFound:
    """Answer a waiter with true. The state has forgotten it already."""

    waiter: WaiterId


@dataclass(frozen=True, slots=True)
class Superseded:
    """A client has come back on the connection ``by`` while an older one seemed to live.

    An inbox belongs to one client, and a client has one connection (conat-core §10.1). Until it
    is noticed that the older one is dead, half of what its queue groups get would be lost there.
    """

    connection: ConnectionId
    by: ConnectionId


RouterEvent: TypeAlias = (
    Joined | Left | Subscribed | Unsubscribed | Published | WaitStarted | WaitAbandoned
)
Effect: TypeAlias = Deliver | InterestFound | Superseded


def apply(state: BrokerState, event: RouterEvent, choose: Choose) -> list[Effect]:
    """Change the state as the event demands; return what to do, in order."""
    match event:
        case Published():
            return list(_route(state, event, choose))
        case Subscribed(connection, pattern, queue):
            return _subscribe(state, connection, pattern, queue)
        case WaitStarted(waiter, connection, subject):
            return _wait(state, waiter, Waiter(connection, subject))
        case Unsubscribed(connection, pattern):
            _unsubscribe(state, connection, pattern)
        case Joined(connection):
            state.subscriptions[connection] = {}
        case Left(connection):
            _leave(state, connection)
        case WaitAbandoned(waiter):
            state.waiters.discard(waiter)
    return []


def has_interest(state: BrokerState, subject: Subject) -> bool:
    """Return whether anybody but a tap is subscribed to the subject (conat-core §8.4, §9.3)."""
    return any(pattern != TAP for pattern, _groups in state.routes.match(subject))


def _route(state: BrokerState, event: Published, choose: Choose) -> Iterator[Deliver]:
    """One member of each queue group of each matching pattern gets it (conat-core §8.2)."""
    for pattern, groups in state.routes.match(event.subject):
        delivery = Delivery(pattern, event.subject, event.chunk)
        for queue, members in groups.items():
            to = _choose_member(state, event, (pattern, queue), members, choose)
            yield Deliver(to, delivery, counts=pattern != TAP)


def _choose_member(
    state: BrokerState,
    event: Published,
    group: tuple[Pattern, QueueGroup],
    members: list[ConnectionId],
    choose: Choose,
) -> ConnectionId:
    """Choose at random, but the same member for all chunks of one message (conat-core §4.4)."""
    chunk = event.chunk
    if chunk.seq == 0 and chunk.done:
        return members[0] if len(members) == 1 else members[choose(len(members))]
    key = (*group, event.connection, chunk.id)
    known = state.assignments.get(key)
    if known is not None and known.member in members:
        member = known.member
    else:
        member = members[choose(len(members))]
    _remember(state, key, None if chunk.done else Assignment(member, event.now_s))
    return member


def _remember(state: BrokerState, key: AssignmentKey, assignment: Assignment | None) -> None:
    """Keep the newest assignments, oldest first, so that expired ones are in front."""
    state.assignments.pop(key, None)
    if assignment is None:
        return
    state.assignments[key] = assignment
    oldest_allowed = assignment.since_s - CHUNK_EXPIRY_S
    while True:
        oldest_key, oldest = next(iter(state.assignments.items()))
        if oldest.since_s > oldest_allowed and len(state.assignments) <= MAX_ASSIGNMENTS:
            return
        del state.assignments[oldest_key]


def _subscribe(
    state: BrokerState, connection: ConnectionId, pattern: Pattern, queue: QueueGroup
) -> list[Effect]:
    own = state.subscriptions.get(connection)
    if own is None or pattern in own:
        return []
    own[pattern] = queue
    groups = state.routes.get(pattern)
    if groups is None:
        groups = Groups()
        state.routes.insert(pattern, groups)
    members = groups.setdefault(queue, [])
    older = list(members) if pattern.startswith(INBOXES) else []
    members.append(connection)
    woken = [] if pattern == TAP else state.waiters.take(pattern)
    return [
        *(Superseded(each, connection) for each in older),
        *(InterestFound(waiter) for waiter in woken),
    ]


def _unsubscribe(state: BrokerState, connection: ConnectionId, pattern: Pattern) -> None:
    own = state.subscriptions.get(connection)
    groups = state.routes.get(pattern)
    if own is None or groups is None or pattern not in own:
        return
    queue = own.pop(pattern)
    groups[queue].remove(connection)
    if not groups[queue]:
        del groups[queue]
    if not groups:
        state.routes.remove(pattern)


def _leave(state: BrokerState, connection: ConnectionId) -> None:
    for pattern in list(state.subscriptions.get(connection, ())):
        _unsubscribe(state, connection, pattern)
    state.subscriptions.pop(connection, None)
    state.waiters.discard_connection(connection)


def _wait(state: BrokerState, waiter_id: WaiterId, waiter: Waiter) -> list[Effect]:
    if has_interest(state, waiter.subject):
        return [InterestFound(waiter_id)]
    state.waiters.add(waiter_id, waiter)
    return []
