import json
import os
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager
from jupyter_server.services.contents.largefilemanager import LargeFileManager

from cocalc_jupyter_ext.documents.errors import (
    FileMissingError,
    FileTooLargeError,
    FileUnreadableError,
    FileWriteError,
)
from cocalc_jupyter_ext.server.file_storage import ContentsStorage

from ..support.notebooks import notebook, write_notebook

TEXT = {"file_format": "text", "file_type": "file"}
NOTEBOOK = {"file_format": "json", "file_type": "notebook"}


@pytest.fixture(params=[AsyncFileContentsManager, LargeFileManager])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ContentsStorage:
    manager = request.param(root_dir=str(tmp_path))
    return ContentsStorage(lambda: manager, wall_clock=lambda: 0)


async def test_a_text_comes_back_with_its_version(storage: ContentsStorage, tmp_path: Path) -> None:
    saved = await storage.save("a.txt", "é\n", **TEXT)
    loaded = await storage.load("a.txt", **TEXT)

    assert (tmp_path / "a.txt").read_text() == "é\n"
    assert loaded.content == "é\n"
    assert loaded.version == saved == await storage.version("a.txt")
    assert saved.hash
    assert (await storage.stat("a.txt")) is not None


async def test_a_notebook_is_written_valid(storage: ContentsStorage, tmp_path: Path) -> None:
    await storage.save("a.ipynb", notebook("1"), **NOTEBOOK)

    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))
    loaded = await storage.load("a.ipynb", **NOTEBOOK)
    assert loaded.content["cells"][0]["source"] == "1"


async def test_bytes_come_back(storage: ContentsStorage, tmp_path: Path) -> None:
    await storage.save("a.bin", b"\x00\xff", file_format="base64", file_type="blob")

    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"
    loaded = await storage.load("a.bin", file_format="base64", file_type="blob")
    assert loaded.content == b"\x00\xff"


async def test_a_missing_file_is_said_to_be_missing(storage: ContentsStorage) -> None:
    assert await storage.stat("a.txt") is None
    assert await storage.version("a.txt") is None
    with pytest.raises(FileMissingError, match=r"a\.txt"):
        await storage.load("a.txt", **TEXT)


@pytest.mark.parametrize(
    ("name", "how", "content", "problem"),
    [
        ("a.ipynb", NOTEBOOK, b"{", "a.ipynb: not a notebook (not valid JSON)"),
        ("a.ipynb", NOTEBOOK, b"\xff\xfe{", "a.ipynb: not UTF-8 text"),
        ("a.ipynb", NOTEBOOK, b"[]", "a.ipynb: not a notebook (JSON of another kind)"),
        (
            "a.ipynb",
            NOTEBOOK,
            b"[" * 100_000,
            "a.ipynb: not a notebook (JSON that is nested too deeply)",
        ),
        (
            "a.ipynb",
            NOTEBOOK,
            b'{"nbformat": 9}',
            "a.ipynb: a notebook in a format that is not known here, perhaps of a newer Jupyter",
        ),
        ("a.txt", TEXT, b"\xff\xfe{", "a.txt: not UTF-8 text"),
    ],
)
async def test_an_unreadable_file_is_explained_and_left_alone(
    storage: ContentsStorage,
    tmp_path: Path,
    name: str,
    how: dict[str, str],
    content: bytes,
    problem: str,
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FileUnreadableError) as refused:
        await storage.load(name, **how)

    assert str(refused.value) == problem
    assert (tmp_path / name).read_bytes() == content


async def test_a_file_that_cannot_be_written_is_explained(storage: ContentsStorage) -> None:
    with pytest.raises(FileWriteError, match=r"no-folder/a\.txt was not saved: its folder is gone"):
        await storage.save("no-folder/a.txt", "x", **TEXT)


