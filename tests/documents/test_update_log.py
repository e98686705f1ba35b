from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.errors import StoreCorrupt
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.protocol.codec import Encoding
from cocalc_jupyter_ext.documents.storage import FileVersion
from cocalc_jupyter_ext.documents.update_log import LoggedUpdate, LogMeta, UpdateLog

META = LogMeta(epoch="e", file=FileVersion("today", "hash"), digest="d")


def test_a_new_log_is_empty(tmp_path: Path) -> None:
    log = UpdateLog(SqliteStore.open(tmp_path / "log.db"))

    assert log.read().updates == []
    assert log.read().meta is None
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


@pytest.mark.parametrize(
    "message",
    [
        NewMessage(raw=b"\xc1"),
        NewMessage(raw=b"\x01"),
        NewMessage(raw=b"\xc4\x011"),
        NewMessage(raw=b"no json", key="meta", encoding=Encoding.JSON),
        NewMessage(raw=b'{"a": 1}', key="meta", encoding=Encoding.JSON),
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
