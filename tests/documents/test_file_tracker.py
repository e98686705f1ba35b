from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.room_ids import RoomId
from cocalc_jupyter_ext.documents.storage import FileVersion

from ..support.documents import TEXT_ID, open_world


async def test_a_document_follows_its_file_to_another_path(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        world.storage.move("a.txt", "b.txt")
        with document.edit():
            document.ydoc.ydoc["source"].insert(5, "!")

        await document.save()

        assert document.path == document.ydoc.path == "b.txt"
        assert world.storage.files["b.txt"] == "hello!"
        assert "a.txt" not in world.storage.files
        assert world.file_ids.get_path(TEXT_ID.file_id) == "b.txt"


async def test_a_document_does_not_follow_its_file_to_where_another_document_is(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        world.file_ids.paths["t2"] = "b.txt"
        world.storage.move("a.txt", "b.txt")
        other = await world.registry.open(RoomId("text", "file", "t2"))

        await document.file.check_file()

        assert (document.path, other.path) == ("a.txt", "b.txt")
        assert "was deleted" in str(document.ydoc.ystate["file_problem"])


async def test_a_file_that_is_gone_is_searched_for_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        del world.storage.files["a.txt"]
        await document.file.check_file()
        world.storage.files["late.txt"] = "hello"
        world.storage._versions["late.txt"] = world.storage._versions["a.txt"]

        await document.file.check_file()

        assert document.path == "a.txt"


async def test_a_file_is_taken_when_another_program_has_written_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        pieces = ["hel", "hello one", "hello one two"]
        stat = world.storage.stat

        async def stat_while_it_is_written(path: str) -> FileVersion | None:
            if pieces:
                world.storage.write(path, pieces.pop(0))
            return await stat(path)

        world.storage.write("a.txt", "")
        monkeypatch.setattr(world.storage, "stat", stat_while_it_is_written)
        with document.edit():
            document.ydoc.ydoc["source"].insert(0, "typed ")

        await document.save()

        assert document.ydoc.get() == world.storage.files["a.txt"] == "typed hello one two"


async def test_a_file_that_another_program_never_stops_writing_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        stat = world.storage.stat

        async def stat_while_it_is_written(path: str) -> FileVersion | None:
            world.storage.write(path, world.storage.files[path] + ".")
            return await stat(path)

        monkeypatch.setattr(world.storage, "stat", stat_while_it_is_written)

        await document.file.check_file()

        assert document.ydoc.get().startswith("hello..........")


async def test_a_touched_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        version = world.storage.version
        asked = 0

        async def counted(path: str) -> FileVersion | None:
            nonlocal asked
            asked += 1
            return await version(path)

        monkeypatch.setattr(world.storage, "version", counted)
        world.storage.write("a.txt", "hello")

        for _ in range(3):
            await document.file.check_file()

        assert asked == 1
