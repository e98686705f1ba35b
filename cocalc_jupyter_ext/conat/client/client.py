"""The client: publish, subscribe, request and reply.

Its connection may come and go (``session``); subscriptions outlive it (``interests``).
"""

import asyncio
import logging
import random
import secrets
import string
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Self

from ..errors import ConatError, Disconnected, NoSubscribers, RequestTimeout
from ..protocol.chunks import chunk_size, split
from ..protocol.codec import Encoding, encode
from ..protocol.messages import Delivery, Info, PermissionNotice, Publish, WaitForInterest
from ..protocol.subjects import inbox_prefix, parse_pattern, parse_subject
from ..signals import Signal
from ..types import Clock, Headers, JsonObject, MakeId, MessageId
from .denials import Denials
from .inbox import Inbox
from .interests import Interests
from .reconnect import Random
from .session import ClientState, ClientTransport, Session, user_from_info
from .subscription import REPLY_HEADER, Message, Subscription, SubscriptionLimits

__all__ = ["Client", "PublishResult"]

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
ANSWER_NOW_TIMEOUT_S: Final = 10.0
MAX_INTEREST_WAIT_S: Final = 90.0
MIN_TIME_TO_PUBLISH_AGAIN_S: Final = 0.5
ID_ALPHABET: Final = string.digits + string.ascii_letters


def _random_id() -> str:
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(10))


@dataclass(frozen=True, slots=True)
class PublishResult:
    """How long the encoded payload was, and how many receivers the server counted."""

    bytes: int
    count: int


