"""Which messages were stored a moment ago, so that a repeated attempt is recognised (§2.5)."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from ..messages import Receipt

__all__ = ["MAX_RECENT_IDS", "RECENT_MS", "RecentIds", "digest_of"]

RECENT_MS: Final = 120_000
MAX_RECENT_IDS: Final = 100_000


class RecentIds:
    """Remembers receipts by message id for two minutes, at most ``MAX_RECENT_IDS`` of them.

    Only a hash of an id is kept, so that its length costs nothing.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[int, int, int]] = OrderedDict()

    def find(self, message_id: str, now_ms: int) -> Receipt | None:
        """Return the receipt of a message that was stored less than two minutes ago."""
        entry = self._entries.get(digest_of(message_id))
        if entry is None or now_ms - entry[0] >= RECENT_MS:
            return None
        return Receipt(entry[1], entry[2])

    def remember(self, message_id: str, receipt: Receipt, now_ms: int) -> None:
        """Note that a message was stored now."""
        digest = digest_of(message_id)
        self._entries.pop(digest, None)
        self._entries[digest] = (now_ms, receipt.seq, receipt.time_ms)
        self._forget(now_ms)

    def restore(self, time_ms: int, numbers: Iterable[tuple[bytes, int]]) -> None:
        """Note the digests and numbers of messages that were stored at this time, in order."""
        self._entries.update((digest, (time_ms, seq, time_ms)) for digest, seq in numbers)

    def __len__(self) -> int:
        return len(self._entries)

    def _forget(self, now_ms: int) -> None:
        while self._entries:
            oldest = next(iter(self._entries.values()))[0]
            if len(self._entries) <= MAX_RECENT_IDS and now_ms - oldest < RECENT_MS:
                return
            self._entries.popitem(last=False)


def digest_of(message_id: str) -> bytes:
    """Return the 16 bytes that stand for an id."""
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
