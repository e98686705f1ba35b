"""The histories of a project: listed, shown, compared, blamed, restored."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.messages import Inventory
from cocalc_jupyter_ext.conat.sync.opening import open_inventory
from cocalc_jupyter_ext.documents.history.errors import NoCells, NoHistory, NoSuchVersion
from cocalc_jupyter_ext.documents.history.service import synced_path
from cocalc_jupyter_ext.documents.history.stream_history import StreamHistory
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project

NOTEBOOK = "a.ipynb"
Open = dict[str, SyncDocument[Any]]


@pytest.fixture
def open_documents() -> Open:
    """Hold what is open in the project's process, by synced path."""
    return {}


@pytest.fixture
async def project(tmp_path: Path, open_documents: Open) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path, open_documents.get) as project:
        yield project


async def newest_text(project: SyncedProject) -> str:
    """Return the newest version of the text."""
    _shape, page = await project.service.versions("a.txt", limit=1)
    shown = await project.service.at("a.txt", page.versions[0].time)
    return str(shown["text"])


def test_a_notebook_is_found_by_its_file() -> None:
    assert synced_path("dir/a.ipynb") == "dir/.a.ipynb.sage-jupyter2"
    assert synced_path("dir/a.py") == "dir/a.py"


async def test_versions_are_listed_with_their_authors(project: SyncedProject) -> None:
    times = await project.write("one", "two", who="ann")
    times += await project.write("three", who="bob")

    _shape, page = await project.service.versions("a.txt", limit=10)

    assert [version.time for version in page.versions] == times[::-1]
    assert [version.author for version in page.versions] == ["bob", "ann", "ann"]
    assert not page.has_more


async def test_older_versions_are_loaded_when_the_list_gets_there(project: SyncedProject) -> None:
    patches = [
        Patch(time=time, changes=[], user_id=0, parents=(time - 1,) if time > 1 else ())
        for time in range(1, 11)
    ]
    snapshot = Snapshot(time=6, text="", user_id=0, seq=6)
    await project.put([*patches, snapshot], last_seq=6, last_snapshot=6)

    _shape, first = await project.service.versions("a.txt", limit=3)
    _shape, second = await project.service.versions("a.txt", before=8, limit=3)
    _shape, third = await project.service.versions("a.txt", before=5, limit=10)

    assert [version.time for version in first.versions] == [10, 9, 8]
    assert (first.has_more, second.has_more, third.has_more) == (True, True, False)
    assert [version.time for version in second.versions] == [7, 6, 5]
    assert [version.time for version in third.versions] == [4, 3, 2, 1]


async def test_a_version_is_shown_as_it_was(project: SyncedProject) -> None:
    first, _second = await project.write("one", "two")

    shown = await project.service.at("a.txt", first)

    assert (shown["type"], shown["text"], shown["author"]) == ("text", "one", "ann")


async def test_a_version_before_the_newest_snapshot_is_shown(project: SyncedProject) -> None:
    first, second = await project.write("one", "two")
    await project.put(
        [Snapshot(time=second, text="two", user_id=0, seq=2)], last_seq=2, last_snapshot=second
    )

    assert (await project.service.at("a.txt", first))["text"] == "one"


async def test_two_versions_are_compared_either_way(project: SyncedProject) -> None:
    first, second = await project.write("a\nb\n", "a\nB\n")

    forth = await project.service.diff("a.txt", first, second)
    back = await project.service.diff("a.txt", second, first)

    assert forth["hunks"][0]["lines"] == [["=", "a\n"], ["-", "b\n"], ["+", "B\n"]]
    assert back["hunks"][0]["lines"] == [["=", "a\n"], ["-", "B\n"], ["+", "b\n"]]


async def test_lines_are_blamed_on_their_authors(project: SyncedProject) -> None:
    first = (await project.write("a\nb\n", who="ann"))[0]
    second = (await project.write("a\nB\n", who="bob"))[0]

    _shape, passages, entries = await project.service.blame("a.txt")

    assert [each.version for each in passages[""]] == [first, second]
    assert {entry.author for entry in entries.values()} == {"ann", "bob"}


@pytest.mark.parametrize("path", ["never.txt", "never.ipynb"])
async def test_a_file_without_history_is_told_so(project: SyncedProject, path: str) -> None:
    service = project.service
    for asking in (
        service.versions(path, limit=1),
        service.at(path, 1),
        service.diff(path, 1, 2),
        service.blame(path),
        service.restore(path, 1),
    ):
        with pytest.raises(NoHistory, match=path):
            await asking
    assert await service.raw(path) == {"patches": [], "info": {}}


