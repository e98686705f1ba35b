"""The ``messages`` table of one stream: its statements, and its totals (conat-sync §2.2).

Count and bytes are summed up when somebody asks for the first time and then kept up to date,
so that neither opening a stream nor storing a message reads it as a whole.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from ..messages import StoredMessage
from .compression import Compression
from .retention import Row, Totals
from .rows import COLUMNS, Draft, message_of

__all__ = ["MAX_BATCH_MESSAGES", "MAX_SEQ", "MessageTable"]

MAX_SEQ: Final = 2**63 - 1
MAX_BATCH_MESSAGES: Final = 2_000
"""A batch ends here too, however short its payloads are."""

_INSERT: Final = (
    "INSERT INTO messages(key, time, headers, compress, encoding, raw, size, ttl) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_SEQ: Final = f"SELECT {COLUMNS} FROM messages WHERE seq = ?"  # noqa: S608 - constants
_BY_KEY: Final = f"SELECT {COLUMNS} FROM messages WHERE key = ?"  # noqa: S608 - constants
_RANGE: Final = f"SELECT {COLUMNS} FROM messages WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608 - constants
_AMONG: Final = "seq IN (SELECT value FROM json_each(?))"
_EXPIRY: Final = "time + ttl/1000"
"""SQLite divides integers without a remainder: that is the rounding of §2.8 step 5."""


class MessageTable:
    """Reads and writes messages; its methods for the limits are those of ``retention.Rows``."""

    def __init__(self, connection: sqlite3.Connection, compression: Compression) -> None:
        self._connection = connection
        self._compression = compression
        self._count: int | None = None
        self._bytes: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside happen as a whole or not at all."""
        totals = self._count, self._bytes
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._count, self._bytes = totals
            # A full disk may have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def get(self, seq: int) -> StoredMessage | None:
        """Return the message with this number."""
        if not 0 < seq <= MAX_SEQ:
            return None
        return self._message(_BY_SEQ, seq)

    def get_by_key(self, key: str) -> StoredMessage | None:
        """Return the current message of a key."""
        return self._message(_BY_KEY, key)

    def seq_of(self, key: str) -> int | None:
        """Return the number of the current message of a key."""
        row = self._connection.execute("SELECT seq FROM messages WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def last_seq(self) -> int:
        """Return the largest number there is, or 0."""
        return self._number("SELECT COALESCE(MAX(seq), 0) FROM messages")

    def newest_size(self) -> int:
        """Return the size of the last message, 0 if there is none."""
        rows = self._connection.execute("SELECT size FROM messages ORDER BY seq DESC LIMIT 1")
        row = rows.fetchone()
        return 0 if row is None else int(row[0])

    def batch(self, first: int, last: int, max_bytes: int) -> list[StoredMessage]:
        """Return messages from ``first`` on, until they have ``max_bytes`` of payload."""
        batch: list[StoredMessage] = []
        size, compression = 0, self._compression
        cursor = self._connection.execute(_RANGE, (first, last))
        try:
            for row in cursor:
                message = message_of(row, compression)
                batch.append(message)
                size += len(message.raw)
                if size >= max_bytes or len(batch) == MAX_BATCH_MESSAGES:
                    break
        finally:
            cursor.close()
        return batch

    def keys(self) -> list[str]:
        """Return all keys, in the order of their messages."""
        rows = self._connection.execute(
            "SELECT key FROM messages WHERE key IS NOT NULL ORDER BY seq"
        )
        return [row[0] for row in rows]

    def count(self) -> int:
        """Return the number of messages."""
        if self._count is None:
            self._count = self._number("SELECT COUNT(*) FROM messages")
        return self._count

    def bytes(self) -> int:
        """Return the sum of all sizes."""
        if self._bytes is None:
            self._bytes = self._number("SELECT COALESCE(SUM(size), 0) FROM messages")
        return self._bytes

    def stored_since(self, time_ms: int) -> Totals:
        """Return what was stored at this time or later."""
        messages, size = self._connection.execute(
            "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM messages WHERE time >= ?",
            (time_ms / 1000,),
        ).fetchone()
        return Totals(messages, size)

    def in_order(self) -> Iterator[Row]:
        """Yield all messages by ascending number."""
        return map(
            Row._make, self._connection.execute("SELECT seq, size FROM messages ORDER BY seq")
        )

    def stored_until(self, time_ms: int) -> list[Row]:
        """Return what was stored at this time or before, by ascending number."""
        return self._rows("time <= ?", time_ms / 1000)

    def expired(self, now_ms: int) -> list[Row]:
        """Return messages whose own time to live is over, by ascending number."""
        return self._rows(f"ttl IS NOT NULL AND {_EXPIRY} <= ?", now_ms / 1000)

    def index_expiry(self) -> None:
        """Let ``expired`` find its messages without looking at all others.

        The index is ours; other programs that share the file keep it up to date and ignore it.
        """
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS idx_messages_expiry "
            f"ON messages({_EXPIRY}) WHERE ttl IS NOT NULL"
        )

    def insert(self, draft: Draft, time_ms: int) -> int:
        """Store a message in the place of that of its key; return its number."""
        if draft.message.key is not None:
            self._delete_key(draft.message.key)
        cursor = self._connection.execute(_INSERT, draft.values(time_ms, self._compression))
        seq = cursor.lastrowid
        assert seq is not None  # noqa: S101 - an INSERT always sets it
        self._add(1, draft.size)
        return seq

    def existing(self, seqs: Sequence[int]) -> list[int]:
        """Return those of the numbers that messages have, in the given order."""
        found = set(self._seqs(f"WHERE {_AMONG}", json.dumps(list(seqs))))
        return [seq for seq in seqs if seq in found]

    def delete(self, seqs: Sequence[int]) -> None:
        """Delete messages by number; those that do not exist do not matter."""
        self._delete(_AMONG, json.dumps(list(seqs)))

    def delete_through(self, last_seq: int) -> list[int]:
        """Delete everything up to and including a number; return the numbers that existed."""
        last_seq = min(last_seq, MAX_SEQ)
        seqs = self._seqs("WHERE seq <= ?", last_seq)
        self._delete("seq <= ?", last_seq)
        return seqs

    def delete_all(self) -> list[int]:
        """Delete everything; return the numbers that existed."""
        seqs = self._seqs("")
        self._connection.execute("DELETE FROM messages")
        self._count = self._bytes = 0
        return seqs

    def _delete_key(self, key: str) -> None:
        row = self._connection.execute(
            "SELECT seq, size FROM messages WHERE key = ?", (key,)
        ).fetchone()
        if row is not None:
            self._connection.execute("DELETE FROM messages WHERE seq = ?", (row[0],))
            self._add(-1, -row[1])

    def _delete(self, where: str, value: object) -> None:
        if self._bytes is not None:
            self._bytes -= self._number(
                f"SELECT COALESCE(SUM(size), 0) FROM messages WHERE {where}",  # noqa: S608 - constants
                value,
            )
        cursor = self._connection.execute(f"DELETE FROM messages WHERE {where}", (value,))  # noqa: S608 - constants
        if self._count is not None:
            self._count -= cursor.rowcount

    def _add(self, count: int, size: int) -> None:
        if self._count is not None:
            self._count += count
        if self._bytes is not None:
            self._bytes += size

    def _message(self, statement: str, value: object) -> StoredMessage | None:
        row = self._connection.execute(statement, (value,)).fetchone()
        return None if row is None else message_of(row, self._compression)

    def _rows(self, where: str, value: float) -> list[Row]:
        # Sorted here: asked for an order, SQLite would walk all messages instead of an index.
        cursor = self._connection.execute(
            f"SELECT seq, size FROM messages WHERE {where}",  # noqa: S608 - constants
            (value,),
        )
        return sorted(map(Row._make, cursor))

    def _seqs(self, where: str, *values: object) -> list[int]:
        cursor = self._connection.execute(
            f"SELECT seq FROM messages {where} ORDER BY seq",  # noqa: S608 - constants
            values,
        )
        return [row[0] for row in cursor]

    def _number(self, statement: str, *values: object) -> int:
        return int(self._connection.execute(statement, values).fetchone()[0])
