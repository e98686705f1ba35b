"""One stream in one SQLite file, with the tables of conat-sync §2.2.

Durability is chosen on purpose as write-ahead log with ``synchronous=NORMAL``: a commit is a
write into the operating system, not a wait for the disk (some ten microseconds instead of
milliseconds). What was committed survives the death of the process by any signal; after a
power failure the newest commits may be missing, but the file is never damaged. ``sync=True``
waits for the disk at every commit.

The file is locked for this process while it is open. Two servers that share one data
directory can therefore never interleave two histories in one stream, and the lock dies with
its process.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from .errors import StoreClosed, StoreCorrupt, StoreError, StoreLocked
from .messages import MAX_BATCH_BYTES, NewMessage, Receipt, Stored, StoredMessage, Update
from .store import Change

__all__ = ["SqliteStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT UNIQUE,
    time INTEGER NOT NULL,
    headers TEXT,
    compress NUMERIC NOT NULL,
    encoding NUMERIC NOT NULL,
    raw BLOB NOT NULL,
    size NUMERIC NOT NULL,
    ttl NUMERIC
);
CREATE TABLE IF NOT EXISTS config (field TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS idx_messages_key ON messages(key);
CREATE INDEX IF NOT EXISTS idx_messages_time ON messages(time);
"""
_COLUMNS = "seq, key, time, headers, compress, encoding, raw"
_UNCOMPRESSED = 0

Result = TypeVar("Result")


class SqliteStore:
    """A stream in a SQLite file; calls may come from any thread, but one at a time."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        sync: bool = False,
        clock: Callable[[], float] = time.time,
        lock_timeout_s: float = 5.0,
    ) -> Self:
        """Open or create the stream at ``path``; its folder is created, private to the user.

        Raises StoreLocked when another process holds it for longer than
        ``lock_timeout_s``, StoreCorrupt when the file is not such a stream.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            path, timeout=lock_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            _translate_errors(path, lambda: _prepare(connection, sync=sync))
        except BaseException:
            connection.close()
            raise
        path.chmod(0o600)
        return cls(connection, clock)

    def set_many(self, messages: Sequence[NewMessage]) -> Change[list[Receipt | StoreError]]:
        """Store all messages in one transaction."""
        return self._write(lambda connection: self._insert_all(connection, messages))

    def replace_through(
        self, seq: int, messages: Sequence[NewMessage]
    ) -> Change[list[Receipt | StoreError]]:
        """Delete everything up to and including ``seq`` and store ``messages``, atomically."""

        def replace(connection: sqlite3.Connection) -> Change[list[Receipt | StoreError]]:
            connection.execute("DELETE FROM messages WHERE seq <= ?", (seq,))
            return self._insert_all(connection, messages)

        return self._write(replace)

    def get(self, *, seq: int | None = None, key: str | None = None) -> StoredMessage | None:
        """Return a message by its number or the current message of a key."""
        column, value = ("seq", seq) if seq else ("key", key)
        row = self._open.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE {column} = ?",  # noqa: S608 - constant columns
            (value,),
        ).fetchone()
        return None if row is None else _message(row)

    def batches(
        self,
        start_seq: int | None = None,
        end_seq: int | None = None,
        *,
        max_bytes: int = MAX_BATCH_BYTES,
    ) -> Iterator[list[StoredMessage]]:
        """Yield the messages of a range in order, in lists; see StreamStore."""
        last = self._last_seq() if end_seq is None else min(end_seq, self._last_seq())
        position = start_seq or 0
        while position <= last:
            batch = self._batch(position, last, max_bytes)
            if not batch:
                return
            yield batch
            position = batch[-1].seq + 1

    def total_bytes(self) -> int:
        """Return the summed sizes of all messages."""
        row = self._open.execute("SELECT COALESCE(SUM(size), 0) FROM messages").fetchone()
        return int(row[0])

    def close(self) -> None:
        """Release the file and its lock."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreClosed
        return self._connection

    def _last_seq(self) -> int:
        return int(self._open.execute("SELECT COALESCE(MAX(seq), 0) FROM messages").fetchone()[0])

    def _batch(self, first: int, last: int, max_bytes: int) -> list[StoredMessage]:
        batch: list[StoredMessage] = []
        size = 0
        try:
            for row in self._open.execute(
                f"SELECT {_COLUMNS} FROM messages WHERE seq BETWEEN ? AND ? ORDER BY seq",  # noqa: S608 - constant columns
                (first, last),
            ):
                message = _message(row)
                batch.append(message)
                size += len(message.raw)
                if size >= max_bytes:
                    break
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            msg = f"a stored message cannot be read: {error}"
            raise StoreCorrupt(msg) from error
        return batch

    def _insert_all(
        self, connection: sqlite3.Connection, messages: Sequence[NewMessage]
    ) -> Change[list[Receipt | StoreError]]:
        time_ms = round(self._clock() * 1000)
        receipts: list[Receipt | StoreError] = []
        updates: list[Update] = []
        for message in messages:
            stored = _insert(connection, message, time_ms)
            receipts.append(Receipt(stored.seq, time_ms))
            updates.append(Stored(stored, message.msg_id))
        return Change(receipts, tuple(updates))

    def _write(self, change: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._open
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result


def _prepare(connection: sqlite3.Connection, *, sync: bool) -> None:
    # An exclusive lock also keeps the index of the write-ahead log in our own memory, so no
    # shared-memory file is needed and network file systems work.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
    connection.executescript(_SCHEMA)
    # The lock is taken by the first write, not by the pragma.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _translate_errors(path: Path, action: Callable[[], Result]) -> Result:
    try:
        return action()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            msg = f"{path} is in use by another process"
            raise StoreLocked(msg) from error
        raise
    except sqlite3.DatabaseError as error:
        msg = f"{path} is not a readable stream: {error}"
        raise StoreCorrupt(msg) from error


def _insert(connection: sqlite3.Connection, message: NewMessage, time_ms: int) -> StoredMessage:
    headers = None if message.headers is None else json.dumps(message.headers)
    if message.key is not None:
        connection.execute("DELETE FROM messages WHERE key = ?", (message.key,))
    cursor = connection.execute(
        "INSERT INTO messages(key, time, headers, compress, encoding, raw, size) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            message.key,
            time_ms / 1000,
            headers,
            _UNCOMPRESSED,
            message.encoding,
            message.raw,
            len(headers or "") + len(message.raw) + len(message.key or ""),
        ),
    )
    seq = cursor.lastrowid
    assert seq is not None  # noqa: S101 - an INSERT always sets it
    return StoredMessage(
        seq=seq,
        time_ms=time_ms,
        raw=message.raw,
        encoding=message.encoding,
        key=message.key,
        headers=message.headers,
    )


def _message(row: tuple[Any, ...]) -> StoredMessage:
    seq, key, time_s, headers, compress, encoding, raw = row
    if compress != _UNCOMPRESSED:
        msg = f"message {seq} uses compression {compress}, which this version does not read"
        raise ValueError(msg)
    return StoredMessage(
        seq=seq,
        key=key,
        time_ms=round(time_s * 1000),
        headers=None if headers is None else json.loads(headers),
        encoding=encoding,
        raw=bytes(raw),
    )
