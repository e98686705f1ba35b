import os
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.storage import FileIdentity
from cocalc_jupyter_ext.server.moved_files import find_file, identity_of


def known(path: Path) -> FileIdentity:
    identity = identity_of(path)
    assert identity is not None
    return identity


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("target", ["b.txt", "folder/inner/a.txt", "../up.txt"])
def test_a_moved_file_is_found(tmp_path: Path, target: str) -> None:
    path = write(tmp_path / "here" / "a.txt", "a")
    write(tmp_path / "here" / "other.txt", "a")
    identity = known(path)
    new = path.parent / target
    new.parent.mkdir(parents=True, exist_ok=True)
    path.rename(new)

    assert find_file(identity, tmp_path, tmp_path / "here") == new.resolve()


def test_a_moved_folder_is_no_obstacle(tmp_path: Path) -> None:
    path = write(tmp_path / "old" / "a.txt", "a")
    identity = known(path)
    path.parent.rename(tmp_path / "new")

    assert find_file(identity, tmp_path, path.parent) == tmp_path / "new" / "a.txt"


def test_a_moved_link_is_found_and_its_target_is_not_taken_for_it(tmp_path: Path) -> None:
    target = write(tmp_path / "target.txt", "a")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    identity = known(link)

    link.unlink()
    assert find_file(identity, tmp_path, tmp_path) is None
    link.symlink_to(target)
    identity = known(link)
    moved = link.rename(tmp_path / "moved.txt")
    assert find_file(identity, tmp_path, tmp_path) == moved


def test_another_file_with_the_same_number_is_not_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a")
    identity = known(path)
    path.write_text("a")
    os.utime(path, ns=(0, 1))
    path.rename(tmp_path / "b.txt")

    assert find_file(identity, tmp_path, tmp_path) is None


def test_what_is_hidden_or_beyond_a_link_or_the_bound_is_not_searched(tmp_path: Path) -> None:
    path = write(tmp_path / "root" / "a.txt", "a")
    identity = known(path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (path.parent / "way-out").symlink_to(outside)

    path.rename(path.parent / ".a.txt")
    assert find_file(identity, path.parent, path.parent) is None
    moved = (path.parent / ".a.txt").rename(outside / "a.txt")
    assert find_file(identity, path.parent, path.parent) is None
    moved.rename(path)
    assert find_file(identity, path.parent, path.parent) == path
    assert find_file(identity, path.parent, path.parent, max_searched=0) is None


def test_a_file_with_two_names_or_none_cannot_be_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a")
    (tmp_path / "b.txt").hardlink_to(path)

    assert identity_of(path) is None
    assert identity_of(tmp_path / "missing.txt") is None
