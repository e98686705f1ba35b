"""One connection as the broker sees it: answers its events, in the right order.

Publishes are routed inline, in arrival order. Subscribing, unsubscribing and listing
form a second lane with an order of its own, so that a slow permission check does not
block publishes; a publish sent right behind an unconfirmed subscribe is routed before
it (conat-core §3.4). Each wait for interest is a task. ``close`` ends all of it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

from ..errors import CodecError, ConatError, EventError, LimitExceeded, PermissionDenied, to_wire
from ..protocol.messages import (
    RESERVED_EVENT_NAMES,
    ClientEvent,
    Cluster,
    Delivery,
    Info,
    PermissionNotice,
    Publish,
    ReportStats,
    ServerEvent,
    Subscribe,
    SubscribeRequest,
    Subscriptions,
    Unsubscribe,
    WaitForInterest,
)
from ..protocol.subjects import parse_pattern, parse_subject
from ..types import ConnectionId, JsonValue, Operation, Pattern, QueueGroup, Subject, User
from . import router
from .limits import BrokerLimits, admit_subscription, check_batch, check_length
from .permissions import Authorizer
from .stats import PeerStats, Traffic, user_json

__all__ = ["Fabric", "Peer", "PeerSink"]

_log = logging.getLogger(__name__)

INFO_ACK_TIMEOUT_S: Final = 7.5
FINISH_TIMEOUT_S: Final = 1.0
EVENTS_PER_TURN: Final = 100
INFO_PAUSES_S: Final = (5.0, 6.5, 8.45, 11.0, 14.3, 18.6)
"""What lies between the attempts; with the timeouts, together about two minutes (§2.2)."""

_PARTICIPLES: Final[Mapping[Operation, str]] = {
    "pub": "publishing to",
    "sub": "subscribing to",
}


async def _finished(task: asyncio.Task[None]) -> None:
    """Wait for a task without taking part in its failure."""
    await asyncio.wait({task})


class PeerSink(Protocol):
    """The way to a client. No method blocks; a sink that is closed ignores calls.

    Only ``send`` raises: CodecError for a delivery that cannot be written.
    """

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        """Send an event; call ``on_ack`` when the client has acknowledged it."""
        ...  # pragma: no cover - a protocol has no body

    def acknowledge(self, ack_id: int, value: JsonValue) -> None:
        """Answer an event of the client."""
        ...  # pragma: no cover - a protocol has no body

    def close(self, reason: str, *, may_return: bool) -> None:
        """End the connection; the client comes back by itself only if it may return."""
        ...  # pragma: no cover - a protocol has no body


class Fabric(Protocol):
    """What a peer needs of its broker."""

    limits: BrokerLimits
    authorizer: Authorizer
    addresses: tuple[str, ...]

    def now_ms(self) -> int:
        """Return the time, in milliseconds since 1970."""
        ...  # pragma: no cover - a protocol has no body

    def publish(self, connection: ConnectionId, event: Publish, subject: Subject) -> int:
        """Route a chunk and return the count for its publisher; raises CodecError."""
        ...  # pragma: no cover - a protocol has no body

    def apply(self, event: router.RouterEvent) -> None:
        """Change the routing state and do what follows."""
        ...  # pragma: no cover - a protocol has no body

    def subscriptions(self, connection: ConnectionId) -> Mapping[Pattern, QueueGroup]:
        """Return what a connection is subscribed to."""
        ...  # pragma: no cover - a protocol has no body

    async def interest(
        self, connection: ConnectionId, subject: Subject, timeout_s: float
    ) -> bool | None:
        """Wait for interest; None when the time is up. Raises LimitExceeded."""
        ...  # pragma: no cover - a protocol has no body

    def disconnected(self, peer: "Peer") -> None:
        """Note that a peer is gone."""
        ...  # pragma: no cover - a protocol has no body


class Peer:
    """One connection of one user. Made by ``Broker.connect``."""

    def __init__(
        self,
        fabric: Fabric,
        connection: ConnectionId,
        user: User | None,
        sink: PeerSink,
        *,
        address: str = "",
    ) -> None:
        self.id = connection
        self.user = user
        self.stats = PeerStats(fabric.now_ms(), address, fabric.now_ms())
        self.is_closed = False
        self._fabric = fabric
        self._sink = sink
        self._control: asyncio.Queue[tuple[ClientEvent, int | None]] = asyncio.Queue(
            fabric.limits.max_pending_control_events
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._waits: set[asyncio.Task[None]] = set()
        self._subscribing = asyncio.Lock()
        self._has_complained = False

    def start(self, info: Info) -> None:
        """Greet the client and begin to answer it."""
        self._spawn(self._run_control(), "control")
        self._spawn(self._greet(info), "greet")

    def receive(self, event: ClientEvent, ack_id: int | None) -> Awaitable[None] | None:
        """Take an event. What is returned must be awaited before the next event is given."""
        if self.is_closed:
            return None
        if isinstance(event, ReportStats):
            self.stats.received = Traffic(event.received_messages, event.received_bytes)
            return None
        self.stats.active_ms = self._fabric.now_ms()
        match event:
            case Publish():
                return self._publish(event, ack_id)
            case WaitForInterest():
                self._start_wait(event, ack_id)
            case Cluster():
                self._answer(ack_id, list(self._fabric.addresses))
            case _:
                return self._enqueue(event, ack_id)
        return None

    def reject(self, ack_id: int | None, error: ConatError) -> None:
        """Answer an event that made no sense; the log hears of the first one only."""
        if not self._has_complained and not isinstance(error, PermissionDenied):
            self._has_complained = True
            # The text may hold what the client sent: repr keeps it on one line.
            _log.warning(
                "%s, user %s, sent what is refused: %.300r", self.id, self.user, str(error)
            )
        self._answer(ack_id, to_wire(error))

    def deliver(self, delivery: Delivery) -> None:
        """Hand a chunk to the client."""
        self.stats.sent.count(delivery.chunk)
        self._sink.send(delivery)

    def close(self, reason: str = "server shutting down", *, may_return: bool = True) -> None:
        """End the connection and everything it waits for; calling it again does nothing."""
        if self.is_closed:
            return
        self.is_closed = True
        self._fabric.disconnected(self)
        for task in self._tasks:
            task.cancel()
        self._sink.close(reason, may_return=may_return)

    async def recheck(self) -> int:
        """End the subscriptions that are not permitted any more; return how many.

        The client is told of each by a ``permission`` event. When it cannot be found out,
        the connection ends.
        """
        ended = 0
        try:
            async with self._subscribing:
                for pattern in list(self._fabric.subscriptions(self.id)):
                    if not await self._may("sub", pattern):
                        self._fabric.apply(router.Unsubscribed(self.id, pattern))
                        self._denied("sub", pattern)
                        ended += 1
        except Exception:  # noqa: BLE001 - whatever an authorizer raises, nobody keeps a right
            _log.exception("the rights of %s could not be checked again", self.id)
            self.close("internal error")
        return ended

    async def finish_waits(self) -> None:
        """Give the waits for interest, which somebody has ended, time to answer."""
        if self._waits:
            await asyncio.wait(self._waits, timeout=FINISH_TIMEOUT_S)

    async def wait_closed(self) -> None:
        """Return when no task of this connection runs any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"conat-{name}-{self.id}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        """End the connection when a task failed: its client would wait for nothing."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
            self.close("internal error")

    def _answer(self, ack_id: int | None, value: JsonValue) -> None:
        if ack_id is not None and not self.is_closed:
            self._sink.acknowledge(ack_id, value)

    # Greeting

    async def _greet(self, info: Info) -> None:
        """Send ``info`` until it is acknowledged, or give up silently (conat-core §2.2)."""
        acknowledged = asyncio.Event()
        for pause_s in INFO_PAUSES_S:
            self._sink.send(info, acknowledged.set)
            try:
                await asyncio.wait_for(acknowledged.wait(), INFO_ACK_TIMEOUT_S)
            except TimeoutError:
                await asyncio.sleep(pause_s)
            else:
                return

    # Publishing

    def _publish(self, event: Publish, ack_id: int | None) -> Awaitable[None] | None:
        try:
            subject = parse_subject(event.subject)
            check_length(self._fabric.limits, subject)
        except ConatError as error:
            self.reject(ack_id, error)
            return None
        allowed = self._fabric.authorizer.allows(self.user, subject, "pub")
        if isinstance(allowed, bool):
            self._route(event, subject, ack_id, allowed=allowed)
            return None
        work = self._publish_when_allowed(event, subject, ack_id, allowed)
        return _finished(self._spawn(work, "publish"))

    async def _publish_when_allowed(
        self, event: Publish, subject: Subject, ack_id: int | None, allowed: Awaitable[bool]
    ) -> None:
        self._route(event, subject, ack_id, allowed=await allowed)

    def _route(
        self, event: Publish, subject: Subject, ack_id: int | None, *, allowed: bool
    ) -> None:
        if not allowed:
            self.reject(ack_id, self._denied("pub", subject))
        elif not self.is_closed:
            try:
                count = self._fabric.publish(self.id, event, subject)
            except CodecError as error:  # headers that can be read, but not be written again
                self.reject(ack_id, error)
            else:
                self._answer(ack_id, {"count": count})

    async def _may(self, operation: Operation, subject: str) -> bool:
        allowed = self._fabric.authorizer.allows(self.user, subject, operation)
        return allowed if isinstance(allowed, bool) else await allowed

    def _denied(self, operation: Operation, subject: str) -> PermissionDenied:
        """Tell the client by a notice, which comes before the answer (conat-core §3.3)."""
        error = PermissionDenied(_PARTICIPLES[operation], subject, user_json(self.user))
        self._sink.send(PermissionNotice(str(error), subject, operation))
        return error

    # Subscriptions

    def _enqueue(self, event: ClientEvent, ack_id: int | None) -> Awaitable[None] | None:
        try:
            self._control.put_nowait((event, ack_id))
        except asyncio.QueueFull:
            return self._control.put((event, ack_id))
        return None

    async def _run_control(self) -> None:
        while True:
            event, ack_id = await self._control.get()
            try:
                async with self._subscribing:
                    self._answer(ack_id, await self._control_result(event))
            except ConatError as error:
                self.reject(ack_id, error)

    async def _control_result(self, event: ClientEvent) -> JsonValue:
        match event:
            case Subscribe(requests, batch):
                check_batch(self._fabric.limits, len(requests))
                results = [result async for result in self._subscribe_all(requests)]
                return results if batch else results[0]
            case Unsubscribe(subjects, batch):
                check_batch(self._fabric.limits, len(subjects))
                for subject in subjects:
                    self._fabric.apply(router.Unsubscribed(self.id, Pattern(subject)))
                return [None] * len(subjects) if batch else None
            case Subscriptions():
                return list(self._fabric.subscriptions(self.id))
            case _:
                raise EventError(f"'{type(event).__name__}' is not supported by this server")

    async def _subscribe_all(
        self, requests: tuple[SubscribeRequest, ...]
    ) -> AsyncGenerator[JsonValue, None]:
        for number, request in enumerate(requests, 1):
            yield await self._subscribe(request)
            if number % EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)  # others want to be served too

    async def _subscribe(self, request: SubscribeRequest) -> JsonValue:
        try:
            return {"status": await self._subscribe_status(request)}
        except ConatError as error:
            return to_wire(error)

    async def _subscribe_status(self, request: SubscribeRequest) -> str:
        """Check in the order of conat-core §8.1, then join the route."""
        own = self._fabric.subscriptions(self.id)
        if request.subject in own:
            return "already-added"
        if request.queue is None:
            raise EventError("queue must be defined")
        pattern = self._parse_pattern(request.subject)
        if not await self._may("sub", pattern):
            raise self._denied("sub", pattern)
        admit_subscription(self._fabric.limits, self.user, len(own), pattern)
        self._fabric.apply(router.Subscribed(self.id, pattern, QueueGroup(request.queue)))
        return "added"

    def _parse_pattern(self, subject: str) -> Pattern:
        pattern = parse_pattern(subject)
        check_length(self._fabric.limits, pattern)
        if pattern in RESERVED_EVENT_NAMES:
            raise EventError(f"'{pattern}' is a reserved name and cannot be subscribed to")
        return pattern

    # Interest

    def _start_wait(self, event: WaitForInterest, ack_id: int | None) -> None:
        limit = self._fabric.limits.max_interest_waits_per_client
        if len(self._waits) >= limit:
            self.reject(ack_id, LimitExceeded(f"at most {limit} waits for interest at a time"))
        else:
            task = self._spawn(self._wait_for_interest(event, ack_id), "interest")
            self._waits.add(task)
            task.add_done_callback(self._waits.discard)

    async def _wait_for_interest(self, event: WaitForInterest, ack_id: int | None) -> None:
        self._answer(ack_id, await self._interest_answer(event))

    async def _interest_answer(self, event: WaitForInterest) -> JsonValue:
        """Return true, false or an error, whose text has no prefix here (conat-core §3.3)."""
        try:
            subject = parse_subject(event.subject)
            check_length(self._fabric.limits, subject)
            await self._check_waiting(subject)
            limit_s = self._fabric.limits.max_interest_wait_s
            timeout_s = min(event.timeout_ms, limit_s * 1000) / 1000
            found = await self._fabric.interest(self.id, subject, timeout_s)
        except ConatError as error:
            return to_wire(error, prefix="")
        return to_wire(ConatError("timeout")) if found is None else found

    async def _check_waiting(self, subject: Subject) -> None:
        if not await self._may("pub", subject):
            raise PermissionDenied("waiting for interest in", subject, user_json(self.user))
