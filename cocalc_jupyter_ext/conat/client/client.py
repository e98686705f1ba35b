"""The client: publish, subscribe, request and reply.

Its connection may come and go (``session``); subscriptions outlive it (``interests``).
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Self

from ..errors import ConatError, Disconnected, NoSubscribers, RequestTimeout
from ..protocol.codec import Encoding, encode
from ..protocol.messages import Delivery, Info, PermissionNotice
from ..protocol.subjects import parse_pattern, parse_subject
from ..signals import Signal
from ..types import Clock, Headers, JsonObject, MakeId, Pattern
from .denials import Denials
from .identifiers import random_id
from .interests import Interests
from .own_inbox import OwnInbox
from .publisher import Outgoing, Publisher
from .reconnect import Random
from .session import ClientState, ClientTransport, Session
from .statistics import ClientStatistics, StatisticsReporter, Traffic
from .subscription import REPLY_HEADER, Message, MessageSink, Subscription, SubscriptionLimits

__all__ = ["Client", "PublishResult"]

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class PublishResult:
    """How long the encoded payload was, and how many receivers the server counted."""

    bytes: int
    count: int


def _outgoing(
    subject: str, value: object, headers: Headers, encoding: int, raw: bytes | None
) -> Outgoing:
    """Return a message to send; ``raw``, when given, is the payload already encoded."""
    payload = encode(value, encoding) if raw is None else raw
    return Outgoing(parse_subject(subject, "publish"), payload, encoding, headers)


class Client:
    """A participant of the message fabric. Use as an asynchronous context manager.

    ``prefix`` is the prefix of the inbox; without it the one the server permits is used.
    ``closing`` is emitted while one can still say goodbye.
    """

    def __init__(
        self,
        transport: ClientTransport,
        *,
        prefix: str | None = None,
        clock: Clock = time.monotonic,
        make_id: MakeId = random_id,
        rng: Random = random.random,
    ) -> None:
        self.id = make_id()
        self.closing: Signal[[]] = Signal(f"closing of client {self.id}")
        self.refusals: Signal[[PermissionNotice]] = Signal(f"refusals of client {self.id}")
        self._clock = clock
        self._stats = ClientStatistics()
        self._session = Session(transport, self, name=self.id, rng=rng)
        self._interests = Interests(self._session, make_id)
        self._denials = Denials()
        self._publisher = Publisher(
            self._session, self._denials, self._stats.send, clock=clock, make_id=make_id
        )
        self._reporter = StatisticsReporter(lambda: self._session.send(self._stats.report()))
        self._inbox = OwnInbox(
            self._session, self._interests, self._join, prefix=prefix, make_id=make_id
        )

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to connect, and stay connected until closed."""
        self._session.start()

    async def close(self) -> None:
        """End all subscriptions and the connection; calling it again does nothing."""
        self.closing.emit()
        self._interests.withdraw()
        await self._session.close()

    @property
    def state(self) -> ClientState:
        """Whether the server knows us now (conat-core §11.2)."""
        return self._session.state

    @property
    def states(self) -> Signal[[ClientState]]:
        """Emits every change of ``state``; ``CONNECTED`` at each sign-in."""
        return self._session.states

    @property
    def info(self) -> Info | None:
        """What the server said at sign-in; None while not signed in."""
        return self._session.info

    @property
    def failure(self) -> Exception | None:
        """Why the last attempt to connect failed; None since the last sign-in."""
        return self._session.failure

    @property
    def stats(self) -> ClientStatistics:
        """What was sent and received up to now, as a copy (conat-core §11.7)."""
        now = self._stats
        return ClientStatistics(
            replace(now.send), replace(now.recv), replace(now.recv0), len(self._interests)
        )

    async def wait_until_signed_in(self) -> Info:
        """Wait, without limit; raises SignInFailed or ClientClosed if that will never happen."""
        return self._session.info or await self._session.wait_until_signed_in()

    # Publish

    def publish_sync(
        self,
        subject: str,
        value: object = None,
        *,
        headers: Headers = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
    ) -> int:
        """Send without waiting for an answer; return the length of the payload in bytes.

        ``raw`` is a payload that is encoded already, and replaces ``value``. Raises
        Disconnected while there is no connection: nothing is kept for later. What the
        server refuses is told by ``refusals``.
        """
        message = _outgoing(subject, value, headers, encoding, raw)
        self._publisher.send(message)
        return len(message.raw)

    async def publish(
        self,
        subject: str,
        value: object = None,
        *,
        headers: Headers = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        wait_for_interest: bool = False,
    ) -> PublishResult:
        """Send, and return what the server answered (conat-core §9.2, §9.3).

        Waits until signed in. With ``wait_for_interest`` a message that reached nobody is
        sent once more as soon as somebody has subscribed. Raises InvalidSubject,
        RequestTimeout, Disconnected, or RemoteError with the server's code.
        """
        message = _outgoing(subject, value, headers, encoding, raw)
        if self._session.info is None:
            await self._session.wait_until_signed_in()
        count = await self._publisher.publish(message, timeout_s, wait=wait_for_interest)
        return PublishResult(len(message.raw), count)

    async def wait_for_interest(self, subject: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> bool:
        """Wait until somebody is subscribed to a subject, at most 90 s (conat-core §9.3).

        Returns False only when the server stops. Raises RequestTimeout when the time is up,
        RemoteError when the server refuses.
        """
        parsed = parse_subject(subject, "wait-for-interest")
        await self.wait_until_signed_in()
        return await self._publisher.wait_for_interest(parsed, timeout_s)

    async def interest(self, subject: str) -> bool:
        """Return whether anybody is subscribed to a subject now (conat-core §9.3)."""
        return await self.wait_for_interest(subject, 0)

    # Subscribe

    async def subscribe(
        self,
        pattern: str,
        *,
        queue: str | None = None,
        limits: SubscriptionLimits | None = None,
        max_wait_s: float | None = None,
        max_messages: int | None = None,
    ) -> Subscription:
        """Subscribe, and return once the server has confirmed it (conat-core §8.3).

        ``limits`` bound what is kept for a busy consumer. The subscription ends by itself
        when ``max_messages`` were consumed, or one was waited for longer than ``max_wait_s``.
        Waits until signed in. Raises InvalidSubject, ConatError for a second queue group
        on one pattern, RemoteError when the server refuses.
        """
        parsed = parse_pattern(pattern, "subscribe")
        subscription = Subscription(
            parsed, self._leave, limits, max_wait_s=max_wait_s, max_messages=max_messages
        )
        await self._join(parsed, subscription, queue)
        return subscription

    async def _join(self, pattern: Pattern, sink: MessageSink, queue: str | None = None) -> None:
        """Subscribe; when the connection is lost meanwhile, on the next one."""
        while True:
            await self.wait_until_signed_in()
            self._denials.check("sub", pattern, self._clock())
            try:
                return await self._interests.join(pattern, sink, queue)
            except Disconnected as error:
                _log.info("cannot subscribe to '%s' yet: %s", pattern, error)

    def _leave(self, subscription: Subscription) -> None:
        self._interests.leave(subscription.pattern, subscription)

    # Request and reply

    async def request(
        self,
        subject: str,
        value: object = None,
        *,
        headers: JsonObject | None = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        wait_for_interest: bool = False,
    ) -> Message:
        """Send a request and return the first reply (conat-core §10.2).

        The time includes signing in. Raises NoSubscribers when the request reached nobody,
        RequestTimeout when no reply came in time, and what ``publish`` raises.
        """
        try:
            async with asyncio.timeout(timeout_s):
                inbox = await self._inbox.open()
                with inbox.expect_reply() as (reply_subject, reply):
                    sent = {**(headers or {}), REPLY_HEADER: reply_subject}
                    message = _outgoing(subject, value, sent, encoding, raw)
                    await self._ask(message, timeout_s, wait_for_interest=wait_for_interest)
                    return await reply
        except TimeoutError as error:
            raise RequestTimeout("timeout") from error

    async def request_many(
        self,
        subject: str,
        value: object = None,
        *,
        headers: JsonObject | None = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        wait_for_interest: bool = False,
        max_wait_s: float | None = None,
        max_messages: int | None = None,
        apart: bool = False,
    ) -> AsyncGenerator[Message, None]:
        """Send a request and yield all replies (conat-core §10.3).

        ``timeout_s`` limits sending, not the replies. The iteration ends after
        ``max_messages`` of them, or when one is waited for longer than ``max_wait_s``;
        without these the responder's convention says when to stop. Close the iterator
        (``contextlib.aclosing``) to stop listening. With ``apart`` the replies come to a
        subscription of their own, so that the responder reaches nobody once it is closed;
        it ends with Disconnected when the connection is lost, because replies then are lost
        too. Raises what ``request`` raises.
        """
        expecting = self._expect_apart if apart else self._expect_in_inbox
        async with expecting(max_wait_s, max_messages) as replies:
            sent = {**(headers or {}), REPLY_HEADER: replies.pattern}
            message = _outgoing(subject, value, sent, encoding, raw)
            await self._ask(message, timeout_s, wait_for_interest=wait_for_interest)
            async for reply in replies:
                yield reply

    @asynccontextmanager
    async def _expect_in_inbox(
        self, max_wait_s: float | None, max_messages: int | None
    ) -> AsyncIterator[Subscription]:
        inbox = await self._inbox.open()
        with inbox.expect_replies(max_wait_s=max_wait_s, max_messages=max_messages) as expected:
            yield expected[1]

    @asynccontextmanager
    async def _expect_apart(
        self, max_wait_s: float | None, max_messages: int | None
    ) -> AsyncIterator[Subscription]:
        await self.wait_until_signed_in()
        replies = await self.subscribe(
            self._inbox.new_subject(), max_wait_s=max_wait_s, max_messages=max_messages
        )

        def lose(state: ClientState) -> None:
            if state is ClientState.DISCONNECTED:
                replies.end(Disconnected())

        forget = self.states.connect(lose)
        try:
            yield replies
        finally:
            forget()
            replies.close()
            self._leave(replies)

    async def _ask(self, message: Outgoing, timeout_s: float, *, wait_for_interest: bool) -> None:
        if not await self._publisher.publish(message, timeout_s, wait=wait_for_interest):
            raise NoSubscribers(message.subject)

    async def respond(
        self,
        request: Message,
        value: object = None,
        *,
        headers: Headers = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> PublishResult:
        """Answer a request; waits for the asker's inbox to be reachable (conat-core §10.4).

        On a message that is not a request it does nothing and returns zeros.
        """
        if request.reply_subject is None:
            return PublishResult(0, 0)
        return await self.publish(
            request.reply_subject,
            value,
            headers=headers,
            encoding=encoding,
            raw=raw,
            timeout_s=timeout_s,
            wait_for_interest=True,
        )

    def respond_sync(
        self,
        request: Message,
        value: object = None,
        *,
        headers: Headers = None,
        encoding: int = Encoding.MSGPACK,
        raw: bytes | None = None,
    ) -> int:
        """Answer a request without waiting for anything; return the payload's length in bytes.

        On a message that is not a request it does nothing and returns 0. Raises what
        ``publish_sync`` raises.
        """
        if request.reply_subject is None:
            return 0
        return self.publish_sync(
            request.reply_subject, value, headers=headers, encoding=encoding, raw=raw
        )

    # What the session tells

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a chunk."""
        self._stats.received(delivery.chunk)
        self._interests.deliver(delivery, self._clock())

    def on_denied(self, notice: PermissionNotice) -> None:
        """Note that the server refused something."""
        _log.warning("the server refused: %s", notice.message)
        self._denials.remember(notice, self._clock())
        self.refusals.emit(notice)

    def on_signed_in(self) -> None:
        """Bring the subscriptions to the server."""
        self._inbox.drop_if_foreign()
        self._interests.restore()
        self._reporter.start()

    def on_disconnected(self) -> None:
        """Reset the counters (conat-core §11.3)."""
        self._stats.recv0 = Traffic()

    def on_ended(self, error: ConatError) -> None:
        """End the subscriptions."""
        self._reporter.stop()
        self._interests.end(error)
