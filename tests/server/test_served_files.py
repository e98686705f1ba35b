"""The project's files, as CoCalc clients open them (syncdoc-jupyter §1.14, §1.21)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.bridge.open_entries import ServedFile
from cocalc_jupyter_ext.documents.errors import FileUnreadableError, FileWriteError
from cocalc_jupyter_ext.documents.syncdoc.records import RecordSchema
from cocalc_jupyter_ext.server.path_rooms import PathRooms
from cocalc_jupyter_ext.server.served_files import (
    MAX_NOTEBOOK_BYTES,
    MAX_TEXT_BYTES,
    ServedFiles,
)

from ..support.documents import TEXT_ID, DocumentWorld, MemoryStorage, open_world
from ..support.notebooks import notebook

TEXT = ServedFile("a.txt", "a.txt", is_notebook=False)
NEW_TEXT = ServedFile("new.txt", "new.txt", is_notebook=False)
NOTEBOOK = ServedFile(".a.ipynb.sage-jupyter2", "a.ipynb", is_notebook=True)


class FolderStorage(MemoryStorage):
    """Files in memory, in the folders that the test names."""

    def __init__(self) -> None:
        super().__init__()
        self.folders = {"", "sub"}
        self.sizes: dict[str, int] = {}
        self.write("a.txt", "hello")
        self.write("a.ipynb", notebook("1 + 1"))

    async def folder_exists(self, path: str) -> bool:
        """Say what the test says."""
        return path in self.folders

    async def size_bytes(self, path: str) -> int | None:
        """Say what the test says."""
        return self.sizes.get(path, 1) if path in self.files else None


@dataclass
class Project:
    """Files, documents, and what the patches of each file hold."""

    documents: DocumentWorld
    storage: FolderStorage
    contents: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, RecordSchema] = field(default_factory=dict)

    @property
    def files(self) -> ServedFiles:
        paths = PathRooms(self.documents.registry, self.documents.file_ids)
        return ServedFiles(
            self.documents.registry, paths, self.storage, self._content_of, self._expect
        )

    async def _expect(self, path: str, schema: RecordSchema) -> None:
        self.expected[path] = schema

    async def _content_of(self, file: ServedFile) -> Any:
        return self.contents.get(file.path, "")


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    storage = FolderStorage()
    async with open_world(tmp_path, storage) as documents:
        yield Project(documents, storage)


@pytest.mark.parametrize("file", [TEXT, NOTEBOOK])
async def test_a_file_is_opened_and_held_as_the_document_that_pages_have(
    project: Project, file: ServedFile
) -> None:
    hold = await project.files.open(file)

    kind = ("json", "notebook") if file.is_notebook else ("text", "file")
    document = project.documents.registry.find(file.path, file_format=kind[0], file_type=kind[1])
    assert document is not None
    assert document.held
    hold.release()
    assert not document.held


async def test_a_file_that_does_not_exist_is_made_from_its_history(project: Project) -> None:
    project.contents["new.txt"] = "what was here before"

    hold = await project.files.open(NEW_TEXT)

    assert project.storage.files["new.txt"] == "what was here before"
    assert await project.files.exists("new.txt")
    hold.release()


async def test_a_file_that_comes_while_its_history_is_read_is_left_as_it_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def content_of(self: Project, file: ServedFile) -> str:
        self.storage.write(file.path, "by another program")
        return "from the history"

    monkeypatch.setattr(Project, "_content_of", content_of)

    hold = await project.files.open(NEW_TEXT)

    assert project.storage.files["new.txt"] == "by another program"
    hold.release()


async def test_no_folder_is_made_for_a_new_file(project: Project) -> None:
    file = ServedFile("nowhere/new.txt", "nowhere/new.txt", is_notebook=False)

    with pytest.raises(FileWriteError, match="its folder does not exist"):
        await project.files.open(file)

    assert not await project.files.exists("nowhere/new.txt")
    project.documents.file_ids.paths["n1"] = "sub/new.txt"
    nested = ServedFile("sub/new.txt", "sub/new.txt", is_notebook=False)
    (await project.files.open(nested)).release()
    assert project.storage.files["sub/new.txt"] == ""


async def test_a_removed_file_that_is_still_open_is_written_again(project: Project) -> None:
    document, page = await project.documents.registry.acquire(TEXT_ID, "a page")
    del project.storage.files["a.txt"]

    hold = await project.files.open(TEXT)

    assert project.storage.files["a.txt"] == "hello"
    assert document.held
    hold.release()
    page.release()


@pytest.mark.parametrize(
    ("file", "limit"), [(TEXT, MAX_TEXT_BYTES), (NOTEBOOK, MAX_NOTEBOOK_BYTES)]
)
async def test_a_file_that_clients_cannot_take_is_refused(
    project: Project, file: ServedFile, limit: int
) -> None:
    project.storage.sizes[file.path] = limit + 1
    with pytest.raises(FileUnreadableError, match="too large"):
        await project.files.open(file)

    project.storage.sizes[file.path] = limit

    (await project.files.open(file)).release()


async def test_of_records_it_is_told_which_before_the_file_is_opened(project: Project) -> None:
    schema = RecordSchema(("task_id",), frozenset({"desc"}))

    with await project.files.open(ServedFile("a.txt", "a.txt", False, schema)):
        assert project.expected == {"a.txt": schema}
