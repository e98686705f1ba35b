"""The values that go into a stream and come out of it (conat-sync §1.5, §1.6, §2).

They are the same on both sides of the wire: a store takes and returns them, and so does a
client of the persist service. Times are Unix times in milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ..types import JsonObject, JsonValue

__all__ = [
    "MAX_BATCH_BYTES",
    "TOMBSTONE_HEADER",
    "Deleted",
    "Inventory",
    "NewMessage",
    "Receipt",
    "Stored",
    "StoredMessage",
    "Update",
]

TOMBSTONE_HEADER = "CN-Tombstone"
"""Marks a keyed message as the deletion of its key (conat-sync §3.7)."""

MAX_BATCH_BYTES = 20_000_000
"""Messages are sent on as soon as their payloads are at least this long together (§1.5, §1.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be stored; ``raw`` is the encoded payload, which nobody decodes on the way.

    ``previous_seq`` is the sequence number that the key must have at this moment; ``msg_id``
    lets a repeated attempt be recognised for two minutes (conat-sync §2.5).
    """

    raw: bytes
    encoding: int = 0
    headers: JsonObject | None = None
    key: str | None = None
    ttl_ms: float | None = None
    previous_seq: int | None = None
    msg_id: str | None = None


class StoredMessage(NamedTuple):
    """A message as it is stored; ``seq`` counts from 1 and is never reused.

    A named tuple, because a stream has many of them and they cost a fourth (``bench/sync``).
    """

    seq: int
    time_ms: int
    raw: bytes
    encoding: int = 0
    key: str | None = None
    headers: JsonObject | None = None

    @property
    def is_tombstone(self) -> bool:
        """Return whether this deletes its key (conat-sync §3.7)."""
        return bool(self.headers and self.headers.get(TOMBSTONE_HEADER))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What storing a message answers."""

    seq: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A message was stored; of a key it replaces what was there."""

    message: StoredMessage
    msg_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """Messages are gone; overwriting a key is not told this way."""

    seqs: Sequence[int]


Update: TypeAlias = Stored | Deleted
"""One event of a changefeed (conat-sync §1.6)."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a stream holds; ``limits`` are its settings that differ from the defaults (§2.9)."""

    bytes: int
    count: int
    seq: int
    limits: dict[str, JsonValue] = field(default_factory=dict)
