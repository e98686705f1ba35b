"""The ``recent_ids`` table: message ids that outlive the process that took them (§2.5).

Who did not hear that a message was stored sends it again, also after the server was killed and
started again. The table is ours; other programs that share the file ignore it.
"""

import sqlite3
import struct
from collections.abc import Mapping
from typing import Final

from ..messages import Receipt
from .recent_ids import MAX_RECENT_IDS, RECENT_MS, RecentIds, digest_of

__all__ = ["IdTable"]

_ENTRY: Final = struct.Struct("<16sq")
"""The digest of an id and the number of its message."""


class IdTable:
    """One row for each transaction, so that a message costs 24 bytes and no row of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pruned_ms = 0

    def add(self, receipts: Mapping[str, Receipt], now_ms: int) -> None:
        """Keep the ids of a transaction, inside of it; old ones go now and then."""
        if not receipts:
            return
        ids = b"".join(
            _ENTRY.pack(digest_of(message_id), receipt.seq)
            for message_id, receipt in receipts.items()
        )
        self._connection.execute("INSERT INTO recent_ids(time, ids) VALUES (?, ?)", (now_ms, ids))
        if now_ms - self._pruned_ms >= RECENT_MS:
            self._connection.execute(
                "DELETE FROM recent_ids WHERE time <= ?", (now_ms - RECENT_MS,)
            )
            self._pruned_ms = now_ms

    def load(self, now_ms: int) -> RecentIds:
        """Return the ids that are still known."""
        recent = RecentIds()
        for time_ms, ids in reversed(self._newest(now_ms - RECENT_MS)):
            recent.restore(time_ms, _ENTRY.iter_unpack(ids))
        return recent

    def _newest(self, after_ms: int) -> list[tuple[int, bytes]]:
        """Return rows, the newest first, until there are enough ids."""
        rows: list[tuple[int, bytes]] = []
        left = MAX_RECENT_IDS
        cursor = self._connection.execute("SELECT time, ids FROM recent_ids ORDER BY id DESC")
        for time_ms, ids in cursor:
            left -= len(ids) // _ENTRY.size
            if time_ms <= after_ms or left < 0:
                break
            rows.append((time_ms, ids))
        cursor.close()
        return rows
