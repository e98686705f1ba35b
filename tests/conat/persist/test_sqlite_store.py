"""The SQLite stream store: order, keys, atomicity, locks, damage."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.store import (
    Encoding,
    NewMessage,
    StoreCorruptError,
    StoreLockedError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the stream is."""
    return tmp_path / "folder" / "stream.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """Open an empty stream."""
    store = SqliteStore.open(path)
    yield store
    store.close()


def message(raw: bytes, **fields: object) -> NewMessage:
    """Return a message with a fixed time."""
    return NewMessage(raw=raw, time_ms=1_700_000_000_123, **fields)  # type: ignore[arg-type]


def test_messages_come_back_as_they_were_stored(store: SqliteStore) -> None:
    store.set_many([message(b"\x00\xff", headers={"who": "Ann Ü"}, encoding=Encoding.JSON)])

    (stored,) = store.iter_messages()

    assert (stored.seq, stored.raw, stored.time_ms) == (1, b"\x00\xff", 1_700_000_000_123)
    assert (stored.headers, stored.encoding, stored.key) == ({"who": "Ann Ü"}, Encoding.JSON, None)


def test_sequence_numbers_are_never_used_again(store: SqliteStore) -> None:
    assert store.set_many([message(b"a"), message(b"b")]) == [1, 2]

    assert store.replace_through(2, [message(b"c")]) == [3]

    assert [m.raw for m in store.iter_messages()] == [b"c"]
    assert [m.raw for m in store.iter_messages(4)] == []


def test_a_key_keeps_only_its_last_message(store: SqliteStore) -> None:
    store.set_many([message(b"old", key="k"), message(b"other"), message(b"new", key="k")])

    current = store.get("k")

    assert current is not None
    assert (current.seq, current.raw) == (3, b"new")
    assert store.get("missing") is None
    assert [m.raw for m in store.iter_messages()] == [b"other", b"new"]


def test_a_failing_transaction_changes_nothing(store: SqliteStore) -> None:
    store.set_many([message(b"kept")])

    with pytest.raises((TypeError, sqlite3.Error)):
        store.replace_through(1, [message(b"new"), message(object())])  # type: ignore[arg-type]

    assert [m.raw for m in store.iter_messages()] == [b"kept"]


def test_what_was_committed_is_there_when_opened_again(path: Path, store: SqliteStore) -> None:
    store.set_many([message(b"a")])
    store.close()
    store.close()

    again = SqliteStore.open(path)

    assert [m.raw for m in again.iter_messages()] == [b"a"]
    assert again.set_many([message(b"b")]) == [2]
    again.close()


def test_sizes_count_headers_payload_and_key(store: SqliteStore) -> None:
    store.set_many([message(b"\xc0", key="a", headers={"CN-Tombstone": True})])

    assert store.total_bytes() == len('{"CN-Tombstone": true}') + 1 + 1


def test_a_stream_belongs_to_one_process_at_a_time(path: Path, store: SqliteStore) -> None:
    with pytest.raises(StoreLockedError, match="another process"):
        SqliteStore.open(path, lock_timeout_s=0.01)


def test_a_file_that_is_no_stream_is_said_to_be_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 1000)

    with pytest.raises(StoreCorruptError, match="not a readable stream"):
        SqliteStore.open(path)


def test_a_damaged_row_is_said_to_be_damaged(path: Path, store: SqliteStore) -> None:
    store.set_many([message(b"a")])
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE messages SET headers = 'no json'")
    connection.commit()
    connection.close()
    again = SqliteStore.open(path)

    with pytest.raises(StoreCorruptError):
        list(again.iter_messages())
    again.close()


def test_the_file_is_for_its_user_only(path: Path, store: SqliteStore) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    store.close()

    with pytest.raises(ValueError, match="closed"):
        store.set_many([message(b"a")])
