"""hub-project-api §3.2: what is deleted and moved, and that links lead nowhere."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.services.folder import FileRefused, Folder
from cocalc_jupyter_ext.project.file_changes import companions, delete, move


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "dir" / "inner").mkdir(parents=True)
    (home / "dir" / "a.txt").write_text("a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("!")
    return home


def test_the_hidden_files_that_belong_to_a_file() -> None:
    moved = ["sage-chat", "sage-jupyter", "sage-jupyter2", "time-travel", "sage-history"]

    assert companions("dir/a.txt") == [f"dir/.a.txt.{extension}" for extension in moved]
    assert companions("a", deleted=True) == [f".a.{each}" for each in [*moved, "syncdb"]]


def test_files_and_folders_are_removed_with_all_that_is_in_them(home: Path) -> None:
    assert delete(Folder(home), "dir/a.txt")
    assert delete(Folder(home), "dir/")
    assert not delete(Folder(home), "dir")
    assert not delete(Folder(home), "no/such/thing")

    assert list(home.iterdir()) == []


def test_of_a_link_only_the_link_is_removed_or_moved(home: Path, tmp_path: Path) -> None:
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "dir" / "up").symlink_to(tmp_path / "outside")

    move(Folder(home), "link", "moved")
    assert (home / "moved").is_symlink()
    delete(Folder(home), "moved")
    delete(Folder(home), "dir")

    assert (tmp_path / "outside" / "precious").read_text() == "!"


@pytest.mark.parametrize("path", ["link/precious", "../outside/precious", "/etc/passwd"])
def test_nothing_outside_is_removed_or_moved(home: Path, tmp_path: Path, path: str) -> None:
    (home / "link").symlink_to(tmp_path / "outside")

    for act in (
        lambda: delete(Folder(home), path),
        lambda: move(Folder(home), path, "mine"),
        lambda: move(Folder(home), "dir/a.txt", path),
    ):
        with pytest.raises(FileRefused, match="outside"):
            act()
    assert (tmp_path / "outside" / "precious").read_text() == "!"


@pytest.mark.parametrize("path", ["", ".", "/", "dir/..", "dir/."])
def test_the_folder_of_all_files_stays(home: Path, path: str) -> None:
    with pytest.raises(FileRefused, match="names no file"):
        delete(Folder(home), path)


def test_an_absolute_path_inside_is_fine(home: Path) -> None:
    move(Folder(home), str(home / "dir" / "a.txt"), "b.txt")

    assert (home / "b.txt").read_text() == "a"


def test_nothing_is_overwritten(home: Path) -> None:
    (home / "b.txt").write_text("b")
    (home / "broken").symlink_to("nothing")

    for target in ("b.txt", "broken"):
        with pytest.raises(FileRefused, match="EEXIST"):
            move(Folder(home), "dir/a.txt", target)
    assert (home / "b.txt").read_text() == "b"
    assert (home / "dir" / "a.txt").exists()


@pytest.mark.parametrize(
    ("source", "target"), [("no", "b"), ("no/a", "b"), ("dir/a.txt", "no/such/folder/a.txt")]
)
def test_what_is_missing_says_so(home: Path, source: str, target: str) -> None:
    with pytest.raises(FileRefused, match="ENOENT") as refused:
        move(Folder(home), source, target)

    assert refused.value.is_missing


def test_a_folder_does_not_go_into_itself(home: Path) -> None:
    with pytest.raises(FileRefused, match="EINVAL"):
        move(Folder(home), "dir", "dir/inner/dir")
