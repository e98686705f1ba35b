"""What arrives: messages, and the iterators that hand them out.

A subscription survives reconnects. It ends when it is closed, when a limit that its
consumer set is reached, when its client is closed, or when the server refuses it after a
reconnect; only then does iteration stop. Leaving an ``async for`` early does not close it:
use it as an asynchronous context manager, or close it.
Its queue is bounded: a consumer that does not keep up misses the newest messages, is
warned about it once per episode, and can read how many it missed from ``missed``.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

from ..errors import ConatError
from ..protocol.chunks import Chunk, Reassembler
from ..protocol.codec import decode
from ..protocol.subjects import INBOXES
from ..types import Headers, Pattern, QueueGroup

__all__ = ["Message", "MessageSink", "SharedSubscription", "Subscription", "SubscriptionLimits"]

_log = logging.getLogger(__name__)

REPLY_HEADER: Final = "CN-Reply"


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message (conat-core §10.5)."""

    subject: str
    encoding: int
    raw: bytes
    headers: Headers = None

    @property
    def data(self) -> Any:
        """The payload, decoded at each access; raises CodecError."""
        return decode(self.raw, self.encoding)

    @property
    def reply_subject(self) -> str | None:
        """Where the reply goes, when this is a request (conat-core §6).

        That is always an inbox, to which everybody may publish: who asks a service that may do
        more must not make it speak where the asker may not.
        """
        reply = self.headers.get(REPLY_HEADER) if isinstance(self.headers, dict) else None
        return reply if isinstance(reply, str) and reply.startswith(INBOXES) else None


class MessageSink(Protocol):
    """Takes the messages of a subscription."""

    def put(self, message: Message) -> None:
        """Take a message; never blocks."""
        ...  # pragma: no cover - a protocol has no body

    def end(self, error: ConatError | None = None) -> None:
        """Note that no message will come any more, and why."""
        ...  # pragma: no cover - a protocol has no body


@dataclass(frozen=True, slots=True)
class SubscriptionLimits:
    """What a subscription keeps for a consumer that is busy. One message always fits."""

    max_messages: int = 10_000
    max_bytes: int = 256_000_000


class Subscription:
    """A bounded asynchronous iterator over the messages of a pattern (conat-core §8.3).

    It closes itself when ``max_messages`` were consumed, and when the consumer has waited
    ``max_wait_s`` for one message. Raises ValueError for limits that are not positive.
    """

    def __init__(
        self,
        pattern: Pattern,
        on_close: Callable[["Subscription"], None],
        limits: SubscriptionLimits | None = None,
        *,
        max_wait_s: float | None = None,
        max_messages: int | None = None,
    ) -> None:
        if not all(limit is None or limit > 0 for limit in (max_wait_s, max_messages)):
            raise ValueError("max_wait_s and max_messages must be positive")
        self.pattern = pattern
        self.missed = 0
        self._max_wait_s = max_wait_s
        self._left = max_messages
        self._on_close = on_close
        self._limits = limits or SubscriptionLimits()
        self._messages: deque[Message] = deque()
        self._size_bytes = 0
        self._arrived = asyncio.Event()
        self._is_ended = False
        self._error: ConatError | None = None
        self._is_overflowing = False

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """Close, for those who close asynchronous iterators of any kind."""
        self.close()

    @property
    def is_ended(self) -> bool:
        """Return whether nothing arrives any more; what did arrive may still be consumed."""
        return self._is_ended

    async def __anext__(self) -> Message:
        """Return the next message. Cancelling this loses none."""
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._is_ended:
                raise StopAsyncIteration
            await self._wait()
        message = self._messages.popleft()
        self._size_bytes -= len(message.raw)
        self._is_overflowing = False
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self.close()
        return message

    def put(self, message: Message) -> None:
        """Keep a message for the consumer, or count it as missed."""
        if self._is_ended:
            return
        if self._messages and self._is_full(message):
            self._miss()
            return
        self._messages.append(message)
        self._size_bytes += len(message.raw)
        self._arrived.set()

    def end(self, error: ConatError | None = None) -> None:
        """Stop iteration once the kept messages are consumed; an error is then raised."""
        self._is_ended = True
        self._error = self._error or error
        self._arrived.set()

    def close(self) -> None:
        """End the subscription and tell the server; calling it again does nothing."""
        if not self._is_ended:
            self._messages.clear()
            self.end()
            self._on_close(self)

    async def _wait(self) -> None:
        """Wait for a message or the end; to have waited too long is an end."""
        self._arrived.clear()
        if self._max_wait_s is None:
            await self._arrived.wait()
            return
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._arrived.wait()
        except TimeoutError:
            if not self._messages:
                self.close()

    def _is_full(self, message: Message) -> bool:
        return (
            len(self._messages) >= self._limits.max_messages
            or self._size_bytes + len(message.raw) > self._limits.max_bytes
        )

    def _miss(self) -> None:
        self.missed += 1
        if not self._is_overflowing:
            self._is_overflowing = True
            _log.warning(
                "the consumer of '%s' is too slow: messages are dropped (limits: %d messages, "
                "%d bytes)",
                self.pattern,
                self._limits.max_messages,
                self._limits.max_bytes,
            )


@dataclass(slots=True)
class SharedSubscription:
    """One subscription on the server, shared by all local ones of a pattern (§8.3)."""

    queue: QueueGroup
    confirmation: asyncio.Future[Any]
    sinks: list[MessageSink] = field(default_factory=list)
    reassembler: Reassembler = field(default_factory=Reassembler)

    def receive(self, subject: str, chunk: Chunk, now_s: float) -> None:
        """Take a chunk; hand the message to every sink when it is whole."""
        whole = self.reassembler.add(chunk, now_s)
        if whole is not None:
            message = Message(subject, whole.encoding, whole.raw, whole.headers)
            for sink in self.sinks:
                sink.put(message)

    def end(self, error: ConatError | None) -> None:
        """End every local subscription."""
        for sink in self.sinks:
            sink.end(error)
