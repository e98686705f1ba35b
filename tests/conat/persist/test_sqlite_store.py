"""The SQLite stream store: order, keys, atomicity, locks, damage."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.errors import (
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreLocked,
)
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, Receipt, StoredMessage
from cocalc_jupyter_ext.conat.persist.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.store import Change
from cocalc_jupyter_ext.conat.protocol.codec import Encoding


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the stream is."""
    return tmp_path / "folder" / "stream.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """Open an empty stream."""
    store = SqliteStore.open(path, clock=lambda: 1_700_000_000.123)
    yield store
    store.close()


def message(raw: bytes, **fields: object) -> NewMessage:
    """Return a message."""
    return NewMessage(raw=raw, **fields)  # type: ignore[arg-type]


def contents(store: SqliteStore, start_seq: int | None = None) -> list[StoredMessage]:
    """Return all messages."""
    return [message for batch in store.batches(start_seq) for message in batch]


def seqs(change: Change[list[Receipt | StoreError]]) -> list[int]:
    """Return the numbers of messages that were stored."""
    return [receipt.seq for receipt in change.result if isinstance(receipt, Receipt)]


def test_messages_come_back_as_they_were_stored(store: SqliteStore) -> None:
    store.set_many([message(b"\x00\xff", headers={"who": "Ann Ü"}, encoding=Encoding.JSON)])

    (stored,) = contents(store)

    assert (stored.seq, stored.raw, stored.time_ms) == (1, b"\x00\xff", 1_700_000_000_123)
    assert (stored.headers, stored.encoding, stored.key) == ({"who": "Ann Ü"}, Encoding.JSON, None)


def test_sequence_numbers_are_never_used_again(store: SqliteStore) -> None:
    assert seqs(store.set_many([message(b"a"), message(b"b")])) == [1, 2]

    assert seqs(store.replace_through(2, [message(b"c")])) == [3]

    assert [m.raw for m in contents(store)] == [b"c"]
    assert [m.raw for m in contents(store, 4)] == []


def test_a_key_keeps_only_its_last_message(store: SqliteStore) -> None:
    store.set_many([message(b"old", key="k"), message(b"other"), message(b"new", key="k")])

    current = store.get(key="k")

    assert current is not None
    assert (current.seq, current.raw) == (3, b"new")
    assert store.get(key="missing") is None
    assert [m.raw for m in contents(store)] == [b"other", b"new"]


def test_a_failing_transaction_changes_nothing(store: SqliteStore) -> None:
    store.set_many([message(b"kept")])

    with pytest.raises((TypeError, sqlite3.Error)):
        store.replace_through(1, [message(b"new"), message(object())])  # type: ignore[arg-type]

    assert [m.raw for m in contents(store)] == [b"kept"]


def test_what_was_committed_is_there_when_opened_again(path: Path, store: SqliteStore) -> None:
    store.set_many([message(b"a")])
    store.close()
    store.close()

    again = SqliteStore.open(path)

    assert [m.raw for m in contents(again)] == [b"a"]
    assert seqs(again.set_many([message(b"b")])) == [2]
    again.close()


def test_sizes_count_headers_payload_and_key(store: SqliteStore) -> None:
    store.set_many([message(b"\xc0", key="a", headers={"CN-Tombstone": True})])

    assert store.total_bytes() == len('{"CN-Tombstone":true}') + 1 + 1


def test_a_stream_belongs_to_one_process_at_a_time(path: Path, store: SqliteStore) -> None:
    with pytest.raises(StoreLocked, match="another process"):
        SqliteStore.open(path, lock_timeout_s=0.01)


def test_a_file_that_is_no_stream_is_said_to_be_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"rubbish" * 1000)

    with pytest.raises(StoreCorrupt, match="not a readable stream"):
        SqliteStore.open(path)


def test_a_damaged_row_is_said_to_be_damaged(path: Path, store: SqliteStore) -> None:
    store.set_many([message(b"a")])
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE messages SET headers = 'no json'")
    connection.commit()
    connection.close()
    again = SqliteStore.open(path)

    with pytest.raises(StoreCorrupt):
        list(contents(again))
    again.close()


def test_the_file_is_for_its_user_only(path: Path, store: SqliteStore) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    store.close()

    with pytest.raises(StoreClosed, match="closed"):
        store.set_many([message(b"a")])