class Client:
    """A participant of the message fabric. Use as an asynchronous context manager.

    ``prefix`` is the prefix of the inbox; without it the one the server permits is used.
    """

    def __init__(
        self,
        transport: ClientTransport,
        *,
        prefix: str | None = None,
        clock: Clock = time.monotonic,
        make_id: MakeId = _random_id,
        rng: Random = random.random,
    ) -> None:
        self.id = make_id()
        self._prefix = prefix
        self._clock = clock
        self._make_id = make_id
        self._session = Session(transport, self, name=self.id, rng=rng)
        self._interests = Interests(self._session, make_id)
        self._denials = Denials()
        self._inbox: Inbox | None = None

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
        await self._session.close()

    def make_id(self) -> str:
        """Return a new random id of 10 letters and digits (conat-core §16.1)."""
        return self._make_id()

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

    async def wait_until_signed_in(self) -> Info:
        """Wait, without limit; raises SignInFailed or ClientClosed when it is in vain."""
        return await self._session.wait_until_signed_in()

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

        Raises Disconnected while there is no connection: nothing is kept for later.
        """
        payload = encode(value, encoding) if raw is None else raw
        for event in self._publishes(subject, payload, encoding, headers):
            self._session.send(event)
        return len(payload)

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
        parse_subject(subject, "publish")
        payload = encode(value, encoding) if raw is None else raw
        await self.wait_until_signed_in()
        deadline_s = self._clock() + timeout_s
        count = await self._publish_once(subject, payload, encoding, headers, timeout_s)
        if count == 0 and wait_for_interest:
            await self.wait_for_interest(subject, deadline_s - self._clock())
            left_s = deadline_s - self._clock()
            if left_s > MIN_TIME_TO_PUBLISH_AGAIN_S:
                count = await self._publish_once(subject, payload, encoding, headers, left_s)
        return PublishResult(len(payload), count)

    async def wait_for_interest(self, subject: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> bool:
        """Wait until somebody is subscribed to a subject; 0 asks for an answer now (§9.3).

        Returns False only for an answer now, or when the server stops. Raises
        RequestTimeout when the time is up.
        """
        parse_subject(subject, "wait-for-interest")
        await self.wait_until_signed_in()
        wait_s = min(max(timeout_s, 0.0), MAX_INTEREST_WAIT_S)
        event = WaitForInterest(subject, round(wait_s * 1000))
        return bool(await self._session.call(event, wait_s or ANSWER_NOW_TIMEOUT_S))

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

        Waits until signed in. ``limits`` bound what is kept for a busy consumer; the others
        end the subscription: ``max_messages`` consumed, ``max_wait_s`` waited for one. Raises InvalidSubject, ConatError for a second queue group
        on one pattern, RemoteError when the server refuses.
        """
        parsed = parse_pattern(pattern, "subscribe")
        await self.wait_until_signed_in()
        self._denials.check("sub", parsed, self._clock())
        subscription = Subscription(
            parsed, self._leave, limits, max_wait_s=max_wait_s, max_messages=max_messages
        )
        await self._interests.join(parsed, subscription, queue)
        return subscription

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
        replies = self.request_many(
            subject,
            value,
            headers=headers,
            encoding=encoding,
            raw=raw,
            timeout_s=timeout_s,
            wait_for_interest=wait_for_interest,
        )
        try:
            async with asyncio.timeout(timeout_s):
                async for reply in replies:
                    return reply
        except TimeoutError as error:
            raise RequestTimeout("timeout") from error
        finally:
            await replies.aclose()
        raise Disconnected

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
    ) -> AsyncGenerator[Message, None]:
        """Send a request and yield all replies; the responder's convention says when to stop.

        ``timeout_s`` limits sending, not the replies (conat-core §10.3). Close the iterator
        to stop listening.
        """
        inbox = await self._open_inbox()
        with inbox.expect_replies() as (reply_subject, replies):
            result = await self.publish(
                subject,
                value,
                headers={**(headers or {}), REPLY_HEADER: reply_subject},
                encoding=encoding,
                raw=raw,
                timeout_s=timeout_s,
                wait_for_interest=wait_for_interest,
            )
            if result.count == 0:
                raise NoSubscribers(subject)
            async for reply in replies:
                yield reply

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

        On a message that is no request it does nothing and returns zeros.
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

        On a message that is no request it does nothing and returns 0. Raises what
        ``publish_sync`` raises.
        """
        if request.reply_subject is None:
            return 0
        return self.publish_sync(
            request.reply_subject, value, headers=headers, encoding=encoding, raw=raw
        )

    async def _open_inbox(self) -> Inbox:
        """Return the inbox, subscribed; the subscription is restored like any other."""
        await self.wait_until_signed_in()
        if self._inbox is None:
            self._inbox = Inbox(self._inbox_prefix(), self._make_id)
        if not self._inbox.is_open:
            await self._interests.join(self._inbox.pattern, self._inbox)
            self._inbox.is_open = True
        return self._inbox

    def _inbox_prefix(self) -> str:
        """Return the prefix the caller chose, or the one the server permits our user."""
        if self._prefix is not None or self.info is None:
            return self._prefix or inbox_prefix(None)
        return inbox_prefix(user_from_info(self.info))

    def _drop_inbox(self, inbox: Inbox) -> None:
        """Give up an inbox that belongs to the user we were before a reconnect."""
        self._inbox = None
        inbox.end(Disconnected())
        self._interests.leave(inbox.pattern, inbox)

    # What the session tells

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a chunk."""
        self._interests.deliver(delivery, self._clock())

    def on_denied(self, notice: PermissionNotice) -> None:
        """Note that the server refused something."""
        _log.warning("the server refused: %s", notice.message)
        self._denials.remember(notice, self._clock())

    def on_signed_in(self) -> None:
        """Bring the subscriptions to the server."""
        if self._inbox is not None and not self._inbox.pattern.startswith(self._inbox_prefix()):
            self._drop_inbox(self._inbox)
        self._interests.restore()

    def on_ended(self, error: ConatError) -> None:
        """End the subscriptions."""
        self._interests.end(error)

    def _publishes(
        self, subject: str, raw: bytes, encoding: int, headers: Headers
    ) -> list[Publish]:
        """Return the chunks of a message as events; raises InvalidSubject, or a known refusal."""
        parsed = parse_subject(subject, "publish")
        self._denials.check("pub", parsed, self._clock())
        size = chunk_size(self.info.max_payload_bytes if self.info else None)
        message_id = MessageId(self._make_id())
        chunks = split(message_id, raw, size_bytes=size, encoding=encoding, headers=headers)
        return [Publish(parsed, chunk) for chunk in chunks]

    async def _publish_once(
        self, subject: str, raw: bytes, encoding: int, headers: Headers, timeout_s: float
    ) -> int:
        """Send all chunks at once and return the largest count (conat-core §4.3)."""
        calls = [
            self._session.call(event, timeout_s)
            for event in self._publishes(subject, raw, encoding, headers)
        ]
        answers = await asyncio.gather(*calls)
        return max(int(answer["count"]) for answer in answers)
