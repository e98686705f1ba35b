"""One inbox for all replies a client waits for (conat-core §10.1).

The inbox is the pattern ``<prefix>.<inbox id>.*``; each request makes up the last token.
A reply nobody waits for any more is dropped, which is how late replies end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ClientClosed, ConatError
from ..protocol.subjects import parse_pattern
from ..types import MakeId, Pattern
from .subscription import Message, MessageSink, Subscription

__all__ = ["Inbox"]


class Inbox:
    """Hands the messages of the inbox to those who wait for them."""

    def __init__(self, prefix: str, make_id: MakeId) -> None:
        self._base = f"{prefix}.{make_id()}"
        self._make_id = make_id
        self.is_open = False
        self._waiting: dict[str, MessageSink] = {}
        self.pattern: Pattern = parse_pattern(f"{self._base}.*", "inbox")

    @contextmanager
    def expect_reply(self) -> Iterator[tuple[str, asyncio.Future[Message]]]:
        """Give a new reply subject and the first message there, as long as the context lasts."""
        subject = f"{self._base}.{self._make_id()}"
        first = _FirstReply()
        self._waiting[subject] = first
        try:
            yield subject, first.reply
        finally:
            del self._waiting[subject]
            first.forget()

    @contextmanager
    def expect_replies(
        self, *, max_wait_s: float | None = None, max_messages: int | None = None
    ) -> Iterator[tuple[str, Subscription]]:
        """Give a new reply subject and what arrives there, as long as the context lasts."""
        subject = f"{self._base}.{self._make_id()}"
        replies = Subscription(
            Pattern(subject), self._forget, max_wait_s=max_wait_s, max_messages=max_messages
        )
        self._waiting[subject] = replies
        try:
            yield subject, replies
        finally:
            replies.close()
            self._forget(replies)

    def put(self, message: Message) -> None:
        """Take a message of the inbox subscription."""
        sink = self._waiting.get(message.subject)
        if sink is not None:
            sink.put(message)

    def end(self, error: ConatError | None = None) -> None:
        """End all waiting, because the inbox subscription is over."""
        self.is_open = False
        for sink in self._waiting.values():
            sink.end(error)

    def _forget(self, replies: Subscription) -> None:
        self._waiting.pop(replies.pattern, None)


class _FirstReply:
    """Takes one message and ignores what follows."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def put(self, message: Message) -> None:
        if not self.reply.done():
            self.reply.set_result(message)

    def end(self, error: ConatError | None = None) -> None:
        if not self.reply.done():
            self.reply.set_exception(error or ClientClosed())

    def forget(self) -> None:
        """Let nobody complain about an answer that was not wanted any more."""
        if not self.reply.cancel() and not self.reply.cancelled():
            self.reply.exception()
