import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database.archive import (
    copy_database,
    modified_ns,
    restore_database,
    set_aside,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ours.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE messages (seq INTEGER PRIMARY KEY, size, ttl)")
        connection.execute("INSERT INTO messages VALUES (1, 2, 3)")
        yield connection


def rows(path: Path) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM messages").fetchall()


def test_a_copy_is_one_private_file_with_the_time_of_what_it_holds(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    target = tmp_path / "deep" / "er" / ("x" * 250 + ".db")

    copy_database(database, target, time_ns=12_000_000_000)

    assert target.stat().st_mtime_ns == 12_000_000_000
    assert target.stat().st_mode & 0o777 == 0o600
    assert rows(target) == [(1, 2, 3)]
    assert list(target.parent.iterdir()) == [target]


def test_a_copy_replaces_the_last_one_and_what_a_crash_left(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    target = tmp_path / "copies" / "a.db"
    copy_database(database, target, time_ns=0)
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    database.execute("INSERT INTO messages VALUES (2, 2, 2)")
    copy_database(database, target, time_ns=0)

    assert rows(target) == [(1, 2, 3), (2, 2, 2)]


def test_a_copy_that_fails_leaves_the_last_one_and_nothing_else(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    target = tmp_path / "copies" / "a.db"
    copy_database(database, target, time_ns=0)
    database.close()

    with pytest.raises(sqlite3.Error):
        copy_database(database, target, time_ns=0)

    assert rows(target) == [(1, 2, 3)]
    assert list(target.parent.iterdir()) == [target]


def test_restoring_replaces_the_content_even_with_pages_of_another_size(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    archive = tmp_path / "with ?#% archive.db"
    with closing(sqlite3.connect(archive)) as connection:
        connection.executescript(
            "PRAGMA page_size=8192; CREATE TABLE messages (seq INTEGER PRIMARY KEY, size, ttl);"
            "INSERT INTO messages VALUES (7, 7, 7);"
        )

    restore_database(archive, database)

    assert database.execute("SELECT * FROM messages").fetchall() == [(7, 7, 7)]


def test_nothing_is_restored_from_what_is_no_stream(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    (tmp_path / "archive.db").write_bytes(b"")

    with pytest.raises(sqlite3.Error):
        restore_database(tmp_path / "archive.db", database)

    assert database.execute("SELECT * FROM messages").fetchall() == [(1, 2, 3)]


def test_what_is_written_ahead_tells_the_time(tmp_path: Path) -> None:
    path, log = tmp_path / "a.db", tmp_path / "a.db-wal"
    assert modified_ns(path) == 0
    log.write_text("log")
    assert modified_ns(path) == 0
    path.touch()
    os.utime(path, ns=(5, 5))
    os.utime(log, ns=(9, 9))
    assert modified_ns(path) == 9
    log.write_text("")
    assert modified_ns(path) == 5
    assert modified_ns(path / "inside") == 0


def test_an_unreadable_file_is_set_aside_with_what_belongs_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("log")
    (tmp_path / "a.db-wal").write_text("wal")

    aside = set_aside(path, wall_clock=lambda: 0)

    assert aside.name == "a.db.unreadable-19700101-000000"
    assert {path.name for path in tmp_path.iterdir()} == {aside.name, f"{aside.name}-wal"}


def test_what_was_set_aside_before_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    names = []
    for _ in range(3):
        path.touch()
        names.append(set_aside(path, wall_clock=lambda: 0).name)

    stamp = "a.db.unreadable-19700101-000000"
    assert names == [stamp, f"{stamp}-2", f"{stamp}-3"]
