"""Which files a project should hold open (conat-sync §4.8, §7.13; syncdoc-jupyter §13)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.sync.dko import DKO
from cocalc_jupyter_ext.conat.sync.open_files import OpenFiles, open_open_files
from tests.support.persist import persist_world
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"


@asynccontextmanager
async def opened(stream: FaultyStream) -> AsyncIterator[OpenFiles]:
    async with stream.dkv() as dkv:
        files = OpenFiles(DKO(dkv), now_ms=lambda: 1000, local_ms=lambda: 7)
        async with files:
            yield files


async def test_two_trackers_can_be_cleared_and_become_empty() -> None:
    """conat-sync §7.13: two trackers can be cleared."""
    stream = FaultyStream()
    async with opened(stream) as one, opened(stream) as two:
        one.touch("a")
        await one.save()
        await until(lambda: "a" in two)
        two.clear()
        await two.save()
        await until(lambda: one.get_all() == two.get_all() == [])


async def test_the_other_tracker_sees_a_touched_file_after_save_with_path_and_time() -> None:
    """conat-sync §7.13: touch."""
    stream = FaultyStream()
    async with opened(stream) as one, opened(stream) as two:
        told: list[dict[str, Any]] = []
        two.changes.connect(told.append)
        one.touch("a.txt", doctype={"type": "string"})
        assert one.has_unsaved_changes()
        await one.save()
        entry = {"path": "a.txt", "time": 1000, "doctype": {"type": "string"}}
        await until(lambda: two.get("a.txt") == entry)

        assert told[-1] == entry
        with pytest.raises(ConatError, match="needs a path"):
            one.touch("")


async def test_files_are_listed_in_order_of_touching_and_keep_what_else_is_known() -> None:
    """conat-sync §7.13: in order of touching."""
    async with opened(FaultyStream()) as files:
        files.touch("b", doctype="x")
        files.touch("a")
        files.touch("b")

        assert list(files) == ["b", "a"]
        assert [entry["path"] for entry in files.get_all()] == ["b", "a"]
        assert files.get("b") == {"path": "b", "time": 1000, "doctype": "x"}


async def test_a_deletion_reaches_the_other_tracker_and_one_opened_anew_without_a_change() -> None:
    """conat-sync §7.13: delete."""
    stream = FaultyStream()
    async with opened(stream) as one, opened(stream) as two:
        one.touch("a")
        await one.save()
        await until(lambda: "a" in two)
        told: list[Any] = []
        two.changes.connect(told.append)
        one.delete("a")
        assert one.get("a") is None
        await one.save()
        await until(lambda: "a" not in two)

        assert told == []
    async with opened(stream) as again:
        assert again.get_all() == []


async def test_an_error_has_text_and_time_and_can_be_cleared() -> None:
    """conat-sync §7.13: setError."""
    stream = FaultyStream()
    async with opened(stream) as one, opened(stream) as two:
        one.touch("a")
        one.set_error("a", ValueError("no room"))
        await one.save()
        await until(lambda: (two.get("a") or {}).get("error") == {"time": 7, "error": "no room"})
        one.set_error("a")
        await one.save()
        await until(lambda: "error" not in (two.get("a") or {"error": 1}))


async def test_a_file_may_be_gone_and_come_back() -> None:
    async with opened(FaultyStream()) as files:
        assert not files.is_deleted("a")
        files.set_deleted("a")
        assert files.is_deleted("a")
        assert (files.get("a") or {})["deleted"] == {"deleted": True, "time": 1000}
        files.set_not_deleted("a")
        assert not files.is_deleted("a")


async def test_only_the_backend_that_has_a_file_open_gives_it_up() -> None:
    async with opened(FaultyStream()) as files:
        files.set_backend("a", 0)
        assert files.get_backend("a") == 0
        files.set_not_backend("a", 1)
        assert files.get_backend("a") == 0
        files.set_not_backend("a", 0)
        assert files.get_backend("a") is None


async def test_the_list_of_a_project_is_a_map_of_objects_that_forgets_after_a_day(
    tmp_path: Path,
) -> None:
    async with persist_world(tmp_path) as world:
        client = await world.client()
        async with await open_open_files(client, project_id=PROJECT) as files:
            files.touch("a.txt")
            await files.save()
            config = await files._objects.dkv.config()

            assert config.max_age == 86_400_000
            assert (tmp_path / f"projects/{PROJECT}/__dko__open-files.db").exists()
