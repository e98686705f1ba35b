"""One stream in an SQLite database: the contract of conat-sync §2, wherever the database is."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ...errors import CodecError
from ..config import StreamConfig
from ..errors import Rejected, StoreClosed, StoreCorrupt, StoreError, StoreFull, WrongLastSequence
from ..messages import (
    MAX_BATCH_BYTES,
    Deleted,
    Inventory,
    NewMessage,
    Receipt,
    StoredMessage,
)
from ..store import Change
from .compression import Compression
from .config_text import config_from_rows, config_to_rows
from .id_table import IdTable
from .message_table import MessageTable
from .recent_ids import RecentIds
from .rows import is_storable
from .sqlite_file import create_tables, store_errors
from .writing import Writing

__all__ = ["DatabaseStore", "WallClock"]

WallClock = Callable[[], float]
"""Unix time in seconds; ``time.time`` is one."""

_MIN_FREE_BYTES = 1_000_000
_log = logging.getLogger(__name__)


class DatabaseStore:
    """A StreamStore on an open connection; calls may come from any thread, one at a time.

    ``place`` names the stream in errors. Each call that changes something is one transaction;
    whatever it raises, the stream is as it was before and can be used further.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        place: str,
        *,
        clock: WallClock,
        compression: Compression,
    ) -> None:
        """Create missing tables, read the settings, enforce the limits."""
        self._connection: sqlite3.Connection | None = connection
        self._place = place
        self._clock = clock
        self._table = MessageTable(connection, compression)
        self._ids = IdTable(connection)
        self._recent: RecentIds | None = None
        with store_errors(place):
            create_tables(connection)
            self._use(self._read_config())
            self._enforce_at_opening()

    def set(self, message: NewMessage) -> Change[Receipt]:
        """Store a message; see StreamStore."""
        change = self.set_many([message])
        (answer,) = change.result
        if isinstance(answer, StoreError):
            raise answer
        return Change(answer, change.updates)

    def set_many(self, messages: Sequence[NewMessage]) -> Change[list[Receipt | StoreError]]:
        """Store messages in one transaction; see StreamStore."""
        answers: list[Receipt | StoreError] = []
        with self._writing() as write:
            for message in messages:
                try:
                    answers.append(write.store(message))
                except (Rejected, WrongLastSequence) as error:
                    # Both are raised before the message changes anything.
                    answers.append(error)
        return Change(answers, tuple(write.updates))

    def replace_through(self, seq: int, messages: Sequence[NewMessage]) -> Change[list[Receipt]]:
        """Delete everything up to and including ``seq`` and store ``messages``, atomically.

        If one of them is refused, its error is raised and nothing is changed.
        """
        with self._writing() as write:
            write.updates.append(Deleted(self._table.delete_through(seq)))
            receipts = [write.store(message) for message in messages]
        return Change(receipts, tuple(write.updates))

    def get(self, *, seq: int | None = None, key: str | None = None) -> StoredMessage | None:
        """Return a message by its number or key; see StreamStore."""
        with self._reading():
            if seq:
                return self._table.get(seq)
            return None if key is None or not is_storable(key) else self._table.get_by_key(key)

    def batches(
        self,
        start_seq: int | None = None,
        end_seq: int | None = None,
        *,
        max_bytes: int = MAX_BATCH_BYTES,
    ) -> Iterator[list[StoredMessage]]:
        """Yield the messages of a range in lists; see StreamStore."""
        with self._reading():
            last = self._table.last_seq()
        if end_seq is not None:
            last = min(end_seq, last)
        position = start_seq or 0
        while position <= last:
            with self._reading():
                batch = self._table.batch(position, last, max_bytes)
            if not batch:
                return
            yield batch
            position = batch[-1].seq + 1

    def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - named like the selector on the wire
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
    ) -> Change[list[int]]:
        """Delete messages; see StreamStore."""
        with self._writing() as write:
            deleted = self._delete(all=all, last_seq=last_seq, seq=seq, seqs=seqs)
            write.updates.append(Deleted(deleted))
        if all or last_seq is not None:
            self._give_space_back()
        only_some = not all and last_seq is None and seq is None
        result = list(seqs or []) if only_some else deleted
        return Change(result, tuple(write.updates))

    def config(self, wanted: Mapping[str, object] | None = None) -> Change[StreamConfig]:
        """Change settings, enforce limits, return what is in force; see StreamStore."""
        config = self._config if wanted is None else self._config.changed(wanted)
        with self._reading() as connection, self._writing() as write:
            if config != self._config:
                self._write_config(connection, config)
            if config.allow_msg_ttl:
                self._table.index_expiry()
            write.enforce(self._in_force(config))
        self._use(config)
        return Change(self._effective, tuple(write.updates))

    def inventory(self) -> Inventory:
        """Return what the stream holds; see StreamStore."""
        with self._reading():
            return Inventory(
                bytes=self._table.bytes(),
                count=self._table.count(),
                seq=self._table.last_seq(),
                limits=self._config.limits(),
            )

    def keys(self) -> list[str]:
        """Return all keys; see StreamStore."""
        with self._reading():
            return self._table.keys()

    def total_bytes(self) -> int:
        """Return the summed sizes of all messages (conat-sync §2.4)."""
        with self._reading():
            return self._table.bytes()

    def close(self) -> None:
        """Release the stream; a second call does nothing."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _in_force(self, config: StreamConfig) -> StreamConfig:
        """Return the settings that hold here, of those that are stored."""
        return config

    def _use(self, config: StreamConfig) -> None:
        self._config = config
        self._effective = self._in_force(config)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._connection is None:
            raise StoreClosed
        with store_errors(self._place):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """Run one transaction; afterwards its message ids are remembered."""
        now_ms = self._now_ms()
        writing = Writing(self._table, self._known_ids, self._effective, now_ms)
        with self._reading(), self._table.transaction():
            yield writing
            self._ids.add(writing.receipts, now_ms)
        if writing.receipts:
            writing.remember()
        if writing.discarded:
            self._give_space_back()

    def _known_ids(self) -> RecentIds:
        """Return the ids of recent messages, which are read when they are needed first."""
        if self._recent is None:
            self._recent = self._ids.load(self._now_ms())
        return self._recent

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)

    def _delete(
        self,
        *,
        all: bool,  # noqa: A002 - as in ``delete``
        last_seq: int | None,
        seq: int | None,
        seqs: Sequence[int] | None,
    ) -> list[int]:
        """Delete; return what existed. A number that is told as deleted may not come later."""
        if all:
            return self._table.delete_all()
        if last_seq is not None:
            return self._table.delete_through(last_seq)
        chosen = list(dict.fromkeys(seqs or [])) if seq is None else [seq]
        existing = self._table.existing(chosen)
        self._table.delete(existing)
        return existing

    def _give_space_back(self) -> None:
        """Shrink the database when more than half of it, and much, is free.

        A vacuum copies what is left, so this way it never copies more than was deleted.
        """
        try:
            with self._reading() as connection:
                if _wastes_space(connection):
                    connection.execute("VACUUM")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except StoreError as error:
            _log.warning("Space of deleted messages is not given back to the disk: %s", error)

    def _read_config(self) -> StreamConfig:
        with self._reading() as connection:
            rows = connection.execute("SELECT field, value FROM config").fetchall()
        try:
            return config_from_rows(rows)
        except CodecError as error:
            raise StoreCorrupt(f"the settings of {self._place} cannot be read: {error}") from error

    def _write_config(self, connection: sqlite3.Connection, config: StreamConfig) -> None:
        try:
            rows = config_to_rows(config)
        except CodecError as error:
            raise Rejected(f"the description cannot be stored: {error}") from error
        connection.executemany("INSERT OR REPLACE INTO config(field, value) VALUES (?, ?)", rows)

    def _enforce_at_opening(self) -> None:
        """Delete what has become too old; count and bytes need no look at all messages.

        Each write left them within their limits, but for the last message: it may be too big
        by itself, be one although none are allowed, or not have counted since its size is 0.
        Had another program not enforced the limits, the next write would.
        """
        config = self._effective
        newest = self._table.newest_size()
        if config.max_bytes is None or newest <= config.max_bytes:
            config = replace(config, max_bytes=-1)
        if config.max_msgs != 0 and newest > 0:
            config = replace(config, max_msgs=-1)
        try:
            with self._writing() as write:
                if config.allow_msg_ttl:
                    self._table.index_expiry()
                write.enforce(config)
        except StoreFull as error:
            # What is there can still be read; each later write enforces the limits again.
            _log.warning("The limits of a stream are not enforced: %s", error)


def _wastes_space(connection: sqlite3.Connection) -> bool:
    free, pages, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("freelist_count", "page_count", "page_size")
    )
    return bool(free * page_bytes >= _MIN_FREE_BYTES and 2 * free >= pages)
