"""What a stream store does (conat-sync §2).

A stream is an ordered list of messages. Each gets a sequence number that is never used again; a
message with a key replaces the earlier message of that key. Stores are synchronous: who must
not block calls them from a worker thread, one call at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .config import StreamConfig
from .errors import StoreError
from .messages import MAX_BATCH_BYTES, Inventory, NewMessage, Receipt, StoredMessage, Update

__all__ = ["Change", "StreamStore"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Change(Generic[Result]):
    """What a call returned, and the updates it caused, in order, for all changefeeds (§1.6)."""

    result: Result
    updates: tuple[Update, ...] = ()


class StreamStore(Protocol):
    """One open stream. Every method raises StoreError; after StoreClosed nothing works."""

    def set(self, message: NewMessage) -> Change[Receipt]:
        """Store a message (conat-sync §2.5); raises Rejected and WrongLastSequence."""
        ...

    def set_many(self, messages: Sequence[NewMessage]) -> Change[list[Receipt | StoreError]]:
        """Store messages one after another in one transaction.

        One that a limit or its expected sequence number forbids is answered by its error and
        does not keep the others from being stored. An error of the file is raised; then none
        was stored.
        """
        ...

    def get(self, *, seq: int | None = None, key: str | None = None) -> StoredMessage | None:
        """Return a message by its number, if one is given that is not 0, or else by its key."""
        ...

    def batches(
        self,
        start_seq: int | None = None,
        end_seq: int | None = None,
        *,
        max_bytes: int = MAX_BATCH_BYTES,
    ) -> Iterator[list[StoredMessage]]:
        """Yield the messages of a range (both ends included) in order, in lists (§1.5).

        A list ends as soon as its payloads have ``max_bytes`` together. Other calls may come
        between two lists; what is stored meanwhile is not part of the answer.
        """
        ...

    def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - named like the selector on the wire
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
    ) -> Change[list[int]]:
        """Delete all messages, those up to ``last_seq``, one, or some; return their numbers.

        The first selector in this order counts. ``seqs`` are returned as given, the others
        return what existed (conat-sync §1.5); the update always tells what existed.
        """
        ...

    def config(self, wanted: Mapping[str, object] | None = None) -> Change[StreamConfig]:
        """Change some settings, enforce all limits, return the settings in force (§2.6)."""
        ...

    def inventory(self) -> Inventory:
        """Return what the stream holds (§2.9)."""
        ...

    def keys(self) -> list[str]:
        """Return the keys in the order of their messages, those of tombstones included."""
        ...

    def close(self) -> None:
        """Release the stream; a second call does nothing."""
        ...
