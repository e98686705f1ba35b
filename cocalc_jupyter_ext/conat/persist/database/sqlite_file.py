"""Opening SQLite files so that they belong to this process, and what their errors mean.

A file is never opened by other means while it may be in use here: closing any descriptor of a
file drops this process's locks on it.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)

__all__ = ["check_name", "create_tables", "lock_file", "start_log", "store_errors"]

_TABLES: Final = """
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
CREATE TABLE IF NOT EXISTS recent_ids (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    ids BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_messages_key ON messages(key);
CREATE INDEX IF NOT EXISTS idx_messages_time ON messages(time);
"""
_MAX_LOG_BYTES: Final = 8_000_000
_EFFECTIVE_IDS: Final = os.access in os.supports_effective_ids

_MEANINGS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (
        StoreLocked,
        "is in use by another process; stop that process or give this one its own folder",
    ),
    sqlite3.SQLITE_LOCKED: (
        StoreLocked,
        "is in use by another process; stop that process or give this one its own folder",
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreCorrupt,
        "is not a readable stream; move it away to begin anew, or restore it from a copy",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "is damaged; restore it from a copy, or rescue what is left with sqlite3's .recover",
    ),
    sqlite3.SQLITE_ERROR: (StoreCorrupt, "does not have the tables of a stream; move it away"),
    sqlite3.SQLITE_FULL: (StoreFull, "cannot grow, the disk is full; free some space"),
    sqlite3.SQLITE_READONLY: (StoreFull, "cannot be written; make it writable for this user"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "cannot be opened; check its folder"),
    sqlite3.SQLITE_PERM: (StoreUnavailable, "may not be opened by this user"),
    sqlite3.SQLITE_IOERR: (
        StoreUnavailable,
        "cannot be read or written; check the disk and how much of it this user may use",
    ),
}
_SYSTEM_MEANINGS: Final[dict[int, tuple[type[StoreError], str]]] = {
    errno.EACCES: (StoreUnavailable, "may not be used by this user; change the folder's rights"),
    errno.EPERM: (StoreUnavailable, "may not be used by this user; change the folder's rights"),
    errno.EISDIR: (StoreUnavailable, "is a folder; move it away"),
    errno.ENOTDIR: (StoreUnavailable, "would be in a folder that is a file; move that away"),
    errno.EEXIST: (StoreUnavailable, "would be in a folder that is a file; move that away"),
    errno.ENAMETOOLONG: (StoreUnavailable, "has a name that is too long; choose a shorter one"),
    errno.EINVAL: (StoreUnavailable, "has a name that no file can have; choose another one"),
    errno.EROFS: (StoreFull, "cannot be written; mount its file system writable"),
    errno.ENOSPC: (StoreFull, "cannot be created, the disk is full; free some space"),
    errno.EDQUOT: (StoreFull, "cannot be created, the quota is used up; free some space"),
}


@contextmanager
def store_errors(place: object) -> Iterator[None]:
    """Turn errors of SQLite and of the system into StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise
        kind, advice = _MEANINGS.get(code & 0xFF, (StoreError, "failed"))
        raise kind(f"{place} {advice} ({error})") from error
    except OSError as error:
        kind, advice = _SYSTEM_MEANINGS.get(error.errno or 0, (StoreUnavailable, "cannot be used"))
        raise kind(f"{place} {advice} ({error.strerror})") from error


def lock_file(path: Path, *, timeout_s: float) -> sqlite3.Connection:
    """Open or create a file and its folder, both private to the user, and lock it.

    The lock dies with the process. Raises what ``store_errors`` turns into StoreErrors.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _create(path)
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False
    )
    try:
        # An exclusive lock also keeps the index of the write-ahead log in our own memory, so no
        # shared-memory file is needed and network file systems work.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        # The lock is taken by the first write, not by the pragma.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def start_log(connection: sqlite3.Connection, *, sync: bool) -> None:
    """Write ahead to a log; ``sync`` waits for the disk at every commit."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA journal_size_limit={_MAX_LOG_BYTES}")
    connection.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of conat-sync §2.2, and that of recent ids, where they are missing."""
    connection.executescript(_TABLES)
    # A file of another program with such names fails here and not at the first message.
    connection.execute("SELECT seq, size, ttl FROM messages LIMIT 0")


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        # SQLite calls both "disk I/O error".
        for place in (path, path.parent):
            if not os.access(place, os.R_OK | os.W_OK, effective_ids=_EFFECTIVE_IDS):
                msg = f"{place} cannot be written; make it writable for this user"
                raise StoreFull(msg) from None


def check_name(path: Path) -> None:
    """Refuse what cannot be the name of a file; raises OSError."""
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise OSError(errno.EINVAL, error.reason) from error
    if b"\0" in name:
        raise OSError(errno.EINVAL, "it holds a null character")
