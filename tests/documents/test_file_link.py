import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Array, Doc

from cocalc_jupyter_ext.documents.autosave import AutosaveTimes
from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.errors import FileWriteError
from cocalc_jupyter_ext.documents.file_problems import ProblemKind
from cocalc_jupyter_ext.documents.storage import FileVersion

from ..support.documents import (
    NOTEBOOK_ID,
    STILL,
    TEXT_ID,
    MemoryStorage,
    open_world,
)
from ..support.notebooks import notebook


def type_in(document: LiveDocument, text: str) -> None:
    with document.edit():
        document.ydoc.ydoc["source"] += text


def texts(content: dict[str, Any]) -> list[str]:
    return [cell["source"] for cell in content["cells"]]


async def test_saving_writes_the_content_and_marks_the_document_clean(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        with document.edit():
            document.ydoc.dirty = True

        await document.save()

        assert world.storage.files["a.txt"] == "hello!"
        assert document.ydoc.dirty is False
        assert document.ydoc.hash == "hash of hello!"
        assert not document.file.unsaved


async def test_saving_without_an_edit_writes_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)

        await document.save()

        assert world.storage.saves == 0


async def test_it_is_told_when_the_file_has_everything(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        told: list[str] = []
        document.file.saved.connect(lambda: told.append(world.storage.files["a.txt"]))

        type_in(document, "!")
        assert told == []
        await document.save()
        world.storage.write("a.txt", "by another program")
        await document.file.check_file()

        assert told == ["hello!", "by another program"]


async def test_whether_the_file_may_be_written_is_asked_of_its_storage(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        assert not await document.file.is_read_only()

        world.storage.read_only.add("a.txt")

        assert await document.file.is_read_only()


async def test_many_saves_at_once_write_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")

        await asyncio.gather(*[document.save() for _ in range(5)])

        assert world.storage.saves == 1


async def test_an_edit_that_was_taken_back_is_not_written(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        with document.edit():
            del document.ydoc.ydoc["source"][5:6]

        await document.save()

        assert world.storage.saves == 0
        assert not document.file.unsaved


async def test_what_is_typed_while_the_file_is_written_stays_unsaved(tmp_path: Path) -> None:
    class SlowStorage(MemoryStorage):
        def __init__(self) -> None:
            super().__init__()
            self.writing, self.go_on = asyncio.Event(), asyncio.Event()

        async def save(self, path: str, content: Any, **how: Any) -> FileVersion:
            self.writing.set()
            await self.go_on.wait()
            return await super().save(path, content, **how)

    storage = SlowStorage()
    storage.write("a.txt", "hello")
    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, " one")
        saving = asyncio.create_task(document.save())
        await storage.writing.wait()
        type_in(document, " two")
        storage.go_on.set()
        await saving

        assert storage.files["a.txt"] == "hello one"
        assert document.file.unsaved
        await document.save()
        assert storage.files["a.txt"] == "hello one two"


async def test_a_document_that_cannot_be_written_is_told_and_saved_once_it_can(
    tmp_path: Path,
) -> None:
    """A buggy page can put anything into the shared types; that must not end the saving."""
    at_once = replace(STILL, autosave=AutosaveTimes(quiet_s=0.01, longest_s=0.01, retry_s=0.01))
    async with open_world(tmp_path, settings=at_once) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        page = Doc[Any]()
        page.apply_update(document.ydoc.ydoc.get_update())
        cells = page.get("cells", type=Array)
        cell_id, cells[0]["id"] = cells[0]["id"], ["no id at all"]
        document.apply(page.get_update(), origin=None, author="ann")
        async with asyncio.timeout(60):
            while not any(notice.level == "ERROR" for notice in world.notices):
                await asyncio.sleep(0.01)
        assert document.file.unsaved

        cells[0]["id"] = cell_id
        cells[0]["source"].insert(0, "0 + ")
        document.apply(page.get_update(), origin=None, author="ann")
        async with asyncio.timeout(60):
            while document.file.unsaved:
                await asyncio.sleep(0.01)

        assert texts(world.storage.files["a.ipynb"]) == ["0 + 1 + 1", "2 + 2"]
        assert len([notice for notice in world.notices if notice.level == "ERROR"]) == 1


async def test_a_full_disk_is_told_once_and_loses_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        world.storage.full_disk = True

        with pytest.raises(FileWriteError, match="no space left"):
            await document.save()
        for _ in range(3):
            assert not await document.file._attempt(document.file.save, ProblemKind.SAVING)
        assert [n.level for n in world.notices].count("ERROR") == 1

        world.storage.full_disk = False
        await document.save()
        assert world.storage.files["a.txt"] == "hello!"


async def test_the_file_is_written_after_the_quiet(tmp_path: Path) -> None:
    settings = replace(STILL, autosave=AutosaveTimes(quiet_s=0.01, longest_s=1))
    async with open_world(tmp_path, settings=settings) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        async with asyncio.timeout(60):
            while document.file.unsaved:
                await asyncio.sleep(0.005)

        assert world.storage.files["a.txt"] == "hello!"


async def test_a_false_dirty_mark_is_taken_back_without_writing(tmp_path: Path) -> None:
    settings = replace(STILL, autosave=AutosaveTimes(quiet_s=0.01, longest_s=1))
    async with open_world(tmp_path, settings=settings) as world:
        document = await world.registry.open(TEXT_ID)
        with document.edit():
            document.ydoc.dirty = True
        async with asyncio.timeout(60):
            while document.ydoc.dirty:
                await asyncio.sleep(0.005)

        assert world.storage.saves == 0


async def test_a_change_by_another_program_is_taken(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        world.storage.write("a.ipynb", notebook("1 + 1", "from git"))

        await document.file.check_file()

        assert texts(document.ydoc.get()) == ["1 + 1", "from git"]
        assert not document.file.unsaved
        assert world.notices[-1].action == "overwrite"
        await document.file.check_file()
        assert world.storage.saves == 0


async def test_cells_that_another_program_numbered_anew_stay_the_same_cells_syncdoc_7_1(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        world.storage.write("a.ipynb", notebook("one", "two"))
        document = await world.registry.open(NOTEBOOK_ID)
        taken: list[list[str]] = []
        document.file.taken.connect(lambda: taken.append(texts(document.ydoc.get())))
        source = document.ydoc.ycells[0]["source"]
        rewritten = notebook("one", "TWO", "three")
        for number, cell in enumerate(rewritten["cells"]):
            cell["id"] = f"new{number}"

        world.storage.write("a.ipynb", rewritten)
        await document.file.check_file()
        with document.edit():
            source += ", typed"
        rewritten["cells"][1]["source"] = "two again"
        world.storage.write("a.ipynb", rewritten)
        await document.file.check_file()

        ids = [cell["id"] for cell in world.storage.files["a.ipynb"]["cells"]]
        assert ids == ["c0", "c1", "new2"]
        assert texts(world.storage.files["a.ipynb"]) == ["one, typed", "two again", "three"]
        assert taken == [["one", "TWO", "three"], ["one, typed", "two again", "three"]]
        assert "a.ipynb.copy" not in world.storage.files


async def test_a_touched_file_with_the_same_bytes_is_no_change(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        world.storage.write("a.txt", "hello")

        await document.file.check_file()
        await document.save()

        assert world.storage.files == {"a.txt": "hello!", "a.ipynb": world.storage.files["a.ipynb"]}


async def test_when_both_changed_the_other_version_is_kept_beside(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        world.storage.write("a.txt", "elsewhere")

        await document.file.check_file()

        assert world.storage.files["a.txt"] == "hello!"
        assert world.storage.files["a.txt.copy"] == "elsewhere"
        (warning,) = [notice for notice in world.notices if notice.level == "WARNING"]
        assert "a.txt.copy" in warning.message


async def test_changes_of_another_program_are_merged_with_unsaved_edits(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.storage.write("a.txt", "one\ntwo\nthree\n")
        document = await world.registry.open(TEXT_ID)
        type_in(document, "four\n")
        world.storage.write("a.txt", "ONE\ntwo\nthree\n")

        await document.file.check_file()

        assert str(document.ydoc.ydoc["source"]) == "ONE\ntwo\nthree\nfour\n"
        assert world.storage.files["a.txt"] == "ONE\ntwo\nthree\nfour\n"
        assert "a.txt.copy" not in world.storage.files
        assert not document.file.unsaved


async def test_cells_of_another_program_are_merged_and_others_stay_untouched(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        first, second = document.ydoc.ycells[0], document.ydoc.ycells[1]
        with document.edit():
            first["source"].insert(0, "# mine\n")
        theirs = notebook("1 + 1", "2 + 2 + 2", "3 + 3")
        world.storage.write("a.ipynb", theirs)

        await document.save()

        wanted = ["# mine\n1 + 1", "2 + 2 + 2", "3 + 3"]
        assert texts(world.storage.files["a.ipynb"]) == wanted
        assert texts(document.ydoc.get()) == wanted
        assert str(first["source"]) == "# mine\n1 + 1"
        assert str(second["source"]) == "2 + 2 + 2"
        assert "a.ipynb.copy" not in world.storage.files


async def test_a_conflict_in_one_cell_merges_the_others_and_keeps_the_other_version(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        with document.edit():
            document.ydoc.ycells[0]["source"].insert(0, "mine")
        theirs = notebook("theirs1 + 1", "changed")
        world.storage.write("a.ipynb", theirs)

        await document.save()

        assert texts(world.storage.files["a.ipynb"]) == ["mine1 + 1", "changed"]
        assert texts(world.storage.files["a.ipynb.copy"]) == ["theirs1 + 1", "changed"]


async def test_without_a_common_version_the_other_one_is_kept_beside(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        document.file._agreed = None
        world.storage.write("a.txt", "HELLO")

        await document.save()

        assert world.storage.files["a.txt"] == "hello!"
        assert world.storage.files["a.txt.copy"] == "HELLO"


@pytest.mark.parametrize(
    "content", [MemoryStorage.UNREADABLE, {"cells": [{"id": "c0"}], "metadata": {}}]
)
async def test_an_unreadable_version_is_told_once_and_kept_at_the_next_edit(
    tmp_path: Path, content: object
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        world.storage.write("a.ipynb", content)

        await document.file.check_file()
        await document.file.check_file()
        assert [notice.level for notice in world.notices].count("WARNING") == 1
        assert texts(document.ydoc.get()) == ["1 + 1", "2 + 2"]
        with document.edit():
            document.ydoc.ycells[0]["source"].insert(0, "!")
        await document.save()

        assert texts(world.storage.files["a.ipynb"]) == ["!1 + 1", "2 + 2"]
        assert "a.ipynb.copy" in world.storage.files


async def test_a_deleted_file_is_written_by_an_edit_or_a_wish_only(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        del world.storage.files["a.txt"]

        await document.file.check_file()
        await document.file.check_file()
        await document.file._save_edits()
        assert "a.txt" not in world.storage.files
        assert sum("was deleted" in notice.message for notice in world.notices) == 1

        await document.save()
        assert world.storage.files["a.txt"] == "hello"


async def test_a_file_on_its_way_to_another_path_is_no_deleted_file(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        files = world.storage.files
        files["b.txt"] = files.pop("a.txt")
        world.storage._versions["b.txt"] = world.storage._versions["a.txt"]

        saving = asyncio.create_task(document.save())
        await asyncio.sleep(0.02)  # the news of a rename come a moment after it
        world.registry.follow_rename("a.txt", "b.txt")
        await saving

        assert files["b.txt"] == "hello!"
        assert "a.txt" not in files


async def test_edits_that_no_file_has_are_found_when_the_log_is_opened(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        document.file.autosave_wanted = lambda: False
        storage = world.storage
    assert storage.files["a.txt"] == "hello"

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(TEXT_ID)

        assert document.ydoc.get() == "hello!"
        assert document.file.unsaved


@pytest.mark.parametrize("more", ["", " and more"])
async def test_a_file_written_just_before_a_crash_is_known_as_our_own(
    tmp_path: Path, more: str
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        type_in(document, "!")
        rendered = await document.file._content.render()
        await document.file._put_meta(document.file.meta.begun(rendered.digest))
        type_in(document, more)
        document.file.autosave_wanted = lambda: False
        storage = world.storage
    storage.write("a.txt", "hello!")

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(TEXT_ID)
        await document.save()

        assert storage.files["a.txt"] == f"hello!{more}"
        assert "a.txt.copy" not in storage.files


async def test_a_file_torn_by_a_crash_is_written_again(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        with document.edit():
            document.ydoc.ycells[0]["source"].insert(0, "!")
        rendered = await document.file._content.render()
        await document.file._put_meta(document.file.meta.begun(rendered.digest))
        document.file.autosave_wanted = lambda: False
        storage = world.storage
    storage.write("a.ipynb", MemoryStorage.UNREADABLE)

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        await document.save()

        assert texts(storage.files["a.ipynb"]) == ["!1 + 1", "2 + 2"]
        assert "a.ipynb.copy" not in storage.files
