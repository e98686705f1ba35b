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

import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..errors import StoreCorrupt, StoreError
from .archive import copy_database, modified_ns, restore_database, set_aside
from .compression import Compression
from .database_store import DatabaseStore, WallClock
from .sqlite_file import check_name, lock_file, start_log, store_errors

__all__ = ["SqliteStore"]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Copies:
    """Where the file is copied to; ``archived`` is the state that the archive holds."""

    path: Path
    archive: Path | None
    backup: Path | None
    archived: int | None = None
    failing: bool = False


class SqliteStore(DatabaseStore):
    """A StreamStore in a SQLite file; made by ``open``."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        copies: _Copies,
        *,
        clock: WallClock,
        compression: Compression,
    ) -> None:
        self._copies = copies
        super().__init__(connection, str(copies.path), clock=clock, compression=compression)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        sync: bool = False,
        clock: WallClock = time.time,
        lock_timeout_s: float = 5.0,
        compression: Compression | None = None,
        archive: Path | None = None,
        backup: Path | None = None,
    ) -> Self:
        """Open or create the stream at ``path``; its folder is created, private to the user.

        An ``archive`` that is newer than the file is restored first (conat-sync §2.10). Raises
        StoreLocked when another process holds the file for longer than ``lock_timeout_s``,
        StoreCorrupt when it is no such stream (it is left as it is), StoreFull when it cannot
        be written, StoreUnavailable when it cannot be opened.
        """
        copies = _Copies(path, archive, backup)
        connection = _connect(copies, sync=sync, lock_timeout_s=lock_timeout_s)
        try:
            return cls(connection, copies, clock=clock, compression=compression or Compression())
        except BaseException:
            connection.close()
            raise

    @property
    def needs_archive(self) -> bool:
        """Whether there is something that an archive is wanted for and does not hold."""
        if self._connection is None or self._copies.archive is None:
            return False
        return self._copies.archived != self._connection.total_changes

    def archive(self) -> None:
        """Copy the stream to its archive if that does not hold the present state.

        A failure is logged; ``needs_archive`` stays true. Who calls this takes care that it
        does not happen too often.
        """
        copies = self._copies
        with self._reading() as connection:
            if not self.needs_archive or copies.archive is None:
                return
            changes = connection.total_changes
            if self._copy_to(copies.archive, connection):
                copies.archived = changes

    def close(self) -> None:
        """Give free space back, copy the stream if that is wanted, release file and lock."""
        try:
            if self._connection is not None:
                self._finish(self._connection)
        finally:
            super().close()

    def _finish(self, connection: sqlite3.Connection) -> None:
        self._give_space_back()
        copies = self._copies
        if copies.archive is None and copies.backup is None:
            return
        try:
            with store_errors(self._place):
                # The log's content has to be in the file before its time is taken.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except StoreError as error:
            _log.warning("A stream stays in two files until it is opened again: %s", error)
        if copies.archive is not None and not copies.archive.exists():
            copies.archived = None
        self.archive()
        if copies.backup is not None:
            self._copy_to(copies.backup, connection)

    def _copy_to(self, target: Path, connection: sqlite3.Connection) -> bool:
        copies = self._copies
        try:
            with store_errors(target):
                copy_database(connection, target, time_ns=modified_ns(copies.path))
        except StoreError as error:
            if not copies.failing:
                _log.error("A copy of a stream was not made, the stream itself is fine: %s", error)
            copies.failing = True
            return False
        copies.failing = False
        return True


def _connect(copies: _Copies, *, sync: bool, lock_timeout_s: float) -> sqlite3.Connection:
    path, archive = copies.path, copies.archive
    with store_errors(path):
        check_name(path)
        ours = modified_ns(path)
    with store_errors(archive):
        theirs = 0 if archive is None else modified_ns(archive)
    with store_errors(path):
        connection = _lock(path, may_replace=theirs > ours, timeout_s=lock_timeout_s)
    try:
        with store_errors(path):
            # Without tables an earlier opening was cut short before it restored the archive.
            restores = theirs > ours or (theirs > 0 and not _has_tables(connection))
        if archive is not None and restores:
            with store_errors(archive):
                restore_database(archive, connection)
        with store_errors(path):
            start_log(connection, sync=sync)
        if restores or (theirs == ours and theirs > 0):
            copies.archived = connection.total_changes
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(path: Path, *, may_replace: bool, timeout_s: float) -> sqlite3.Connection:
    """Lock the file; one that is unreadable gives way if there is something to replace it."""
    try:
        with store_errors(path):
            return lock_file(path, timeout_s=timeout_s)
    except StoreCorrupt as error:
        if not may_replace:
            raise
        aside = set_aside(path)
        _log.error("%s. Its archive takes its place; the file is kept as %s.", error, aside)
        return lock_file(path, timeout_s=timeout_s)


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
