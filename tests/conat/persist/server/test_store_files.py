"""Where streams are kept (conat-sync §2.1, §2.10, §2.11)."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.access import StorageOptions
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import PathDenied, StoreError
from cocalc_jupyter_ext.conat.persist.server.store_files import StoreFiles


def test_a_stream_is_a_private_file_below_the_root(tmp_path: Path) -> None:
    store = StoreFiles(tmp_path / "sync").open(StorageOptions("hub/a/b c"))
    store.close()

    file = tmp_path / "sync" / "hub" / "a" / "b c.db"
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_ephemeral_stream_leaves_nothing(tmp_path: Path) -> None:
    store = StoreFiles(tmp_path).open(StorageOptions("hub/a", ephemeral=True))
    store.close()

    assert isinstance(store, MemoryStore)
    assert list(tmp_path.iterdir()) == []


def test_copies_have_the_path_of_the_stream(tmp_path: Path) -> None:
    files = StoreFiles(tmp_path / "sync", tmp_path / "archive", tmp_path / "backup")
    files.open(StorageOptions("hub/a")).close()

    for folder in ("archive", "backup"):
        assert (tmp_path / folder / "hub" / "a.db").is_file()


@pytest.mark.parametrize("folder", ["sync", "archive", "backup"])
def test_links_out_of_any_folder_are_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "hub").symlink_to(tmp_path)
    files = StoreFiles(tmp_path / "sync", tmp_path / "archive", tmp_path / "backup")

    with pytest.raises(PathDenied):
        files.open(StorageOptions("hub/a"))


@pytest.mark.parametrize("path", ["hub/" + "a" * 300, "hub/file/below"])
def test_what_the_file_system_does_not_take_is_an_error_of_streams(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "file").write_text("")

    with pytest.raises(StoreError):
        StoreFiles(tmp_path).open(StorageOptions(path))
