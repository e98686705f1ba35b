"""What a key-value map holds beyond the server's values: writes on their way (conat-sync §4.2).

Pure. A write covers the server's value of its key until its echo has arrived. Each write has an
id of its own, by which its echo and its answer are told from those of an earlier write of the
same key: what was written before the last write of a key never undoes that.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import CodecError, ConatError, LimitExceeded
from ..persist.messages import TOMBSTONE_HEADER, NewMessage, Receipt
from ..protocol.codec import UNDEFINED, decode, encode
from ..types import JsonObject
from .entry import Entry
from .equality import equal
from .merge import Conflict, Merge, Other, Winner, resolve
from .message_ids import MessageIds
from .outgoing import encoded
from .replica import Change

__all__ = [
    "DECISIONS",
    "TOMBSTONE_TTL_MS",
    "DkvState",
    "KeyChange",
    "Rejection",
    "Write",
    "tombstone",
]

_log = logging.getLogger(__name__)

TOMBSTONE_TTL_MS: Final = 86_400_000
MAX_UNSAVED_BYTES: Final = 256_000_000
DECISIONS: Final = ("reject", "wrong-last-sequence")
"""The codes by which the server says that it has not stored a message, and why (§1.8)."""

Seen = Callable[[int], bool]
"""Tells whether the update of a number is behind us."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The server told something about a key; ``value`` is what holds now, None if deleted.

    ``prev`` is what the server had before, UNDEFINED if nothing. ``is_deleted`` tells a deleted
    key from one whose value is null.
    """

    key: str
    value: Any
    prev: Any
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """The server refuses a write for good; it is dropped."""

    key: str
    value: Any
    error: ConatError


@dataclass(slots=True)
class Write:
    """The last local write of a key; an UNDEFINED value deletes it.

    ``follows`` is the id of the latest earlier write of the key that was sent and whose echo has
    not arrived: the server may have it, or may still get it. ``may_overwrite`` tells that it was
    sent without a number that the key must have, so that it takes the place of whatever is there.
    ``told`` is the last change of the key that told a local value.
    """

    message: NewMessage
    value: Any
    is_sent: bool = False
    may_overwrite: bool = False
    receipt: Receipt | None = None
    epoch: int = 0
    follows: str | None = None
    told: KeyChange | None = None

    @property
    def is_deletion(self) -> bool:
        """Return whether the key is to be absent."""
        return self.value is UNDEFINED


def tombstone(key: str, msg_id: str | None = None, previous_seq: int | None = None) -> NewMessage:
    """Return the message that deletes a key; it goes by itself after a day (§3.7)."""
    return NewMessage(
        raw=encode(None),
        headers={TOMBSTONE_HEADER: True},
        key=key,
        ttl_ms=TOMBSTONE_TTL_MS,
        msg_id=msg_id,
        previous_seq=previous_seq,
    )


class DkvState:
    """The writes whose echo has not arrived, over ``live``: the server's entries by key."""

    def __init__(
        self, live: Callable[[], Mapping[str, Entry]], ids: MessageIds, merge: Merge | None = None
    ) -> None:
        self._live = live
        self._ids = ids
        self._merge = merge
        self._writes: dict[str, Write] = {}
        self._acknowledged: set[str] = set()
        self._refused: dict[str, int | None] = {}
        self._corrections: list[KeyChange] = []
        self._unsaved_bytes = 0

    # Read

    @property
    def writes(self) -> Mapping[str, Write]:
        """The last write of each key that is not settled."""
        return self._writes

    @property
    def unsaved(self) -> list[str]:
        """The keys whose last write is not acknowledged."""
        return [key for key in self._writes if key not in self._acknowledged]

    @property
    def has_unsaved(self) -> bool:
        """Return whether a write is not acknowledged."""
        return len(self._writes) > len(self._acknowledged)

    @property
    def is_blocked(self) -> bool:
        """Return whether everything unsaved waits for the server to tell a newer value."""
        unsaved = self.unsaved
        return bool(unsaved) and all(self._is_blocked(self._writes[key]) for key in unsaved)

    def value(self, key: str) -> Any:
        """Return the value of a key; UNDEFINED when it has none."""
        write = self._writes.get(key)
        if write is not None:
            return write.value
        entry = self._live().get(key)
        return UNDEFINED if entry is None else entry.value

    def has(self, key: str) -> bool:
        """Return whether a key has a value, without decoding it."""
        write = self._writes.get(key)
        return key in self._live() if write is None else not write.is_deletion

    def keys(self) -> Iterator[str]:
        """Yield the keys: first the server's, in their order, then new ones."""
        live = self._live()
        yield from (key for key in live if self.has(key))
        yield from (
            key for key, write in self._writes.items() if key not in live and not write.is_deletion
        )

    def __len__(self) -> int:
        live = self._live()
        changes = (self.has(key) - (key in live) for key in self._writes)
        return len(live) + sum(changes)

    # Write

    def set(self, key: str, value: Any, headers: JsonObject | None = None) -> None:
        """Write a key; raises CodecError, or LimitExceeded when too much is unsaved."""
        raw = encoded(value, headers, key)
        if self.has_unsaved and self._unsaved_bytes + len(raw) > MAX_UNSAVED_BYTES:
            raise LimitExceeded(
                f"{self._unsaved_bytes} bytes wait to be saved; await save() before writing more"
            )
        message = NewMessage(raw=raw, headers=headers, key=key, msg_id=self._ids.next())
        self._put(key, Write(message, value))

    def delete(self, key: str) -> None:
        """Delete a key, also one that is not known."""
        self._put(key, Write(tombstone(key, self._ids.next()), UNDEFINED))

    # Save

    def batch(self) -> list[NewMessage]:
        """Return the writes to send, deletions first; they count as sent from now on.

        With a merge function each carries the number it knows for its key, and is left out while
        the server has refused just that. The deletion of a key that the server cannot have is
        done without it.
        """
        waiting = [each for each in self._writes.values() if each.receipt is None]
        deletions = [each for each in waiting if each.is_deletion and not self._is_void(each)]
        for each in waiting:
            if each.is_deletion and self._is_void(each):
                self._drop(each)
        sets = [each for each in waiting if not each.is_deletion and not self._is_blocked(each)]
        for each in (*deletions, *sets):
            each.is_sent = True
        return [*(each.message for each in deletions), *map(self._expecting, sets)]

    def result(
        self, message: NewMessage, result: Receipt | ConatError, has_seen: Seen, epoch: int
    ) -> Rejection | None:
        """Take what the server answered to a message of a batch."""
        write = self._writes.get(message.key or "")
        is_current = write is not None and write.message.msg_id == message.msg_id
        if isinstance(result, Receipt):
            if write is not None and is_current:
                self._acknowledge(write, result, has_seen, epoch)
            return None
        if result.code not in DECISIONS:
            return None  # The server may have it or not: it is sent again.
        if write is not None and write.follows == message.msg_id:
            write.follows = None
        if result.code == "wrong-last-sequence":
            self._refused[message.key or ""] = message.previous_seq
            return None
        if write is not None and is_current:
            self._drop(write)
            return Rejection(write.message.key or "", write.value, result)
        return Rejection(message.key or "", decode(message.raw), result)

    # What the server tells

    def incoming(self, change: Change, key: str) -> KeyChange:
        """Take a change of a key; afterwards its value may be a new write (§4.2)."""
        remote = None if change.is_removal else change.value
        write = self._writes.get(key)
        self._refused.pop(key, None)
        if write is None:
            return KeyChange(key, remote, change.prev, change.is_removal)
        self._reconcile(write, change, remote)
        covering = self._writes.get(key)
        if covering is None:
            return KeyChange(key, remote, change.prev, change.is_removal)
        covering.told = self._as_change(key, change.prev)
        return covering.told

    def take_corrections(self) -> list[KeyChange]:
        """Return the changes of keys for which a local value was told that did not last."""
        corrections, self._corrections = self._corrections, []
        return corrections

    def settle(self, has_seen: Seen, epoch: int) -> None:
        """Forget writes whose echo is behind us, or was lost when the mirror started over."""
        for key in list(self._acknowledged):
            write = self._writes[key]
            if write.receipt is not None and (write.epoch != epoch or has_seen(write.receipt.seq)):
                self._drop(write)

    def clear(self) -> None:
        """Forget all writes."""
        self._writes.clear()
        self._acknowledged.clear()
        self._refused.clear()
        self._corrections.clear()
        self._unsaved_bytes = 0

    def _reconcile(self, write: Write, change: Change, remote: Any) -> None:
        if change.msg_id is not None and change.msg_id == write.message.msg_id:
            self._forget(write)
        elif self._ids.is_own(change.msg_id):
            # An earlier write of ours: the newer one stays, and there is no conflict.
            if write.follows == change.msg_id:
                write.follows = None
        elif write.receipt is not None and change.seq > write.receipt.seq:
            self._forget(write)
        elif self._agrees(write, change, remote):
            # What is on the server waits for its echo. With an earlier write still on its way,
            # only a later one makes this value last.
            if write.receipt is None and write.follows is None:
                self._forget(write)
        elif not write.is_deletion:
            self._decide(write, Conflict(write.message.key or "", write.value, remote, change.prev))

    def _agrees(self, write: Write, change: Change, remote: Any) -> bool:
        if write.is_deletion or change.is_removal:
            return write.is_deletion and change.is_removal
        return equal(write.value, remote)

    def _decide(self, write: Write, conflict: Conflict) -> None:
        decision = resolve(conflict, self._merge)
        if decision is Winner.REMOTE and not write.may_overwrite:
            self._forget(write)
        elif decision is Winner.REMOTE:
            self._set_merged(write, conflict.remote)
        elif decision is Winner.NEITHER:
            self.delete(conflict.key)
        elif isinstance(decision, Other):
            self._set_merged(write, decision.value)

    def _set_merged(self, write: Write, value: Any) -> None:
        key = write.message.key or ""
        try:
            self.set(key, value, write.message.headers)
        except (CodecError, LimitExceeded) as error:
            _log.error("the merged value of key %r cannot be sent: %s", key, error)

    # Parts

    def _put(self, key: str, write: Write) -> None:
        before = self._writes.get(key)
        if before is not None:
            write.follows = before.message.msg_id if before.is_sent else before.follows
            write.told = before.told
            self._forget(before)
        self._writes[key] = write
        self._unsaved_bytes += len(write.message.raw)

    def _drop(self, write: Write) -> None:
        """Forget a write although no change of its key tells what holds now."""
        self._forget(write)
        told, key = write.told, write.message.key or ""
        if told is not None:
            now = self._as_change(key, UNDEFINED if told.is_deleted else told.value)
            if told.is_deleted != now.is_deleted or not equal(told.value, now.value):
                self._corrections.append(now)

    def _as_change(self, key: str, prev: Any) -> KeyChange:
        value = self.value(key)
        is_deleted = value is UNDEFINED
        return KeyChange(key, None if is_deleted else value, prev, is_deleted)

    def _forget(self, write: Write) -> None:
        key = write.message.key or ""
        if key not in self._acknowledged:
            self._unsaved_bytes -= len(write.message.raw)
        self._acknowledged.discard(key)
        del self._writes[key]

    def _acknowledge(self, write: Write, receipt: Receipt, has_seen: Seen, epoch: int) -> None:
        if has_seen(receipt.seq):
            self._drop(write)
            return
        write.receipt, write.epoch = receipt, epoch
        self._acknowledged.add(write.message.key or "")
        self._unsaved_bytes -= len(write.message.raw)

    def _is_void(self, write: Write) -> bool:
        return write.follows is None and write.message.key not in self._live()

    def _is_blocked(self, write: Write) -> bool:
        key = write.message.key or ""
        if self._merge is None or write.is_deletion or key not in self._refused:
            return False
        return self._refused[key] == self._previous_seq(key)

    def _previous_seq(self, key: str) -> int | None:
        entry = self._live().get(key)
        return None if entry is None else entry.seq

    def _expecting(self, write: Write) -> NewMessage:
        """Return the message of a write with the number that its key is known to have."""
        previous_seq = None if self._merge is None else self._previous_seq(write.message.key or "")
        write.may_overwrite |= previous_seq is None
        return replace(write.message, previous_seq=previous_seq)
