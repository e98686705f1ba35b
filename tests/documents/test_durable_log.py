import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.errors import StoreFull
from cocalc_jupyter_ext.documents import durable_log
from cocalc_jupyter_ext.documents.durable_log import DurableLog
from cocalc_jupyter_ext.documents.errors import LogWriteError
from cocalc_jupyter_ext.documents.update_log import LoggedUpdate, LogMeta, UpdateLog

META = LogMeta(epoch="e", file=None, digest=None)


class Disk(UpdateLog):
    """A real log whose disk can be full and which counts its transactions."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        self.full = False
        self.transactions: list[int] = []

    def append(  # type: ignore[override]
        self, updates: list[LoggedUpdate], heads: tuple[int, ...] | None = None
    ) -> None:
        if self.full:
            raise StoreFull("the disk is full")
        self.transactions.append(len(updates))
        super().append(updates, heads)


@asynccontextmanager
async def open_log(path: Path) -> AsyncIterator[tuple[DurableLog, Disk, list[LogWriteError]]]:
    failures: list[LogWriteError] = []
    with ThreadPoolExecutor(1) as executor:
        disk = Disk(SqliteStore.open(path / "log.db"))
        disk.write_meta(META)
        log = DurableLog(disk, executor, failures.append)
        yield log, disk, failures
        await log.close()


async def test_what_waits_is_written_in_one_transaction_and_let_out_in_order(
    tmp_path: Path,
) -> None:
    async with open_log(tmp_path) as (log, disk, _):
        out: list[int] = []
        for number in range(5):
            log.append(LoggedUpdate(bytes([number])), lambda n=number: out.append(n))  # type: ignore[misc]
        assert out == []
        await log.flush()

        assert out == [0, 1, 2, 3, 4]
        assert disk.transactions == [5]
        assert disk.read().updates == [b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"]


async def test_the_commits_that_a_document_contains_are_stored_in_one_with_its_edits(
    tmp_path: Path,
) -> None:
    """Of several notes that wait, the newest counts (SPEC B6)."""
    async with open_log(tmp_path) as (log, disk, _):
        log.append(LoggedUpdate(b"1"), lambda: None)
        log.note_heads((1,))
        log.append(LoggedUpdate(b"2"), lambda: None)
        log.note_heads((2, 3))
        await log.flush()

        assert disk.transactions == [2]
        assert disk.read().updates == [b"1", b"2"]
        assert disk.read().heads == (2, 3)


async def test_commits_are_noted_without_edits_too_and_edits_without_commits_keep_them(
    tmp_path: Path,
) -> None:
    async with open_log(tmp_path) as (log, disk, _):
        log.note_heads(())
        await log.flush()
        assert disk.read().heads == ()

        log.note_heads((7,))
        await log.flush()
        log.append(LoggedUpdate(b"1"), lambda: None)
        await log.flush()

        assert disk.transactions == [0, 0, 1]
        assert disk.read().heads == (7,)


async def test_what_is_let_out_after_a_note_of_commits_waits_for_it(tmp_path: Path) -> None:
    async with open_log(tmp_path) as (log, disk, _):
        stored: list[tuple[int, ...] | None] = []
        log.note_heads((7,))
        log.after_durable(lambda: stored.append(disk.read().heads))
        assert stored == []
        await log.flush()

        assert stored == [(7,)]


async def test_a_receiver_that_fails_does_not_keep_updates_from_the_others(
    tmp_path: Path,
) -> None:
    async with open_log(tmp_path) as (log, _, _failures):
        out: list[str] = []

        def broken() -> None:
            raise RuntimeError("a bug")

        log.append(LoggedUpdate(b"1"), broken)
        log.append(LoggedUpdate(b"2"), lambda: out.append("2"))
        await log.flush()

        assert out == ["2"]


async def test_a_full_disk_lets_nothing_out_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_log, "_RETRY_S", 0.01)
    async with open_log(tmp_path) as (log, disk, failures):
        out: list[str] = []
        disk.full = True
        log.append(LoggedUpdate(b"1"), lambda: out.append("1"))
        log.note_heads((7,))
        with pytest.raises(LogWriteError, match="free some disk space"):
            await log.flush()
        assert log.failing is not None
        assert out == []
        with pytest.raises(LogWriteError):
            await log.flush()

        disk.full = False
        while log.failing:
            await asyncio.sleep(0.005)
        await log.flush()

        assert out == ["1"]
        assert disk.read().updates == [b"1"]
        assert disk.read().heads == (7,)
        assert len(failures) == 1


async def test_compacting_keeps_what_was_not_written_yet(tmp_path: Path) -> None:
    async with open_log(tmp_path) as (log, disk, _):
        log.append(LoggedUpdate(b"1"), lambda: None)
        await log.flush()
        log.append(LoggedUpdate(b"2"), lambda: None)
        await log.compact(lambda: b"snapshot", META)
        await log.flush()

        contents = disk.read()
        assert contents.updates[-1] == b"2" or contents.updates == [b"snapshot"]
        assert b"snapshot" in contents.updates
        assert b"1" not in contents.updates
        assert contents.meta == META


async def test_compacting_keeps_which_commits_the_document_contains(tmp_path: Path) -> None:
    async with open_log(tmp_path) as (log, disk, _):
        log.append(LoggedUpdate(b"1"), lambda: None)
        log.note_heads((7,))
        await log.flush()
        await log.compact(lambda: b"snapshot", META)

        assert disk.read().updates == [b"snapshot"]
        assert disk.read().heads == (7,)


async def test_closing_writes_what_waits_and_closing_again_does_nothing(tmp_path: Path) -> None:
    async with open_log(tmp_path) as (log, _, _failures):
        log.append(LoggedUpdate(b"1"), lambda: None)
        await log.close()
        await log.close()

    store = SqliteStore.open(tmp_path / "log.db")
    assert UpdateLog(store).read().updates == [b"1"]
    store.close()