@pytest.mark.parametrize("content", [b"plain", b"\xff\x00", json.dumps(notebook("1")).encode()])
async def test_a_copy_has_the_same_bytes_whatever_they_are(
    storage: ContentsStorage, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)

    first, second = await storage.keep_copy("a.ipynb"), await storage.keep_copy("a.ipynb")

    assert first == "a.from-disk-19700101-000000.ipynb"
    assert second == "a.from-disk-19700101-000000-1.ipynb"
    assert (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes() == content


async def test_a_manager_without_hashes_is_served_by_time_stamps(tmp_path: Path) -> None:
    class OldManager(LargeFileManager):  # type: ignore[misc]
        def get(self, path, content=True, type=None, format=None):  # type: ignore[no-untyped-def] # noqa: A002
            return super().get(path, content=content, type=type, format=format)

    storage = ContentsStorage(lambda: OldManager(root_dir=str(tmp_path)))
    first = await storage.save("a.txt", "1", **TEXT)

    assert first.hash is None
    assert first.same_bytes(first)


async def test_a_file_that_may_not_be_written_is_read_only(
    storage: ContentsStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert not await storage.is_read_only("a.txt")

    monkeypatch.setattr("os.access", lambda path, mode: False)  # as for anybody but root

    assert await storage.is_read_only("a.txt")
    assert not await storage.is_read_only("missing.txt")


async def test_sizes_and_folders_are_known(storage: ContentsStorage, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("four")

    assert await storage.size_bytes("sub/a.txt") == 4
    assert await storage.size_bytes("sub/b.txt") is None
    assert await storage.folder_exists("")
    assert await storage.folder_exists("sub")
    assert not await storage.folder_exists("other")
    assert not await storage.folder_exists("sub/a.txt")


async def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path,
) -> None:
    manager = AsyncFileContentsManager(root_dir=str(tmp_path))
    storage = ContentsStorage(lambda: manager, max_text_bytes=10, max_notebook_bytes=1000)
    (tmp_path / "a.txt").write_text("x" * 11)
    write_notebook(tmp_path / "a.ipynb", "1")
    (tmp_path / "b.txt").write_text("x" * 10)

    with pytest.raises(FileTooLargeError) as refused:
        await storage.load("a.txt", file_format="text", file_type="file")
    assert (refused.value.size, refused.value.limit) == (11, 10)
    await storage.load("b.txt", file_format="text", file_type="file")
    await storage.load("a.ipynb", file_format="json", file_type="notebook")


async def test_a_place_outside_of_the_root_is_no_file(storage: ContentsStorage) -> None:
    assert await storage.stat("../outside.txt") is None
    assert await storage.size_bytes("../outside.txt") is None
    with pytest.raises(FileMissingError):
        await storage.load("../outside.txt", **TEXT)


async def test_what_the_manager_stumbles_over_is_said(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    odd = notebook("1")
    del odd["cells"][0]["cell_type"]
    (tmp_path / "a.ipynb").write_text(json.dumps(odd))

    with pytest.raises(FileUnreadableError, match="cell_type"):
        await storage.load("a.ipynb", file_format="json", file_type="notebook")


async def test_a_change_behind_a_link_changes_the_version(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    target = tmp_path / "target.txt"
    target.write_text("a")
    (tmp_path / "link.txt").symlink_to(target)
    before = await storage.stat("link.txt")

    os.utime(target, ns=(0, 1))

    assert before is not None
    assert await storage.stat("link.txt") not in (None, before)


async def test_when_a_file_was_written_and_when_it_came_to_its_place_are_known(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    """Renaming changes no content, and is news all the same (syncdoc-jupyter §1.14)."""
    (tmp_path / "old.txt").write_text("a")
    os.utime(tmp_path / "old.txt", ns=(0, 1_751_552_941_123_456_789))
    (tmp_path / "old.txt").rename(tmp_path / "new.txt")
    (tmp_path / "link.txt").symlink_to("new.txt")
    renamed_ms = (tmp_path / "new.txt").stat().st_ctime_ns // 1_000_000

    found, behind_link = await storage.stat("new.txt"), await storage.version("link.txt")

    assert found is not None
    assert behind_link is not None
    assert (found.modified_ms, found.changed_ms) == (1_751_552_941_123, renamed_ms)
    assert (behind_link.modified_ms, behind_link.changed_ms) == (1_751_552_941_123, renamed_ms)


async def test_a_write_is_seen_also_when_the_time_of_the_file_was_set_back(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    """As ``rsync --times`` and ``cp --preserve`` do it."""
    path = tmp_path / "a.txt"
    path.write_text("abc")
    before, found = await storage.stat("a.txt"), path.stat()

    path.write_text("xyz")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert before is not None
    assert await storage.stat("a.txt") not in (None, before)
    assert (await storage.load("a.txt", **TEXT)).version == await storage.version("a.txt")


async def test_a_link_to_nothing_is_no_file_and_is_written_through(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    (tmp_path / "link.txt").symlink_to("target.txt")

    assert await storage.stat("link.txt") is None
    await storage.save("link.txt", "x", **TEXT)

    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "target.txt").read_text() == "x"


async def test_a_link_to_itself_is_explained(storage: ContentsStorage, tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to("link.txt")

    with pytest.raises(FileUnreadableError, match="symbolic links"):
        await storage.version("link.txt")


async def test_a_moved_file_is_found_by_what_is_known_of_it(
    storage: ContentsStorage, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub").mkdir()
    identity = await storage.identity("a.txt")
    assert identity is not None

    (tmp_path / "a.txt").rename(tmp_path / "sub" / "b.txt")

    assert await storage.find(identity, "a.txt") == "sub/b.txt"
    assert await storage.identity("a.txt") is None
