"""The broker: joins connections, routing and permissions on one event loop.

It holds the state, gives events to the pure router and performs the effects. A transport
calls ``connect`` with the way back to the client (a ``PeerSink``) once it knows who the
user is, gives every event to the returned ``Peer``, and calls ``Peer.close`` at the end.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConatError, LimitExceeded, to_wire
from ..protocol.messages import Info, Publish
from ..types import Choose, Clock, ConnectionId, Pattern, QueueGroup, Subject, User
from . import router
from .decisions import DecisionCache
from .limits import BrokerLimits, admit_connection
from .peer import Peer, PeerSink
from .permissions import AllowEverything, Authorizer
from .state import BrokerState
from .stats import ConnectionStats, Usage

if TYPE_CHECKING:
    from .waiters import WaiterId

__all__ = ["Broker", "BrokerIdentity", "refuse"]

_log = logging.getLogger(__name__)

REFUSAL_DELAY_S = 0.025
"""How long a refused client has to read why, before it is disconnected (conat-core §2.3)."""


@dataclass(frozen=True, slots=True)
class BrokerIdentity:
    """What a broker says about itself."""

    server_id: str = "0"
    cluster_name: str | None = None
    addresses: tuple[str, ...] = ()


class Broker:
    """Routes messages between its connections."""

    def __init__(
        self,
        authorizer: Authorizer | None = None,
        *,
        limits: BrokerLimits | None = None,
        identity: BrokerIdentity | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        choose: Choose = random.randrange,
    ) -> None:
        self.authorizer = AllowEverything() if authorizer is None else authorizer
        self.limits = limits or BrokerLimits()
        self.identity = identity or BrokerIdentity()
        self.addresses = self.identity.addresses
        self.peers: dict[ConnectionId, Peer] = {}
        self._clock = clock
        self._wall_clock = wall_clock
        self._choose = choose
        self._state = BrokerState()
        self._connections_of: Counter[User | None] = Counter()
        self._connections_made = 0
        self._answers: dict[WaiterId, asyncio.Future[bool]] = {}
        self._waits_started = 0
        self._is_stopped = False

    def connect(
        self,
        sink: PeerSink,
        user: User | None,
        *,
        connection: ConnectionId | None = None,
        address: str = "",
    ) -> Peer:
        """Let a user in, and greet them (conat-core §2.1).

        ``connection`` is the id that the client knows its connection by, ``address`` where
        it comes from; both show up in the statistics. Raises LimitExceeded; the transport
        then calls ``refuse``.
        """
        if self._is_stopped:
            raise LimitExceeded("the server is shutting down; connect again later")
        admit_connection(self.limits, user, self._connections_of[user], len(self.peers))
        self._connections_made += 1
        connection = connection or ConnectionId(f"c{self._connections_made}")
        peer = Peer(self, connection, user, sink, address=address)
        self.peers[peer.id] = peer
        self._connections_of[user] += 1
        self.apply(router.Joined(peer.id))
        peer.start(self._info(user))
        return peer

    def disconnect_user(self, user: User, reason: str = "access was removed") -> int:
        """End all connections of a user for good; return how many there were."""
        peers = [peer for peer in self.peers.values() if peer.user == user]
        for peer in peers:
            peer.close(reason, may_return=False)
        return len(peers)

    def disconnect(
        self, connections: Iterable[ConnectionId], reason: str = "disconnected by the server"
    ) -> int:
        """End these connections for good; return how many of them there were."""
        peers = [self.peers[each] for each in set(connections) if each in self.peers]
        for peer in peers:
            peer.close(reason, may_return=False)
        return len(peers)

    def stats(self) -> dict[ConnectionId, ConnectionStats]:
        """Return a picture of every connection (conat-core §17)."""
        return {
            peer.id: ConnectionStats(peer.user, peer.stats.copy(), len(self.subscriptions(peer.id)))
            for peer in self.peers.values()
        }

    def usage(self) -> Usage:
        """Return how many connections each user has (conat-core §17)."""
        return Usage(dict(self._connections_of))

    def now_ms(self) -> int:
        """Return the time, in milliseconds since 1970."""
        return int(self._wall_clock() * 1000)

    async def recheck(self, user: User) -> int:
        """Ask again what a user may do; end what they may not, return how many subscriptions.

        To be called when somebody has lost a right, for instance as a collaborator of a
        project (design §5 (g)). Remembered decisions about them are forgotten.
        """
        if isinstance(self.authorizer, DecisionCache):
            self.authorizer.forget(user)
        peers = [peer for peer in self.peers.values() if peer.user == user]
        return sum(await asyncio.gather(*(peer.recheck() for peer in peers)))

    async def stop(self) -> None:
        """Answer false to all waits, close all connections, and let nobody in any more."""
        self._is_stopped = True
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(False)
        peers = list(self.peers.values())
        for peer in peers:
            await peer.finish_waits()
        for peer in peers:
            peer.close()
        for peer in peers:
            await peer.wait_closed()

    def publish(self, connection: ConnectionId, event: Publish, subject: Subject) -> int:
        """Route a chunk; return how many (pattern, queue group) pairs got it (conat-core §9.1)."""
        published = router.Published(connection, subject, event.chunk, self._clock())
        return self._perform(router.apply(self._state, published, self._choose))

    def apply(self, event: router.RouterEvent) -> None:
        """Change the routing state and do what follows."""
        self._perform(router.apply(self._state, event, self._choose))

    def subscriptions(self, connection: ConnectionId) -> Mapping[Pattern, QueueGroup]:
        """Return what a connection is subscribed to, in the order in which it subscribed."""
        return self._state.subscriptions.get(connection, {})

    async def interest(
        self, connection: ConnectionId, subject: Subject, timeout_s: float
    ) -> bool | None:
        """Wait until there is interest in a subject (conat-core §9.3).

        Returns False when the time is 0 and nobody is interested, or when the broker
        stops; None when the time is up. Raises LimitExceeded.
        """
        if timeout_s <= 0:
            return router.has_interest(self._state, subject)
        if len(self._answers) >= self.limits.max_interest_waits:
            raise LimitExceeded(
                f"the server has {len(self._answers)} waits for interest; try again later"
            )
        self._waits_started += 1
        waiter = self._waits_started
        answer = self._answers[waiter] = asyncio.get_running_loop().create_future()
        try:
            self.apply(router.WaitStarted(waiter, connection, subject))
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            return None
        finally:
            del self._answers[waiter]
            self.apply(router.WaitAbandoned(waiter))

    def disconnected(self, peer: Peer) -> None:
        """Forget a connection; its subscriptions vanish at once (conat-core §8.1)."""
        self.apply(router.Left(peer.id))
        del self.peers[peer.id]
        self._connections_of[peer.user] -= 1
        if not self._connections_of[peer.user]:
            del self._connections_of[peer.user]

    def _info(self, user: User | None) -> Info:
        return Info(
            self.limits.max_payload_bytes,
            self.identity.server_id,
            None if user is None else user.to_wire(),
            self.identity.cluster_name,
        )

    def _perform(self, effects: list[router.Effect]) -> int:
        count = 0
        for effect in effects:
            match effect:
                case router.Deliver(to, delivery, counts):
                    peer = self.peers.get(to)  # a peer may have been closed by a delivery
                    if peer is not None:
                        peer.deliver(delivery)
                        count += counts
                case router.InterestFound(waiter):
                    answer = self._answers[waiter]
                    if not answer.done():
                        answer.set_result(True)
                case router.Superseded(older, by):
                    self._end_superseded(self.peers.get(older), self.peers.get(by))
        return count

    def _end_superseded(self, older: Peer | None, newer: Peer | None) -> None:
        """End a connection that its client has left, if it is the same user's."""
        if older is not None and newer is not None and older.user == newer.user:
            _log.info("%s of %s has come back as %s", older.id, older.user, newer.id)
            older.close("the client has a newer connection")


async def refuse(sink: PeerSink, broker: Broker, error: ConatError) -> None:
    """Tell a client why it is not let in, and disconnect it (conat-core §2.3)."""
    limits, identity = broker.limits, broker.identity
    sink.send(Info(limits.max_payload_bytes, identity.server_id, to_wire(error)))
    await asyncio.sleep(REFUSAL_DELAY_S)
    sink.close(str(error), may_return=False)
