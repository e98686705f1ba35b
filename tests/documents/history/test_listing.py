"""Histories are found by the path of their document (conat-sync §4.7)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.messages import Inventory
from cocalc_jupyter_ext.conat.sync.opening import open_inventory
from cocalc_jupyter_ext.documents.history.listing import (
    ensure_listed,
    list_moved,
    listed_paths,
    stream_name,
)

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


async def test_what_is_opened_is_listed_at_once(project: SyncedProject) -> None:
    await ensure_listed(project.client, PROJECT, "a.txt")
    await ensure_listed(project.client, PROJECT, "b.txt")

    assert set(await listed_paths(project.client, PROJECT)) == {"a.txt", "b.txt"}


async def test_what_is_known_of_a_store_stays(project: SyncedProject) -> None:
    name = stream_name(PROJECT, "a.txt")
    async with await open_inventory(project.client, project_id=PROJECT) as stores:
        stores.set(name, "stream", Inventory(7, 8, 9), now_ms=1, desc={"path": "a.txt"})
        await stores.save()

        await ensure_listed(project.client, PROJECT, "a.txt")

        entry = stores.get(name, "stream")
        assert entry is not None
        assert (entry.bytes, entry.count, entry.seq) == (7, 8, 9)


async def test_a_moved_history_is_listed_once(project: SyncedProject) -> None:
    await ensure_listed(project.client, PROJECT, "a.txt")

    await list_moved(project.client, PROJECT, "a.txt", "b.txt", Inventory(1, 2, 3))

    assert await listed_paths(project.client, PROJECT) == ["b.txt"]


async def test_stores_that_are_no_documents_are_passed_over(project: SyncedProject) -> None:
    async with await open_inventory(project.client, project_id=PROJECT) as stores:
        for name in ("patches:of-another-project", "something"):
            stores.set(name, "stream", Inventory(1, 1, 1), now_ms=1, desc={"path": "a.txt"})
        await stores.save()

    assert await listed_paths(project.client, PROJECT) == []
