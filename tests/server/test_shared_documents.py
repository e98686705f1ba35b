import base64
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.errors import InvalidRoomIdError
from cocalc_jupyter_ext.server.path_rooms import PathRooms
from cocalc_jupyter_ext.server.shared_documents import SharedDocuments

from ..support.documents import NOTEBOOK_ID, TEXT_ID, MemoryStorage, open_world
from ..support.notebooks import notebook

PATH = {"path": "a.ipynb", "content_type": "notebook", "file_format": "json"}


async def test_a_document_that_is_not_open_is_none_unless_it_is_to_be_opened(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        shared = SharedDocuments(world.registry, PathRooms(world.registry, world.file_ids))

        assert await shared.get_document(**PATH) is None
        assert await shared.get_document(room_id=str(NOTEBOOK_ID)) is None
        opened = await shared.get_document(**PATH, create=True, copy=False)

        document = world.registry.get(NOTEBOOK_ID)
        assert document is not None
        assert opened is document.ydoc
        assert await shared.get_document(**PATH, copy=False) is opened
        assert await shared.get_document(room_id=str(NOTEBOOK_ID), copy=False) is opened


async def test_a_copy_changes_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shared = SharedDocuments(world.registry, PathRooms(world.registry, world.file_ids))

        copy = await shared.get_document(room_id=str(TEXT_ID), create=True)
        copy.set("changed")

        document = world.registry.get(TEXT_ID)
        assert document is not None
        assert document.ydoc.get() == "hello"
        assert type(copy) is type(document.ydoc)


@pytest.mark.parametrize("copy", [True, False])
async def test_other_extensions_get_complete_notebooks(tmp_path: Path, copy: bool) -> None:
    """Large outputs are outside of the shared types (SPEC O3)."""
    storage = MemoryStorage()
    content = notebook("1")
    picture = base64.b64encode(b"x" * 10_000).decode()
    shown = {"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}}
    content["cells"][0]["outputs"] = [shown]
    storage.write("a.ipynb", content)
    async with open_world(tmp_path, storage) as world:
        shared = SharedDocuments(world.registry, PathRooms(world.registry, world.file_ids))

        document = await shared.get_document(**PATH, create=True, copy=copy)

        assert document.get()["cells"][0]["outputs"] == [shown]
        assert document.get_cell(0)["outputs"] == [shown]
        assert picture not in str(document.ycells.to_py())


async def test_too_little_to_go_by_is_refused(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shared = SharedDocuments(world.registry, PathRooms(world.registry, world.file_ids))

        with pytest.raises(ValueError, match="room_id, or path"):
            await shared.get_document(path="a.ipynb")
        with pytest.raises(InvalidRoomIdError):
            await shared.get_document(room_id="nonsense")


@pytest.mark.parametrize("name", ["ywebsocket_server", "ystore_class", "file_loaders"])
async def test_what_only_the_stock_server_has_is_told_to_be_missing(
    tmp_path: Path, name: str
) -> None:
    async with open_world(tmp_path) as world:
        shared = SharedDocuments(world.registry, PathRooms(world.registry, world.file_ids))

        assert not hasattr(shared, name)
        with pytest.raises(AttributeError, match="use get_document"):
            getattr(shared, name)
