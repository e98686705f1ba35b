import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from cocalc_jupyter_ext.conat.persist.database.compression import Compression
from cocalc_jupyter_ext.conat.persist.database.message_table import MAX_BATCH_MESSAGES, MessageTable
from cocalc_jupyter_ext.conat.persist.database.rows import draft_of
from cocalc_jupyter_ext.conat.persist.database.sqlite_file import create_tables
from cocalc_jupyter_ext.conat.persist.messages import NewMessage


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection)
        yield connection


@pytest.fixture
def table(connection: sqlite3.Connection) -> MessageTable:
    return MessageTable(connection, Compression())


def insert(table: MessageTable, size: int, key: str | None = None) -> None:
    table.insert(draft_of(NewMessage(raw=b"x" * size, key=key)), 0)


@pytest.mark.parametrize("known_before", [False, True])
def test_totals_follow_every_change(table: MessageTable, *, known_before: bool) -> None:
    if known_before:
        assert (table.count(), table.bytes()) == (0, 0)
    for size in (1, 2, 3, 4, 5):
        insert(table, size)
    insert(table, 10, key="k")
    insert(table, 20, key="k")
    table.delete([1, 1, 99])
    table.delete_through(3)

    assert (table.count(), table.bytes()) == (3, 4 + 5 + 21)
    table.delete_all()
    assert (table.count(), table.bytes()) == (0, 0)


def test_totals_are_summed_up_once(connection: sqlite3.Connection, table: MessageTable) -> None:
    insert(table, 1)
    table.count(), table.bytes()
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    for _ in range(3):
        insert(table, 1)
        assert table.count() > 1
        assert table.bytes() > 1

    assert not [text for text in statements if "SUM" in text or "COUNT" in text]


def test_a_transaction_that_fails_takes_its_totals_along(table: MessageTable) -> None:
    insert(table, 1)
    assert (table.count(), table.bytes()) == (1, 1)

    def fail() -> None:
        with table.transaction():
            insert(table, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (table.count(), table.bytes(), table.last_seq()) == (1, 1, 1)


def test_a_batch_ends_after_many_messages_too(table: MessageTable) -> None:
    with table.transaction():
        for _ in range(MAX_BATCH_MESSAGES + 1):
            insert(table, 1)

    assert len(table.batch(1, 10**9, 10**9)) == MAX_BATCH_MESSAGES
