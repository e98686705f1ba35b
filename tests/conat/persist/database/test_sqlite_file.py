import errno
import sqlite3
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database.sqlite_file import check_name, store_errors
from cocalc_jupyter_ext.conat.persist.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), StoreLocked, "stop that process"),
        (sqlite_error(sqlite3.SQLITE_LOCKED), StoreLocked, "stop that process"),
        (sqlite_error(sqlite3.SQLITE_NOTADB), StoreCorrupt, "move it away"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), StoreCorrupt, "restore it from a copy"),
        (sqlite_error(sqlite3.SQLITE_FULL), StoreFull, "free some space"),
        (sqlite_error(sqlite3.SQLITE_READONLY), StoreFull, "make it writable"),
        # The kind is in the lower byte.
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), StoreFull, "make it writable"),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), StoreUnavailable, "check the disk"),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), StoreUnavailable, "check its folder"),
        (sqlite_error(sqlite3.SQLITE_MISUSE), StoreError, "failed"),
        (OSError(errno.ENOSPC, "text"), StoreFull, "free some space"),
        (OSError(errno.EDQUOT, "text"), StoreFull, "free some space"),
        (OSError(errno.EROFS, "text"), StoreFull, "writable"),
        (OSError(errno.EACCES, "text"), StoreUnavailable, "change the folder's rights"),
        (OSError(errno.ENODEV, "text"), StoreUnavailable, "cannot be used"),
    ],
)
def test_errors_name_the_stream_and_what_to_do(
    error: Exception, kind: type[StoreError], advice: str
) -> None:
    with pytest.raises(StoreError, match=rf"a/b\.db .*{advice}") as caught, store_errors("a/b.db"):
        raise error

    assert type(caught.value) is kind
    assert caught.value.__cause__ is error


def test_mistakes_of_programs_are_not_disguised() -> None:
    with pytest.raises(sqlite3.ProgrammingError), store_errors("a/b.db"):
        sqlite3.connect(":memory:").execute("SELECT ?")
    with pytest.raises(ZeroDivisionError), store_errors("a/b.db"):
        raise ZeroDivisionError


def test_names_that_no_file_can_have_are_refused() -> None:
    check_name(Path("é [1]?#.db"))
    for name in ("a\0b", "a\ud800"):
        with pytest.raises(OSError, match=r"null character|surrogates"):
            check_name(Path(name))
