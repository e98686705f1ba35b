"""What a stream store does, and the values that go in and out (conat-sync §2.2, §2.3).

A stream is an ordered list of messages. Each gets a sequence number that is never reused; a
message with a key replaces the earlier message of that key. Stores are synchronous: who must
not block calls them from a worker thread, one call at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

__all__ = [
    "Encoding",
    "NewMessage",
    "StoreCorruptError",
    "StoreLockedError",
    "StoredMessage",
    "StreamStore",
]


class Encoding(IntEnum):
    """How the payload bytes are to be read."""

    MSGPACK = 0
    JSON = 1


class StoreCorruptError(Exception):
    """The file does not hold a readable stream."""


class StoreLockedError(Exception):
    """Another process has the stream open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be stored; ``time_ms`` is Unix time in milliseconds."""

    raw: bytes
    time_ms: int
    encoding: Encoding = Encoding.MSGPACK
    key: str | None = None
    headers: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as it is stored; ``seq`` counts from 1."""

    seq: int
    raw: bytes
    time_ms: int
    encoding: Encoding
    key: str | None = None
    headers: Mapping[str, Any] | None = None


class StreamStore(Protocol):
    """One open stream."""

    def set_many(self, messages: Sequence[NewMessage]) -> list[int]:
        """Store all messages in one transaction and return their sequence numbers."""
        ...

    def replace_through(self, seq: int, messages: Sequence[NewMessage]) -> list[int]:
        """Delete everything up to and including ``seq`` and store ``messages``, atomically."""
        ...

    def get(self, key: str) -> StoredMessage | None:
        """Return the current message of a key."""
        ...

    def iter_messages(self, start_seq: int = 0) -> Iterator[StoredMessage]:
        """Yield messages in order, from ``start_seq`` on.

        Raises StoreCorruptError where a row cannot be read.
        """
        ...

    def total_bytes(self) -> int:
        """Return the summed sizes of all messages (conat-sync §2.4)."""
        ...

    def close(self) -> None:
        """Release the stream; further calls do nothing."""
        ...
