"""One inbox for all replies a client waits for (conat-core §10.1).

The inbox is the pattern ``<prefix>.<inbox id>.*``; each request makes up the last token.
A reply nobody waits for any more is dropped, which is how late replies end.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ConatError
from ..protocol.subjects import parse_pattern
from ..types import MakeId, Pattern
from .subscription import Message, Subscription

__all__ = ["Inbox"]


class Inbox:
    """Hands the messages of the inbox to those who wait for them."""

    def __init__(self, prefix: str, make_id: MakeId) -> None:
        self._base = f"{prefix}.{make_id()}"
        self._make_id = make_id
        self.is_open = False
        self._waiting: dict[str, Subscription] = {}
        self.pattern: Pattern = parse_pattern(f"{self._base}.*", "inbox")

    @contextmanager
    def expect_replies(self) -> Iterator[tuple[str, Subscription]]:
        """Give a new reply subject and what arrives there, as long as the context lasts."""
        subject = f"{self._base}.{self._make_id()}"
        replies = Subscription(Pattern(subject), self._forget)
        self._waiting[subject] = replies
        try:
            yield subject, replies
        finally:
            replies.close()

    def put(self, message: Message) -> None:
        """Take a message of the inbox subscription."""
        replies = self._waiting.get(message.subject)
        if replies is not None:
            replies.put(message)

    def end(self, error: ConatError | None = None) -> None:
        """End all waiting, because the inbox subscription is over."""
        self.is_open = False
        for replies in self._waiting.values():
            replies.end(error)

    def _forget(self, replies: Subscription) -> None:
        self._waiting.pop(replies.pattern, None)
