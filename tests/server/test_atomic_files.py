"""Saving never shows a half-written file and keeps what the file is."""

import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from cocalc_jupyter_ext.server.atomic_files import AtomicFileManager, install, replaces_file


@pytest.fixture
def manager(tmp_path: Path) -> AtomicFileManager:
    return AtomicFileManager(root_dir=str(tmp_path))


def text_model(content: str) -> dict[str, str]:
    return {"type": "file", "format": "text", "content": content}


def test_a_reader_sees_the_old_content_until_the_new_one_is_complete(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    with manager.atomic_writing(str(path)) as file:
        file.write("ne")
        file.flush()
        assert path.read_text() == "old"
        file.write("w")

    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_file_and_nothing_else(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    with suppress(RuntimeError), manager.atomic_writing(str(path)) as file:
        file.write("new")
        raise RuntimeError("the disk is full")

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


async def test_saving_keeps_the_mode_and_follows_a_link(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to("real.txt")

    await manager.save(text_model("new"), "link.txt")

    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


async def test_a_new_file_gets_the_mode_that_the_user_asks_for(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        await manager.save(text_model("new"), "new.txt")
    finally:
        os.umask(before)

    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o640


async def test_both_names_of_a_hard_link_get_the_content(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("old")
    os.link(tmp_path / "one.txt", tmp_path / "two.txt")

    await manager.save(text_model("new"), "one.txt")

    assert (tmp_path / "two.txt").read_text() == "new"


async def test_a_notebook_is_written_whole(manager: AtomicFileManager, tmp_path: Path) -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

    await manager.save({"type": "notebook", "content": notebook}, "a.ipynb")

    model = await manager.get("a.ipynb")
    assert model["content"]["cells"] == []


def test_binary_content_is_written_as_it_is(tmp_path: Path) -> None:
    with replaces_file(tmp_path / "a.bin", text=False) as file:
        file.write(b"\r\n\x00")

    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\x00"


def test_the_stock_manager_is_replaced() -> None:
    server = SimpleNamespace(contents_manager_class=AsyncLargeFileManager)

    assert install(server)
    assert server.contents_manager_class is AtomicFileManager


def test_another_chosen_manager_stays() -> None:
    class Chosen(AsyncLargeFileManager):
        pass

    server = SimpleNamespace(contents_manager_class=Chosen)

    assert not install(server)
    assert server.contents_manager_class is Chosen