async def test_an_unknown_version_is_told_so(project: SyncedProject) -> None:
    (known,) = await project.write("one")
    service = project.service
    for asking in (
        service.at("a.txt", 7),
        service.diff("a.txt", known, 7),
        service.diff("a.txt", 7, known),
        service.restore("a.txt", 7),
    ):
        with pytest.raises(NoSuchVersion, match=r"a\.txt has no version 7"):
            await asking


async def test_restoring_a_document_that_is_not_open_makes_a_version(
    project: SyncedProject,
) -> None:
    first, second = await project.write("one", "two")

    restored = await project.service.restore("a.txt", first, author="bob")

    assert restored is not None
    assert restored.author == "bob"
    assert restored.time > second
    assert await newest_text(project) == "one"
    assert (await project.service.at("a.txt", second))["text"] == "two"


async def test_restoring_in_nobodys_name_is_the_projects_doing(project: SyncedProject) -> None:
    first, _second = await project.write("one", "two")

    restored = await project.service.restore("a.txt", first)

    assert restored is not None
    assert restored.author == PROJECT


async def test_who_has_restored_finds_the_new_version_in_the_list(
    project: SyncedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second = await project.write("one", "two")
    waited_for: list[int] = []
    wait_for = StreamHistory.wait_for

    async def watched(history: StreamHistory, time: int) -> None:
        await wait_for(history, time)
        waited_for.append(time)

    monkeypatch.setattr(StreamHistory, "wait_for", watched)
    restored = await project.service.restore("a.txt", first)

    assert restored is not None
    assert waited_for == [restored.time]


async def test_restoring_what_is_there_already_makes_no_version(project: SyncedProject) -> None:
    _first, second = await project.write("one", "two")

    assert await project.service.restore("a.txt", second) is None


async def test_participants_see_what_was_restored(project: SyncedProject) -> None:
    first, _second = await project.write("one", "two")
    document = await project.text(who="bob")
    seen = asyncio.Event()
    document.on_change(lambda _text: seen.set())

    await project.service.restore("a.txt", first, author="ann")

    await asyncio.wait_for(seen.wait(), 60)
    assert document.text == "one"


async def test_an_open_document_is_restored_in_place(
    project: SyncedProject, open_documents: Open
) -> None:
    first, _second = await project.write("one", "two")
    document = (await project.text(who=PROJECT)).document
    open_documents["a.txt"] = document
    shown: list[tuple[str, str]] = []
    document.changes.connect(lambda before: shown.append((before, document.value)))

    restored = await project.service.restore("a.txt", first, author="bob")

    assert shown == [("two", "one")]
    assert restored is not None
    assert document.graph.heads == [restored.time]
    assert not document.has_uncommitted_changes


async def test_what_is_being_typed_is_a_version_before_the_restored_one(
    project: SyncedProject, open_documents: Open
) -> None:
    first, _second = await project.write("one", "two")
    document = (await project.text(who=PROJECT)).document
    open_documents["a.txt"] = document

    def type_once() -> None:
        stop_typing()
        document.replace("two, and typing")

    stop_typing = document.before_change.connect(type_once)

    restored = await project.service.restore("a.txt", first)

    assert restored is not None
    _shape, page = await project.service.versions("a.txt", limit=2)
    shown = await project.service.at("a.txt", page.versions[1].time)
    assert shown["text"] == "two, and typing"


async def test_what_is_being_typed_is_listed_and_blamed(
    project: SyncedProject, open_documents: Open
) -> None:
    await project.write("one", "two")
    await project.service.versions("a.txt", limit=1)  # so that the history is loaded already
    document = (await project.text(who=PROJECT)).document
    open_documents["a.txt"] = document
    document.before_change.connect(lambda: document.replace("two, and typing"))

    _shape, page = await project.service.versions("a.txt", limit=1)
    shown = await project.service.at("a.txt", page.versions[0].time)
    _shape, passages, _entries = await project.service.blame("a.txt")

    assert shown["text"] == "two, and typing"
    assert [passage.version for passage in passages[""]] == [page.versions[0].time]


async def test_a_document_that_was_just_closed_is_opened(
    project: SyncedProject, open_documents: Open
) -> None:
    first, _second = await project.write("one", "two")
    text = await project.text(who=PROJECT)
    await text.close()
    open_documents["a.txt"] = text.document

    await project.service.restore("a.txt", first)

    assert await newest_text(project) == "one"


async def test_cells_of_a_notebook_are_restored(project: SyncedProject) -> None:
    notebook = await project.notebook(who="ann")
    notebook.set({"type": "cell", "id": "a", "pos": 0, "input": "a old"})
    notebook.set({"type": "cell", "id": "b", "pos": 1, "input": "b old"})
    await notebook.commit()
    first = notebook.document.graph.newest_time
    notebook.delete({"type": "cell", "id": "a"})
    notebook.set({"type": "cell", "id": "b", "input": "b new"})
    await notebook.commit()
    second = notebook.document.graph.newest_time

    restored = await project.service.restore(NOTEBOOK, first, cells=["a"], author="bob")
    assert restored is not None
    shown = await project.service.at(NOTEBOOK, restored.time)
    changed = await project.service.diff(NOTEBOOK, second, restored.time)

    assert [each["source"] for each in shown["notebook"]["cells"]] == ["a old", "b new"]
    assert [(each["id"], each["status"]) for each in changed["cells"]] == [("a", "added")]
    _shape, passages, entries = await project.service.blame(NOTEBOOK)
    assert {key: entries[lines[0].version].author for key, lines in passages.items()} == {
        "a": "bob",
        "b": "ann",
    }


async def test_a_text_has_no_cells_to_restore(project: SyncedProject) -> None:
    first, _second = await project.write("one", "two")

    with pytest.raises(NoCells):
        await project.service.restore("a.txt", first, cells=["a"])


async def test_the_raw_history_is_that_of_the_stream(project: SyncedProject) -> None:
    times = await project.write("one", "two", "three")

    whole = await project.service.raw("a.txt")
    part = await project.service.raw("a.txt", start_seq=2, end_seq=2)

    assert [message["seq"] for message in whole["patches"]] == [1, 2, 3]
    assert [message["mesg"]["time"] for message in whole["patches"]] == times
    assert whole["patches"][0]["mesg"]["patch"] == '[[[[1,"one"]],0,0,0,3]]'
    assert [message["seq"] for message in part["patches"]] == [2]
    assert whole["info"]["users"] == ["ann"]
    assert whole["info"]["path"] == "a.txt"


async def test_only_what_the_inventory_lists_is_known_without_reading_it(
    project: SyncedProject, tmp_path: Path
) -> None:
    name = f"patches:{string_id(PROJECT, '.a.ipynb.sage-jupyter2')}"
    async with await open_inventory(project.client, project_id=PROJECT) as stores:
        stores.set(name, "stream", Inventory(bytes=0, count=0, seq=0), now_ms=0)
        await stores.save()

    assert await project.service.is_listed("a.ipynb")
    assert not await project.service.is_listed("never.ipynb")
    assert not list(tmp_path.rglob("patches*"))


def ten_thousand_versions() -> list[Patch]:
    return [
        Patch(
            time=1_700_000_000_000 + number,
            changes=[[[[1, f"line {number}\n"]], 0, 0, 0, len(f"line {number}\n")]],
            user_id=0,
            parents=(1_700_000_000_000 + number - 1,) if number else (),
            version=number + 1,
        )
        for number in range(10_000)
    ]


@pytest.mark.parametrize("has_snapshot", [True, False], ids=["snapshot", "none"])
async def test_ten_thousand_versions_are_opened_quickly(
    project: SyncedProject, has_snapshot: bool
) -> None:
    patches = ten_thousand_versions()
    seq = 9_600
    text = "".join(f"line {number}\n" for number in range(seq - 1, -1, -1))
    snapshot = Snapshot(time=patches[seq - 1].time, text=text, user_id=0, seq=seq)
    if has_snapshot:
        await project.put([*patches, snapshot], last_seq=seq, last_snapshot=snapshot.time)
    else:
        await project.put(patches)

    begin = time.perf_counter()
    _shape, page = await project.service.versions("a.txt", limit=100)
    first_s = time.perf_counter() - begin
    shown = await project.service.at("a.txt", page.versions[0].time)
    shown_s = time.perf_counter() - begin - first_s
    _shape, whole = await project.service.versions("a.txt", limit=10_000)
    whole_s = time.perf_counter() - begin - first_s - shown_s
    print(f"first page {first_s * 1000:.0f} ms, newest {shown_s * 1000:.0f} ms, ", end="")
    print(f"all versions {whole_s * 1000:.0f} ms")

    assert len(page.versions) == 100
    assert shown["text"].startswith("line 9999\nline 9998\n")
    assert shown["text"].endswith("line 0\n")
    assert len(whole.versions) == 10_000
    assert first_s < 2
