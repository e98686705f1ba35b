"""What a client of a stream can do, wherever the stream is (conat-sync §1.5, §1.6, §1.10).

``StreamAccess`` has two implementations: a client of the persist service (``remote``) and, in
tests, one that uses a store in the same process.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

from ..errors import ConatError
from .config import StreamConfig
from .messages import Inventory, NewMessage, Receipt, StoredMessage, Update
from .paths import join

__all__ = ["Changefeed", "Events", "Owner", "Reset", "StorageOptions", "StreamAccess"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data it is; without ids the hub's. An account wins over a project (§1.2)."""

    project_id: str | None = None
    account_id: str | None = None

    @property
    def scope(self) -> str:
        """Return the second segment of the subjects."""
        if self.account_id is not None:
            return f"account-{self.account_id}"
        return "hub" if self.project_id is None else f"project-{self.project_id}"

    def path_of(self, name: str) -> str:
        """Return the storage path of something of this owner."""
        if self.account_id is not None:
            return join("accounts", self.account_id, name)
        return (
            join("hub", name)
            if self.project_id is None
            else join("projects", self.project_id, name)
        )


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Which stream, and how it is kept; the first who opens a path decides how (§1.4)."""

    path: str
    ephemeral: bool = False
    sync: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The updates have a gap: what a replica holds may not be what the stream holds.

    It comes after a connection was lost (messages that were stored meanwhile have been given
    before it, deletions cannot be), when an ephemeral stream may have started over, and to
    readers who did not keep up. Updates that follow it are complete again.

    ``inventory`` is what the stream held when the gap was closed; without it nothing that was
    known before holds any more, not even that sequence numbers went on.
    """

    inventory: Inventory | None = None

    def concerns(self, count: int, last_seq: int) -> bool:
        """Return whether a replica of all messages must be loaded again.

        ``count`` and ``last_seq`` are what it holds after the updates before this. Numbers are
        never reused, so equal ones mean that nothing was deleted.
        """
        if self.inventory is None:
            return True
        return (self.inventory.count, self.inventory.seq) != (count, last_seq)


Events: TypeAlias = list[Update] | Reset
"""What a changefeed gives: updates in their order, never an empty list, or a Reset."""


class Changefeed(Protocol):
    """The changes of a stream from now on; a bounded iterator of one reader.

    It ends when it is closed, and with the access it belongs to. When the stream cannot be
    used any more (permission, usage limit) it raises that error. Receipts and updates of one's
    own messages come in either order.
    """

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Events: ...

    def close(self) -> None:
        """End the iteration; calling it again does nothing."""
        ...


class StreamAccess(Protocol):
    """One stream, somewhere; times out after ``timeout_s`` (default 30 s) with RequestTimeout.

    All methods raise RemoteError with the code of a refusal: 403 and 429 are for good.
    """

    async def set(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        """Store a message; raises Rejected, or WrongLastSequence."""
        ...

    async def set_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        """Store messages one after another; a refused one does not stop the others."""
        ...

    async def get(
        self, *, seq: int | None = None, key: str | None = None, timeout_s: float | None = None
    ) -> StoredMessage | None:
        """Return one message, by number or by key; None when there is none."""
        ...

    def get_all(
        self,
        *,
        start_seq: int | None = None,
        end_seq: int | None = None,
        timeout_s: float | None = None,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[list[StoredMessage], None]:
        """Yield messages in order, in batches; both ends are inclusive.

        ``max_wait_s`` limits each wait for a batch (default 30 s, then RequestTimeout). An
        answer with a gap raises RemoteError with code 503: ask again from the beginning.
        """
        ...

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
        timeout_s: float | None = None,
    ) -> list[int]:
        """Delete by the first selector given, in this order; return the numbers."""
        ...

    async def config(
        self, wanted: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> StreamConfig:
        """Change the given fields of the configuration; return what is in force."""
        ...

    async def inventory(self, *, timeout_s: float | None = None) -> Inventory:
        """Return how much the stream holds."""
        ...

    async def keys(self, *, timeout_s: float | None = None) -> list[str]:
        """Return all keys, those of tombstones included."""
        ...

    async def changefeed(self) -> Changefeed:
        """Return a new reader of the changes that happen from now on.

        Who wants a replica opens this first and loads afterwards (§8.4): some updates may
        then speak of messages that were loaded already.
        """
        ...

    async def close(self) -> None:
        """Give this up, and end its changefeeds; calling it again does nothing."""
        ...
