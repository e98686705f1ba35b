"""Histories stay below their limits."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.messages import Inventory
from cocalc_jupyter_ext.conat.sync.opening import open_inventory
from cocalc_jupyter_ext.documents.history import pruner as pruner_module
from cocalc_jupyter_ext.documents.history import pruning
from cocalc_jupyter_ext.documents.history.errors import NoHistory
from cocalc_jupyter_ext.documents.history.pruner import Pruner
from cocalc_jupyter_ext.documents.history.pruning import Limits
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.stores import open_record

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project

TOTALS = Inventory(bytes=0, count=0, seq=0)
TEXTS = ["line\n" * number + "end" for number in range(20)]


@pytest.fixture(autouse=True)
def everything_is_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "WORTHWHILE_COUNT", 1)


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


async def versions(project: SyncedProject, path: str = "a.txt") -> list[int]:
    _shape, page = await project.service.versions(path, limit=1000)
    return [version.time for version in page.versions][::-1]


async def list_in_inventory(project: SyncedProject, *paths: str) -> None:
    """Put documents on the list, as their participants do after a while."""
    async with await open_inventory(project.client, project_id=PROJECT) as stores:
        for path in paths:
            name = f"patches:{string_id(PROJECT, path)}"
            stores.set(name, "stream", TOTALS, now_ms=0, desc={"path": path})
        stores.set("patches:other", "stream", TOTALS, now_ms=0, desc={"path": "c.txt"})
        stores.set("terminal-x", "stream", TOTALS, now_ms=0)
        await stores.save()


def late_pruner(project: SyncedProject) -> Pruner:
    """Return one for whom everything is too old."""
    return Pruner(project.service, Limits(max_age_ms=1000), clock=lambda: 10**10)


async def test_what_is_too_old_goes_and_the_newest_state_stays(project: SyncedProject) -> None:
    times = await project.write(*TEXTS)

    assert await late_pruner(project).prune("a.txt") == 19

    assert await versions(project) == times[-1:]
    assert (await project.service.at("a.txt", times[-1]))["text"] == TEXTS[-1]


async def test_those_who_come_later_find_the_document_as_it_was(project: SyncedProject) -> None:
    await project.write(*TEXTS)
    await late_pruner(project).prune("a.txt")

    document = await project.text(who="bob")
    assert document.text == TEXTS[-1]
    document.text += "\nmore"
    await document.commit()
    await document.close()

    assert (await project.text(who="cat")).text == f"{TEXTS[-1]}\nmore"


async def test_those_who_have_it_open_go_on(project: SyncedProject) -> None:
    document = await project.text()
    for text in TEXTS:
        document.text = text
        await document.commit()

    assert await late_pruner(project).prune("a.txt") == 19
    document.text = "after"
    await document.commit()

    newest = document.document.graph.newest_time
    async with asyncio.timeout(60):
        await project.service.use("a.txt", lambda history: history.wait_for(newest))

    assert (await project.text(who="bob")).text == "after"
    assert len(await versions(project)) == 2


async def test_readers_begin_at_the_first_version_that_stays(project: SyncedProject) -> None:
    times = await project.write(*TEXTS)
    await late_pruner(project).prune("a.txt")

    record = await open_record(project.client, PROJECT, "a.txt")
    assert (record.get()["last_snapshot"], record.get()["last_seq"]) == (times[-1], 20)
    await record.close()


async def test_pruning_again_finds_nothing(project: SyncedProject) -> None:
    await project.write(*TEXTS)
    await late_pruner(project).prune("a.txt")

    assert await late_pruner(project).prune("a.txt") == 0


async def test_nothing_goes_when_somebody_comes_back_meanwhile(
    project: SyncedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = await project.write(*TEXTS)
    monkeypatch.setattr(pruner_module, "keeps_newest", lambda *_: False)

    assert await late_pruner(project).prune("a.txt") == 0
    assert await versions(project) == times


async def test_what_is_young_and_small_stays(project: SyncedProject) -> None:
    await project.write(*TEXTS)
    pruner = Pruner(project.service, Limits(max_age_ms=1e9, max_bytes=10**9))

    assert await pruner.prune("a.txt") == 0


async def test_a_document_without_history_cannot_be_pruned(project: SyncedProject) -> None:
    with pytest.raises(NoHistory):
        await late_pruner(project).prune("never.txt")


async def test_all_documents_of_the_project_are_pruned_by_and_by(project: SyncedProject) -> None:
    await project.write(*TEXTS)
    await project.write(*TEXTS, path="b.txt")
    await list_in_inventory(project, "a.txt", "b.txt")
    pruner = Pruner(
        project.service,
        Limits(max_age_ms=1000),
        clock=lambda: 10**10,
        first_after_s=0,
        every_s=0.01,
    )
    pruner.start()
    try:
        async with asyncio.timeout(60):
            while len(await versions(project)) > 1 or len(await versions(project, "b.txt")) > 1:
                await asyncio.sleep(0.01)
    finally:
        await pruner.stop()
        await pruner.stop()


async def test_without_limits_nothing_runs(project: SyncedProject) -> None:
    pruner = Pruner(project.service, Limits(), first_after_s=0, every_s=0)
    before = asyncio.all_tasks()
    pruner.start()

    assert asyncio.all_tasks() == before
    await pruner.stop()


async def test_a_failure_is_told_and_the_others_are_pruned(
    project: SyncedProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await project.write(*TEXTS)
    await project.write(*TEXTS, path="b.txt")
    await list_in_inventory(project, "a.txt", "b.txt")
    pruner = late_pruner(project)
    prune = pruner.prune

    async def fail_once(path: str) -> int:
        if path == "a.txt":
            raise NoHistory(path)
        return await prune(path)

    monkeypatch.setattr(pruner, "prune", fail_once)

    assert await pruner.prune_all() == 19
    assert "a.txt was not pruned" in caplog.text
