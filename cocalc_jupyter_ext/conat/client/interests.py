"""What a client wants to receive, and its agreement with what the server thinks.

Local subscriptions of one pattern share one subscription on the server (conat-core
§8.3). After each sign-in the server has none: passes compare and repair until one finds
nothing to do (§11.4). What the server refuses to restore ends with the server's error.
"""

import asyncio
import logging
from typing import Any, Final, Protocol

from ..errors import ClientClosed, ConatError, Disconnected, RequestTimeout, from_wire
from ..protocol.messages import (
    ClientEvent,
    Delivery,
    Subscribe,
    SubscribeRequest,
    Subscriptions,
    Unsubscribe,
)
from ..types import MakeId, Pattern, QueueGroup
from .reconnect import plan_resync, retry_delays
from .subscription import MessageSink, SharedSubscription

__all__ = ["Caller", "Interests"]

_log = logging.getLogger(__name__)

SUBSCRIBE_TIMEOUT_S: Final = 60.0
RESYNC_TIMEOUT_S: Final = 10.0


class Caller(Protocol):
    """The way to the server."""

    @property
    def is_signed_in(self) -> bool:
        """Return whether the server can be asked."""
        ...  # pragma: no cover - a protocol has no body

    def send(self, event: ClientEvent) -> None:
        """Send an event that needs no answer."""
        ...  # pragma: no cover - a protocol has no body

    async def call(self, event: ClientEvent, timeout_s: float) -> Any:
        """Send an event and return the answer."""
        ...  # pragma: no cover - a protocol has no body


class Interests:
    """The patterns of one client."""

    def __init__(self, caller: Caller, make_id: MakeId) -> None:
        self._caller = caller
        self._make_id = make_id
        self._shared: dict[Pattern, SharedSubscription] = {}
        self._resyncer: asyncio.Task[None] | None = None

    def __contains__(self, pattern: Pattern) -> bool:
        return pattern in self._shared

    def __len__(self) -> int:
        return len(self._shared)

    async def join(self, pattern: Pattern, sink: MessageSink, queue: str | None = None) -> None:
        """Let a sink receive; returns once the server has confirmed the pattern.

        Raises ConatError for a second queue group on one pattern, and the server's error;
        the sink is not part of the pattern then.
        """
        shared = self._shared.get(pattern)
        if shared is None:
            shared = self._shared[pattern] = self._ask(pattern, queue)
        elif queue is not None and queue != shared.queue:
            raise ConatError(f"a client may join only one queue group of '{pattern}'")
        if sink not in shared.sinks:
            shared.sinks.append(sink)
        try:
            await asyncio.shield(shared.confirmation)
        except BaseException:
            self.leave(pattern, sink)
            raise

    def leave(self, pattern: Pattern, sink: MessageSink) -> None:
        """Take a sink away; tell the server when it was the last one of its pattern."""
        shared = self._shared.get(pattern)
        if shared is None or sink not in shared.sinks:
            return
        shared.sinks.remove(sink)
        if not shared.sinks:
            del self._shared[pattern]
            _settle(shared.confirmation, Disconnected())
            self._tell(Unsubscribe((pattern,)))

    def deliver(self, delivery: Delivery, now_s: float) -> None:
        """Hand a chunk to the pattern it came for."""
        shared = self._shared.get(delivery.pattern)
        if shared is not None:
            shared.receive(delivery.subject, delivery.chunk, now_s)

    def is_confirmed(self, pattern: Pattern) -> bool:
        """Return whether the server has the pattern, on this connection."""
        shared = self._shared.get(pattern)
        return shared is not None and shared.confirmation.done()

    async def wait_until_confirmed(self, pattern: Pattern) -> None:
        """Wait until the server has the pattern; raises what it answered, or ClientClosed."""
        shared = self._shared.get(pattern)
        if shared is not None:
            await asyncio.shield(shared.confirmation)

    def withdraw(self) -> None:
        """Tell the server that nothing is wanted any more, before leaving (conat-core §11.5)."""
        if self._shared:
            self._tell(Unsubscribe(tuple(self._shared), batch=True))

    def restore(self) -> None:
        """Begin to bring everything to a server that has nothing of it."""
        self._stop_resync()
        for shared in self._shared.values():
            if shared.confirmation.done():
                shared.confirmation = asyncio.get_running_loop().create_future()
        self._resyncer = asyncio.create_task(self._resync(), name="conat-resync")

    def end(self, error: ConatError) -> None:
        """End all subscriptions; an error other than closing is raised to their consumers."""
        self._stop_resync()
        for shared in self._shared.values():
            shared.end(None if isinstance(error, ClientClosed) else error)
            _settle(shared.confirmation, error)
        self._shared.clear()

    def _ask(self, pattern: Pattern, queue: str | None) -> SharedSubscription:
        group = QueueGroup(queue or self._make_id())
        question = Subscribe((SubscribeRequest(pattern, group),))
        answer = asyncio.ensure_future(self._caller.call(question, SUBSCRIBE_TIMEOUT_S))
        # Everybody who waits may have been cancelled; the error must not be reported as lost.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        return SharedSubscription(group, answer)

    def _tell(self, event: Unsubscribe) -> None:
        """Tell the server, which has nothing of ours while we are not signed in."""
        if not self._caller.is_signed_in:
            return
        try:
            self._caller.send(event)
        except ConatError as error:
            _log.warning("still subscribed to %s on the server: %s", event.subjects, error)

    def _stop_resync(self) -> None:
        if self._resyncer is not None:
            self._resyncer.cancel()

    async def _resync(self) -> None:
        for delay_s in retry_delays(1.0, 15.0):
            try:
                if await self._resync_once():
                    return
            except Disconnected:
                return  # the next sign-in starts over
            except RequestTimeout as error:
                _log.info("cannot restore the subscriptions yet: %s", error)
            await asyncio.sleep(delay_s)

    async def _resync_once(self) -> bool:
        """Make one pass; return whether there was nothing to do."""
        server_has = await self._caller.call(Subscriptions(), RESYNC_TIMEOUT_S)
        wanted = {pattern: shared.queue for pattern, shared in self._shared.items()}
        plan = plan_resync(wanted, server_has)
        if plan.subscribe is not None:
            answers = await self._caller.call(plan.subscribe, RESYNC_TIMEOUT_S)
            for request, answer in zip(plan.subscribe.requests, answers, strict=True):
                self._check(Pattern(request.subject), answer)
        for pattern in wanted:
            if pattern in self._shared:
                _settle(self._shared[pattern].confirmation)
        if plan.unsubscribe is not None:
            await self._caller.call(plan.unsubscribe, RESYNC_TIMEOUT_S)
        return plan.is_stable

    def _check(self, pattern: Pattern, answer: Any) -> None:
        if isinstance(answer, dict) and "error" in answer:
            shared = self._shared.pop(pattern, None)
            if shared is not None:
                error = from_wire(answer)
                shared.end(error)
                _settle(shared.confirmation, error)


def _settle(confirmation: asyncio.Future[Any], error: ConatError | None = None) -> None:
    """Let those go on who wait for a pattern to be restored."""
    if confirmation.done() or isinstance(confirmation, asyncio.Task):
        return  # a first subscription hears its own answer
    if error is None:
        confirmation.set_result(None)
    else:
        confirmation.set_exception(error)
        confirmation.exception()  # nobody may be waiting; then it is not an error that was lost
