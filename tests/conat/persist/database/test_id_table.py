"""What is kept of message ids in the file of a stream."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from cocalc_jupyter_ext.conat.persist.database.id_table import IdTable
from cocalc_jupyter_ext.conat.persist.database.recent_ids import RECENT_MS
from cocalc_jupyter_ext.conat.persist.database.sqlite_file import create_tables
from cocalc_jupyter_ext.conat.persist.messages import Receipt


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        create_tables(connection)
        yield connection


def rows(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT COUNT(*) FROM recent_ids").fetchone()
    return int(count)


def test_ids_are_known_to_the_next_owner_for_two_minutes(connection: sqlite3.Connection) -> None:
    IdTable(connection).add({"a": Receipt(7, 1000), "b": Receipt(8, 1000)}, 1000)

    ids = IdTable(connection).load(2000)

    assert ids.find("a", 2000) == Receipt(7, 1000)
    assert ids.find("b", 1000 + RECENT_MS - 1) == Receipt(8, 1000)
    assert ids.find("b", 1000 + RECENT_MS) is None
    assert len(IdTable(connection).load(1000 + RECENT_MS)) == 0


def test_a_transaction_is_one_row_and_one_without_ids_is_none(
    connection: sqlite3.Connection,
) -> None:
    table = IdTable(connection)
    table.add({str(seq): Receipt(seq, 5) for seq in range(500)}, 5)
    table.add({}, 6)

    assert rows(connection) == 1


def test_old_ids_leave_no_trace(connection: sqlite3.Connection) -> None:
    table = IdTable(connection)
    for minute in range(60):
        table.add({str(minute): Receipt(minute, minute * 60_000)}, minute * 60_000)

    assert rows(connection) <= 4
