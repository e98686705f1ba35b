"""The local mirror of a stream: its messages in order, and the newest of each key.

Pure: messages and updates go in, changes come out (conat-sync §3.2, §3.4, §3.5). What is new to
the mirror is decided by number: numbers only grow on the server, so an update that is neither
above everything seen nor known to be missing is a repetition and changes nothing. The first
load is such a watermark too, and therefore no change is ever told twice.

Payloads are decoded when a value is first asked for, so loading a long stream costs little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..persist.messages import Deleted, Stored, StoredMessage, Update
from ..protocol.codec import UNDEFINED
from .entry import Entry
from .seq_ranges import SeqRanges

__all__ = ["Change", "Replica"]


@dataclass(frozen=True, slots=True)
class Change:
    """A message came (``entry``) or went (no ``entry``).

    ``key`` is set when the value of a key changed by it; ``previous`` is what the key, or the
    place, held before.
    """

    seq: int
    entry: Entry | None
    key: str | None = None
    previous: Entry | None = None
    msg_id: str | None = None

    @property
    def value(self) -> Any:
        """The new value; UNDEFINED when the message is gone, None for a tombstone."""
        return UNDEFINED if self.entry is None else self.entry.value

    @property
    def prev(self) -> Any:
        """The value before; UNDEFINED when there was none."""
        return UNDEFINED if self.previous is None else self.previous.value

    @property
    def is_removal(self) -> bool:
        """Return whether afterwards there is no value: gone, expired, or a tombstone."""
        return self.entry is None or self.entry.is_tombstone


class Replica:
    """All messages of a stream from ``start_seq`` on."""

    def __init__(self, start_seq: int | None = None) -> None:
        self.start_seq = start_seq
        self._by_seq: dict[int, Entry] = {}
        self._ordered: list[Entry] | None = []
        self._live: dict[str, Entry] = {}
        self._tombstones: dict[str, Entry] = {}
        self._highest = 0
        self._missing = SeqRanges()

    # Read

    def __len__(self) -> int:
        return len(self._by_seq)

    @property
    def entries(self) -> list[Entry]:
        """The messages in order of their numbers; not to be changed."""
        if self._ordered is None:
            self._ordered = [self._by_seq[seq] for seq in sorted(self._by_seq)]
        return self._ordered

    @property
    def live(self) -> dict[str, Entry]:
        """The newest message of each key that is not deleted; not to be changed."""
        return self._live

    @property
    def newest_seq(self) -> int:
        """The largest number held; 0 without messages."""
        return max(self._by_seq, default=0)

    def has_seen(self, seq: int) -> bool:
        """Return whether the update that stored ``seq`` is behind us, or will never come."""
        return seq <= self._highest and seq not in self._missing

    @property
    def missing(self) -> tuple[int, int] | None:
        """The range to ask for, because numbers in it were skipped."""
        return self._missing.bounds if self._missing else None

    # Change

    def load(self, messages: Iterable[StoredMessage]) -> None:
        """Take messages of the first load."""
        for message in messages:
            self._store(message)

    def apply(self, update: Update) -> list[Change]:
        """Take an update of the changefeed."""
        if isinstance(update, Deleted):
            return self._delete(update.seqs)
        seq = update.message.seq
        if self.has_seen(seq):
            return []
        self._missing.append(max(self._highest + 1, self.start_seq or 0), seq - 1)
        return self._take(update)

    def fill(self, messages: Sequence[StoredMessage], through_seq: int) -> list[Change]:
        """Take what was found of the missing numbers; forget all of them up to ``through_seq``.

        What was not found is gone: it was deleted, or its key was written again.
        """
        found = [message for message in messages if message.seq in self._missing]
        changes = [change for message in found for change in self._take(Stored(message))]
        self._missing.discard_through(through_seq)
        return changes

    def add_older(self, messages: Sequence[StoredMessage], start_seq: int) -> list[Change]:
        """Take messages from before those held, and be a mirror from ``start_seq`` on."""
        self.start_seq = start_seq
        new = (message for message in messages if message.seq not in self._by_seq)
        return [change for message in new for change in self._take(Stored(message))]

    def replace(self, messages: Iterable[StoredMessage]) -> list[Change]:
        """Become a mirror of exactly these messages; tell only what is different from before."""
        before, live_before = self._by_seq, self._live
        self._forget_everything()
        for message in messages:
            entry = before.get(message.seq)
            if entry is None or not entry.holds(message):
                entry = Entry(message)
            self._insert(message, entry)
        gone = [entry for seq, entry in before.items() if self._is_missed(seq, entry)]
        come = [entry for entry in self.entries if before.get(entry.seq) is not entry]
        return [
            *(_removal(entry, live_before) for entry in gone),
            *(_arrival(entry, live_before) for entry in come),
        ]

    def _is_missed(self, seq: int, entry: Entry) -> bool:
        """Return whether a former entry is gone without anything in its place."""
        key = entry.key
        if key is not None and (key in self._live or key in self._tombstones):
            return False
        return seq not in self._by_seq or self._by_seq[seq] is not entry

    def _take(self, update: Stored) -> list[Change]:
        message = update.message
        self._missing.discard(message.seq)
        previous = None if message.key is None else self._live.get(message.key)
        entry = self._store(message)
        return (
            []
            if entry is None
            else [Change(entry.seq, entry, message.key, previous, update.msg_id)]
        )

    def _store(self, message: StoredMessage) -> Entry | None:
        """Put a message in; one whose key was written again later is not there any more."""
        holder = self._holder(message.key)
        if holder is not None and holder.seq >= message.seq:
            self._highest = max(self._highest, message.seq)
            return None
        if holder is not None:
            self._remove(holder)
        entry = Entry(message)
        self._insert(message, entry)
        return entry

    def _holder(self, key: str | None) -> Entry | None:
        if key is None:
            return None
        return self._live.get(key) or self._tombstones.get(key)

    def _insert(self, message: StoredMessage, entry: Entry) -> None:
        seq, key = message.seq, message.key
        if seq > self._highest and self._ordered is not None:
            self._ordered.append(entry)
        else:
            self._ordered = None
        self._by_seq[seq] = entry
        self._highest = max(self._highest, seq)
        if key is None:
            return
        if message.is_tombstone:
            self._live.pop(key, None)
            self._tombstones[key] = entry
        else:
            self._tombstones.pop(key, None)
            self._live[key] = entry

    def _remove(self, entry: Entry) -> None:
        """Take an entry out of the order; its key keeps its place among the keys."""
        del self._by_seq[entry.seq]
        self._ordered = None

    def _delete(self, seqs: Iterable[int]) -> list[Change]:
        changes = []
        for seq in seqs:
            # What is asked for as missing must not come back after it was deleted.
            self._missing.discard(seq)
            entry = self._by_seq.get(seq)
            if entry is not None:
                changes.append(_removal(entry, self._live))
                self._remove(entry)
                self._forget_key(entry)
        return changes

    def _forget_key(self, entry: Entry) -> None:
        key = entry.key
        for index in (self._live, self._tombstones):
            if key is not None and index.get(key) is entry:
                del index[key]

    def _forget_everything(self) -> None:
        self._by_seq, self._live, self._tombstones = {}, {}, {}
        self._ordered = []
        self._highest = 0
        self._missing.clear()


def _removal(entry: Entry, live: dict[str, Entry]) -> Change:
    """Return the change that an entry is gone; ``live`` is what was before."""
    key = entry.key
    is_value = key is not None and live.get(key) is entry
    return Change(entry.seq, None, key if is_value else None, entry)


def _arrival(entry: Entry, live: dict[str, Entry]) -> Change:
    """Return the change that an entry came; ``live`` is what was before."""
    key = entry.key
    return Change(entry.seq, entry, key, None if key is None else live.get(key))
