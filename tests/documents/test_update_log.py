from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.errors import StoreCorrupt, StoreFull
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.protocol.codec import Encoding
from cocalc_jupyter_ext.documents.storage import FileVersion
from cocalc_jupyter_ext.documents.update_log import LoggedUpdate, LogMeta, UpdateLog

META = LogMeta(epoch="e", file=FileVersion("today", "hash"), digest="d")


def test_a_new_log_is_empty(tmp_path: Path) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))

    assert log.read().updates == []
    assert log.read().meta is None
    assert log.read().heads is None
    log.close()


def test_updates_and_metadata_come_back(tmp_path: Path) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db", clock=lambda: 12.5))
    log.write_meta(META)
    log.append([LoggedUpdate(b"1", "ann"), LoggedUpdate(b"2")])
    log.write_meta(META.begun("next"))
    log.close()

    store = SqliteStore.open(tmp_path / "log.db")
    messages = [m for batch in store.batches() for m in batch if m.key is None]
    contents = UpdateLog(store).read()
    store.close()

    assert contents.updates == [b"1", b"2"]
    assert contents.meta == META.begun("next")
    assert [m.headers for m in messages] == [
        {"kind": "update", "author": "ann"},
        {"kind": "update"},
    ]
    assert {m.time_ms for m in messages} == {12_500}


def test_compaction_leaves_one_snapshot(tmp_path: Path) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
    log.write_meta(META)
    log.append([LoggedUpdate(b"x" * 100) for _ in range(10)])
    before = log.size_bytes

    log.compact(b"all", META)

    assert log.read().updates == [b"all"]
    assert log.read().meta == META
    assert log.size_bytes < before
    log.close()


def test_the_commits_that_the_document_contains_come_back(tmp_path: Path) -> None:
    """The newest note counts; edits without one leave it as it is (SPEC B6)."""
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
    log.write_meta(META)
    log.append([LoggedUpdate(b"1")], (5,))
    log.append([LoggedUpdate(b"2")], (6, 7))
    log.append([LoggedUpdate(b"3")])
    log.close()

    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
    contents = log.read()
    log.close()

    assert contents.updates == [b"1", b"2", b"3"]
    assert contents.heads == (6, 7)


def test_a_document_that_contains_no_commits_is_not_one_of_which_that_is_unknown(
    tmp_path: Path,
) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
    log.append([], ())

    assert log.read().heads == ()
    log.close()


def test_edits_and_their_commits_are_stored_in_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.open(tmp_path / "log.db")
    transactions: list[list[str | None]] = []
    set_many = SqliteStore.set_many

    def counted(self: SqliteStore, messages: list[NewMessage]) -> object:
        transactions.append([message.key for message in messages])
        return set_many(self, messages)

    monkeypatch.setattr(SqliteStore, "set_many", counted)
    UpdateLog(store).append([LoggedUpdate(b"1"), LoggedUpdate(b"2")], (5,))
    store.close()

    assert transactions == [[None, None, "heads"]]


@pytest.mark.parametrize("is_opened_again", [False, True])
def test_compaction_keeps_which_commits_the_document_contains(
    tmp_path: Path, is_opened_again: bool
) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
    log.write_meta(META)
    log.append([LoggedUpdate(b"1")], (5,))
    if is_opened_again:
        log.close()
        log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))
        log.read()

    log.compact(b"all", META)

    assert log.read().updates == [b"all"]
    assert log.read().heads == (5,)
    log.close()


@pytest.mark.parametrize(
    "message",
    [
        NewMessage(raw=b"\xc1"),
        NewMessage(raw=b"\x01"),
        NewMessage(raw=b"\xc4\x011"),
        NewMessage(raw=b"no json", key="meta", encoding=Encoding.JSON),
        NewMessage(raw=b'{"a": 1}', key="meta", encoding=Encoding.JSON),
        NewMessage(raw=b"no json", key="heads", encoding=Encoding.JSON),
        NewMessage(raw=b"5", key="heads", encoding=Encoding.JSON),
        NewMessage(raw=b'["soon"]', key="heads", encoding=Encoding.JSON),
    ],
)
def test_a_log_that_makes_no_sense_is_said_to_be_damaged(
    tmp_path: Path, message: NewMessage
) -> None:
    store = SqliteStore.open(tmp_path / "log.db")
    store.set_many([message])

    with pytest.raises(StoreCorrupt):
        UpdateLog(store).read()
    store.close()


def test_settling_forgets_the_write_that_was_begun() -> None:
    settled = META.begun("new").settled(FileVersion("later"), "new")

    assert settled == LogMeta(epoch="e", file=FileVersion("later"), digest="new")


def test_what_updates_refer_to_is_stored_before_them(tmp_path: Path) -> None:
    """A log never names an output that is lost by killing the server."""
    order: list[str] = []
    store = SqliteStore.open(tmp_path / "log.db")
    log = UpdateLog(store, before=lambda: order.append(f"before {store.total_bytes() > 0}"))

    log.append([LoggedUpdate(b"1")])
    assert order == ["before False"]
    log.write_meta(META)
    log.compact(b"all", META)
    assert len(order) == 3
    log.close()


def test_nothing_is_stored_while_what_it_refers_to_cannot_be(tmp_path: Path) -> None:
    def full() -> None:
        raise StoreFull("no space left")

    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"), before=full)

    for store in (lambda: log.append([LoggedUpdate(b"1")]), lambda: log.compact(b"all", META)):
        with pytest.raises(StoreFull):
            store()
    assert log.read().updates == []
    log.close()
