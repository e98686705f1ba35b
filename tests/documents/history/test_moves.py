"""Which histories follow a rename (SPEC H11; syncdoc-jupyter §3.1)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.history.listing import ensure_listed
from cocalc_jupyter_ext.documents.history.moves import (
    HistoryMoves,
    file_path,
    moved_path,
    renamed,
)

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


def nothing_open(_path: str) -> bool:
    return False


async def listed(project: SyncedProject, *paths: str) -> None:
    """Write a text at each path, and list it at once."""
    for path in paths:
        await project.write(f"text of {path}", path=path)
        await ensure_listed(project.client, PROJECT, path)


async def has_history(project: SyncedProject, path: str) -> bool:
    return await project.service.is_listed(path)


def test_a_synced_notebook_is_that_of_its_file() -> None:
    assert file_path("dir/.a.ipynb.sage-jupyter2") == "dir/a.ipynb"
    assert file_path("dir/.a.txt.sage-chat") == "dir/.a.txt.sage-chat"
    assert file_path("a.py") == "a.py"


def test_a_file_moves_with_its_folders() -> None:
    assert moved_path("dir/a.py", "dir/a.py", "b.py") == "b.py"
    assert moved_path("dir/sub/a.py", "dir", "new/dir") == "new/dir/sub/a.py"
    assert moved_path("dirt/a.py", "dir", "new") is None


def test_a_document_that_becomes_another_kind_has_no_path() -> None:
    assert renamed(".a.ipynb.sage-jupyter2", "b.ipynb") == ".b.ipynb.sage-jupyter2"
    assert renamed(".a.ipynb.sage-jupyter2", "b.txt") is None
    assert renamed("a.txt", "b.ipynb") is None
    assert renamed("a.txt", "b.md") == "b.md"


async def test_all_histories_of_a_folder_follow_it(project: SyncedProject) -> None:
    await listed(project, "dir/a.txt", "dir/sub/b.txt", "dirt.txt")
    moves = HistoryMoves(project.client, PROJECT)

    await moves.follow("dir", "new", nothing_open)

    assert await has_history(project, "new/a.txt")
    assert await has_history(project, "new/sub/b.txt")
    assert await has_history(project, "dirt.txt")
    assert not await has_history(project, "dir/a.txt")


async def test_what_is_open_is_left_to_who_has_it_open(project: SyncedProject) -> None:
    await listed(project, "a.txt")
    moves = HistoryMoves(project.client, PROJECT)

    await moves.follow("a.txt", "b.txt", {"a.txt"}.__contains__)
    assert await has_history(project, "a.txt")
    await moves.move("a.txt", "b.txt")

    assert await has_history(project, "b.txt")
    await moves.settled()
