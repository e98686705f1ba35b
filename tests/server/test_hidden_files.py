"""Hidden files: open for CoCalc clients, closed to pages (syncdoc-jupyter §1.13, §3.1)."""

from pathlib import Path

import pytest
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager

from cocalc_jupyter_ext.documents.errors import FileWriteError
from cocalc_jupyter_ext.server.file_storage import ContentsStorage
from cocalc_jupyter_ext.server.hidden_files import (
    HiddenFiles,
    has_hidden_name,
    is_hidden_from_pages,
)

TEXT = {"file_format": "text", "file_type": "file"}


@pytest.mark.parametrize("path", [".a.ipynb.sage-chat", "dir/.b", ".config/x/y.txt"])
def test_a_dot_before_any_name_of_a_path_hides_it(path: str) -> None:
    assert has_hidden_name(path)


@pytest.mark.parametrize("path", ["a.txt", "dir.d/b.c", ""])
def test_other_paths_are_not_hidden(path: str) -> None:
    assert not has_hidden_name(path)


async def test_a_hidden_file_is_read_and_written_where_the_manager_keeps_it(
    tmp_path: Path,
) -> None:
    manager = AsyncFileContentsManager(root_dir=str(tmp_path))
    storage = ContentsStorage(lambda: manager, hidden=HiddenFiles(lambda: manager))

    await storage.save(".a.sage-chat", "hello", **TEXT)

    assert (tmp_path / ".a.sage-chat").read_text() == "hello"
    assert (await storage.load(".a.sage-chat", **TEXT)).content == "hello"
    assert await storage.size_bytes(".a.sage-chat") == 5


async def test_without_a_manager_for_them_hidden_files_stay_out_of_reach(tmp_path: Path) -> None:
    manager = AsyncFileContentsManager(root_dir=str(tmp_path))
    with pytest.raises(FileWriteError):
        await ContentsStorage(lambda: manager).save(".a", "hello", **TEXT)


async def test_pages_are_shown_hidden_files_only_where_the_server_allows_it(tmp_path: Path) -> None:
    (tmp_path / ".a").touch()
    closed = AsyncFileContentsManager(root_dir=str(tmp_path))
    open_to_all = AsyncFileContentsManager(root_dir=str(tmp_path), allow_hidden=True)

    assert await is_hidden_from_pages(closed, ".a")
    assert not await is_hidden_from_pages(closed, "a")
    assert not await is_hidden_from_pages(open_to_all, ".a")
    assert HiddenFiles(lambda: open_to_all)() is open_to_all


def test_one_manager_is_made_for_as_long_as_the_servers_is_the_same(tmp_path: Path) -> None:
    hidden = HiddenFiles(lambda: manager)
    manager = AsyncFileContentsManager(root_dir=str(tmp_path))
    first = hidden()
    assert first is hidden()

    (tmp_path / "other").mkdir()
    manager = AsyncFileContentsManager(root_dir=str(tmp_path / "other"))
    assert hidden().root_dir == manager.root_dir != first.root_dir
