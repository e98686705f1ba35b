"""A history is found under the new path, whole, and no longer under the old one (SPEC H11)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.history.listing import listed_paths
from cocalc_jupyter_ext.documents.history.moving import move_history
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot
from cocalc_jupyter_ext.documents.syncdoc.stores import open_record

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


async def move(project: SyncedProject, old: str = "a.txt", new: str = "b.txt") -> bool:
    return await move_history(project.client, PROJECT, old, new)


async def versions(project: SyncedProject, path: str) -> list[tuple[int, str | None]]:
    _shape, page = await project.service.versions(path, limit=100)
    return [(version.time, version.author) for version in reversed(page.versions)]


async def record(project: SyncedProject, path: str) -> dict[str, Any]:
    store = await open_record(project.client, PROJECT, path)
    found = dict(store.get())
    await store.close()
    return found


async def test_versions_authors_and_contents_are_at_the_new_path(project: SyncedProject) -> None:
    times = await project.write("one", "two", who="ann")
    times += await project.write("three", who="bob")

    assert await move(project)

    assert await versions(project, "b.txt") == [
        (times[0], "ann"),
        (times[1], "ann"),
        (times[2], "bob"),
    ]
    assert (await project.service.at("b.txt", times[1]))["text"] == "two"


async def test_the_record_is_that_of_the_new_path(project: SyncedProject) -> None:
    """Identity and users (syncdoc-jupyter §1.4)."""
    await project.write("one", who="ann")

    await move(project)

    moved = await record(project, "b.txt")
    assert (moved["path"], moved["string_id"]) == ("b.txt", string_id(PROJECT, "b.txt"))
    assert moved["users"] == ["ann"]


async def test_the_old_path_begins_anew(project: SyncedProject) -> None:
    await project.write("secret", who="ann")
    await move(project)

    assert await versions(project, "a.txt") == []
    text = await project.text("a.txt", "bob")
    assert text.text == ""
    await project.write("new", who="bob")

    assert [author for _, author in await versions(project, "a.txt")] == ["bob"]


async def test_a_document_goes_on_with_its_history(project: SyncedProject) -> None:
    await project.write("one", who="ann")
    await move(project)

    text = await project.text("b.txt", "bob")
    assert text.text == "one"
    text.text = "one two"
    await text.commit()

    assert len(await versions(project, "b.txt")) == 2
    assert text.document.graph.staged == []


async def test_snapshots_name_the_places_of_the_new_stream(project: SyncedProject) -> None:
    """``seq_info`` and ``last_seq`` are numbers of the stream (§1.4, §1.5)."""
    patches = [
        Patch(time=time, changes=[], user_id=0, parents=(time - 1,) if time > 1 else ())
        for time in range(1, 8)
    ]
    snapshot = Snapshot(time=6, text="at six", user_id=0, seq=8)
    await project.put([Snapshot(time=99, text="no patch", user_id=0, seq=1)])
    await project.put([*patches, snapshot], last_seq=7, last_snapshot=6)

    await move(project)

    moved = await record(project, "b.txt")
    text = await project.text("b.txt")
    assert (moved["last_seq"], moved["last_snapshot"]) == (7, 6)
    assert text.text == "at six"
    first, *_rest = await versions(project, "b.txt")
    assert first[0] == 1


async def test_a_path_with_another_history_keeps_it(project: SyncedProject) -> None:
    old = await project.write("one", path="a.txt")
    new = await project.write("other", path="b.txt")

    assert not await move(project)

    assert [time for time, _ in await versions(project, "a.txt")] == old
    assert [time for time, _ in await versions(project, "b.txt")] == new


async def test_a_move_that_was_interrupted_is_completed(project: SyncedProject) -> None:
    """What the new path has already is not doubled."""
    times = await project.write("one", "two", who="ann")
    patches = [
        Patch(time=times[0], changes=[[[[1, "one"]], 0, 0, 0, 3]], user_id=0, parents=(), version=1)
    ]
    await project.put(patches, path="b.txt")

    assert await move(project)

    assert [time for time, _ in await versions(project, "b.txt")] == times
    assert await versions(project, "a.txt") == []


async def test_users_who_are_at_the_new_path_already_keep_their_numbers(
    project: SyncedProject,
) -> None:
    times = await project.write("one", who="bob")
    store = await open_record(project.client, PROJECT, "b.txt")
    store.update({"users": ["early"]})
    await store.save()
    await store.close()

    await move(project)

    assert (await record(project, "b.txt"))["users"] == ["early", "bob"]
    assert await versions(project, "b.txt") == [(times[0], "bob")]


async def test_what_has_no_history_is_left(project: SyncedProject) -> None:
    assert not await move(project, "never.txt", "b.txt")


async def test_the_list_of_histories_has_the_new_path_only(project: SyncedProject) -> None:
    await project.write("one")
    await move(project)

    assert await listed_paths(project.client, PROJECT) == ["b.txt"]
