"""The patches of one document, read without taking part in it."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.sync.opening import open_astream
from cocalc_jupyter_ext.documents.history.shapes import ShapeName
from cocalc_jupyter_ext.documents.history.stream_history import RecordReader, StreamHistory
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


async def opened(project: SyncedProject, path: str = "a.txt") -> StreamHistory:
    history = await StreamHistory.open(project.client, PROJECT, path)
    assert history is not None
    project.world.stack.push_async_callback(history.close)
    return history


def times(graph: PatchGraph[str]) -> list[int]:
    return graph.times


def chain(count: int) -> list[Patch]:
    """Make versions at the times 1, 2, …, each with one more letter."""
    return [
        Patch(
            time=time,
            changes=[[[[1, "x"]], time - 1, time - 1, 0, 1]],
            user_id=0,
            parents=(time - 1,) if time > 1 else (),
        )
        for time in range(1, count + 1)
    ]


def snapshot(time: int) -> Snapshot:
    return Snapshot(time=time, text="x" * time, user_id=0, seq=time)


async def test_a_document_that_nobody_opened_has_no_history(project: SyncedProject) -> None:
    assert await StreamHistory.open(project.client, PROJECT, "never.txt") is None


async def test_nobody_takes_part_by_reading(project: SyncedProject) -> None:
    await project.write("one", who="ann")
    history = await opened(project)

    assert await history.record.get("users") == ["ann"]
    assert await history.record.get("save") is None


async def test_the_record_says_what_the_document_is(project: SyncedProject) -> None:
    notebook = await project.notebook()
    await notebook.document.save()
    await project.write("one")

    assert (await opened(project)).shape.name is ShapeName.TEXT
    assert (await opened(project, ".a.ipynb.sage-jupyter2")).shape.name is ShapeName.NOTEBOOK


async def test_new_versions_are_seen_as_they_come(project: SyncedProject) -> None:
    document = await project.text()
    document.text = "one"
    await document.commit()
    history = await opened(project)
    document.text = "two"
    await document.commit()
    newest = document.document.graph.newest_time

    async with asyncio.timeout(60):
        await history.wait_for(newest)

    assert await history.work(lambda graph: graph.value()) == "two"


async def test_reading_begins_at_the_newest_snapshot(project: SyncedProject) -> None:
    await project.put([*chain(10), snapshot(6)], last_seq=6, last_snapshot=6)
    history = await opened(project)

    assert (history.is_whole, await history.work(times)) == (False, [6, 7, 8, 9, 10])

    await history.load_older()

    assert (history.is_whole, await history.work(times)) == (True, list(range(1, 11)))
    assert await history.work(lambda graph: graph.value_at(3)) == "xxx"


async def test_everything_is_read_where_the_snapshot_is_missing(project: SyncedProject) -> None:
    await project.put(chain(10), last_seq=6, last_snapshot=6)

    assert await (await opened(project)).work(times) == list(range(1, 11))


async def test_what_was_deleted_is_not_there_any_more(project: SyncedProject) -> None:
    await project.put([*chain(10), snapshot(6)])
    history = await opened(project)
    assert len(await history.work(times)) == 10

    await history.core.delete(seqs=[1, 2, 3, 4, 5])

    assert await history.work(times) == [6, 7, 8, 9, 10]


async def test_messages_that_are_no_patches_are_passed_over(
    project: SyncedProject, caplog: pytest.LogCaptureFixture
) -> None:
    await project.put(chain(2))
    name = f"patches:{string_id(PROJECT, 'a.txt')}"
    async with await open_astream(project.client, name=name, project_id=PROJECT) as stream:
        await stream.publish("nonsense")

    with caplog.at_level(logging.WARNING):
        assert await (await opened(project)).work(times) == [1, 2]
    assert "message 3 of a document is passed over" in caplog.text


async def test_new_authors_are_asked_for(project: SyncedProject) -> None:
    await project.write("one", who="ann")
    history = await opened(project)
    first = Patch(time=1, changes=[], user_id=0)
    assert await history.users_for([first]) == ["ann"]

    await project.write("two", who="bob")

    assert await history.users_for([first]) == ["ann"]
    assert await history.users_for([Patch(time=2, changes=[], user_id=1)]) == ["ann", "bob"]


async def test_a_stored_item_has_its_place_time_and_size(project: SyncedProject) -> None:
    await project.put(chain(2))

    first, second = await (await opened(project)).items()

    assert (first.seq, second.seq, first.item.time) == (1, 2, 1)
    assert first.bytes > 20
    assert second.stored_ms > 1_600_000_000_000


async def test_one_who_is_cancelled_leaves_the_graph_to_the_next_when_it_is_free(
    project: SyncedProject,
) -> None:
    await project.put(chain(2))
    history = await opened(project)
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    ended: list[str] = []

    def slow(_graph: PatchGraph[str]) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(20)
        ended.append("slow")

    working = asyncio.create_task(history.work(slow))
    await asyncio.wait_for(begun.wait(), 60)
    working.cancel()
    next_one = asyncio.create_task(history.work(lambda _graph: ended.append("next")))
    await asyncio.sleep(0)
    assert not working.done()
    may_end.set()
    await asyncio.wait([working, next_one])

    assert working.cancelled()
    assert ended == ["slow", "next"]


async def test_closing_twice_is_harmless(project: SyncedProject) -> None:
    await project.put(chain(1))
    history = await opened(project)
    await history.close()
    await history.close()


async def test_fields_that_a_record_lacks_are_none(project: SyncedProject) -> None:
    record = await RecordReader.open(project.client, PROJECT, "never.txt")

    assert await record.get("users") is None
    await record.close()
