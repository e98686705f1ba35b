"""Copies of a stream's file: the archive, which may come back, and the backup (§2.10).

An archive carries the modification time of what it holds, so that "newer" compares contents and
not moments of copying.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from urllib.parse import quote

__all__ = ["copy_database", "modified_ns", "restore_database", "set_aside"]

_SIDE_FILES = ("-wal", "-shm", "-journal")


def modified_ns(path: Path) -> int:
    """Return when a database was last changed, 0 if there is none.

    What is written ahead counts: after a crash it is the newest there is.
    """
    log = path.with_name(path.name + "-wal")
    status, log_status = _status(path), _status(log)
    if status is None:
        return 0
    if log_status is None or log_status.st_size == 0:
        return status.st_mtime_ns
    return max(status.st_mtime_ns, log_status.st_mtime_ns)


def copy_database(connection: sqlite3.Connection, target: Path, *, time_ns: int) -> None:
    """Copy an open database to ``target``, which changes at once or not at all.

    The copy is one file without a write-ahead log. Raises sqlite3.Error and OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The name is short, since that of the target may be as long as names can be.
    digest = hashlib.blake2b(target.name.encode(), digest_size=8).hexdigest()
    partial = target.with_name(f".copy-{digest}")
    _remove(partial)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        os.utime(partial, ns=(time_ns, time_ns))
        partial.replace(target)
    finally:
        _remove(partial)


def restore_database(archive: Path, connection: sqlite3.Connection) -> None:
    """Replace the content of an open and locked database by that of an archive, atomically.

    The archive is looked at first: nothing is replaced by a file that is not a stream. Raises
    sqlite3.Error.
    """
    with closing(sqlite3.connect(f"file:{quote(str(archive))}?mode=ro", uri=True)) as source:
        source.execute("SELECT seq, size, ttl FROM messages LIMIT 0")
        # A database with a write-ahead log cannot take over pages of another size.
        connection.execute("PRAGMA journal_mode=DELETE")
        source.backup(connection)


def set_aside(path: Path, wall_clock: Callable[[], float] = time.time) -> Path:
    """Rename an unreadable file and the files SQLite keeps beside it; return the new path."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(wall_clock()))
    name = f"{path.name}.unreadable-{stamp}"
    target = path.with_name(name)
    for number in count(2):
        if not target.exists():
            break
        target = path.with_name(f"{name}-{number}")
    path.replace(target)
    for suffix in _SIDE_FILES:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(target.with_name(target.name + suffix))
    return target


def _remove(path: Path) -> None:
    for suffix in ("", *_SIDE_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
