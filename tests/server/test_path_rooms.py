from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.errors import FileMissingError, InvalidRoomIdError
from cocalc_jupyter_ext.server.path_rooms import PathRooms

from ..support.documents import NOTEBOOK_ID, open_world


async def test_every_spelling_of_a_path_names_the_same_room(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        rooms = PathRooms(world.registry, world.file_ids)

        for path in ("a.ipynb", "/a.ipynb", "x/../a.ipynb"):
            assert rooms.is_known(path)
            assert rooms.room_of(path, file_format="json", file_type="notebook") == NOTEBOOK_ID


async def test_a_file_without_an_id_gets_one(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        rooms = PathRooms(world.registry, world.file_ids)

        assert not rooms.is_known("new.txt")
        room_id = rooms.room_of("new.txt", file_format="text", file_type="file")

        assert world.file_ids.get_path(room_id.file_id) == "new.txt"


async def test_an_open_document_keeps_its_room_when_its_id_is_lost(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        rooms = PathRooms(world.registry, world.file_ids)
        await world.registry.open(NOTEBOOK_ID)
        del world.file_ids.paths[NOTEBOOK_ID.file_id]

        assert rooms.room_of("a.ipynb", file_format="json", file_type="notebook") == NOTEBOOK_ID


async def test_what_is_no_document_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        rooms = PathRooms(world.registry, world.file_ids)

        with pytest.raises(InvalidRoomIdError):
            rooms.room_of("a.ipynb", file_format="yaml", file_type="notebook")

        monkeypatch.setattr(world.file_ids, "index", lambda path: None)
        with pytest.raises(FileMissingError):
            rooms.room_of("gone.ipynb", file_format="json", file_type="notebook")


async def test_the_path_of_a_room_is_that_of_its_file(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        rooms = PathRooms(world.registry, world.file_ids)
        assert rooms.path_of(str(NOTEBOOK_ID)) == "a.ipynb"
        assert rooms.path_of("json:notebook:unknown") is None
        assert rooms.path_of("JupyterLab:globalAwareness") is None

        await world.registry.open(NOTEBOOK_ID)
        del world.file_ids.paths[NOTEBOOK_ID.file_id]
        assert rooms.path_of(str(NOTEBOOK_ID)) == "a.ipynb"
