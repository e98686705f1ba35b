"""conat-sync §5, §5.2; SPEC F5, F6. On a real file system."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.services import folder
from cocalc_jupyter_ext.conat.services.folder import FileRefused, Folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_text("not for you")
    return home


def read(home: Path, path: str) -> bytes:
    with Folder(home).open(path) as file:
        return file.read()


def write(home: Path, path: str, *parts: bytes) -> None:
    with Folder(home).create(path) as file:
        for part in parts:
            file.write(part)
        file.commit()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the operating system refuse to write more than so many bytes into one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("path", ["a/b.txt", "./a/../a/b.txt", "link/b.txt", "{home}/a/b.txt"])
def test_paths_inside_are_relative_or_absolute_and_links_are_followed(
    home: Path, path: str
) -> None:
    write(home, "a/b.txt", b"hello")
    (home / "link").symlink_to("a")

    assert read(home, path.format(home=home)) == b"hello"


@pytest.mark.parametrize(
    "path",
    ["../secret", "a/../../secret", "/etc/passwd", "out", "up/secret", "nothing/../../x", "/"],
)
def test_no_path_leads_outside(home: Path, tmp_path: Path, path: str) -> None:
    (home / "out").symlink_to(tmp_path / "secret")
    (home / "up").symlink_to("..")
    files = Folder(home)

    assert not files.contains(path)
    with pytest.raises(FileRefused, match="outside of the project's files"):
        files.open(path)
    with pytest.raises(FileRefused, match="outside of the project's files"), files.create(path):
        pass
    assert (tmp_path / "secret").read_text() == "not for you"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "secret"]


def test_a_link_that_is_put_in_between_is_not_followed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of a path and the opening of its parts."""
    write(home, "a/secret", b"mine")
    files = Folder(home)
    parts = files._parts("a/secret")
    monkeypatch.setattr(files, "_parts", lambda _path: parts)
    (home / "a").rename(home / "b")
    (home / "a").symlink_to(tmp_path)

    with pytest.raises(FileRefused):
        files.open("a/secret")
    with pytest.raises(FileRefused), files.create("a/secret"):
        pass


@pytest.mark.parametrize("path", ["\0", "a\0b", "loop/x", "x" * 300, "missing", "a.txt/b"])
def test_what_cannot_be_opened_is_told_with_its_reason(home: Path, path: str) -> None:
    (home / "loop").symlink_to("loop")
    (home / "a.txt").touch()

    with pytest.raises(FileRefused) as refused:
        Folder(home).open(path)

    assert str(refused.value).startswith(f"'{path}': ")
    assert refused.value.is_missing == (path == "missing")


@pytest.mark.parametrize(
    ("path", "kind"),
    [(".", "folder"), ("", "folder"), ("d", "folder"), ("fifo", "pipe"), ("sock", "socket")],
)
def test_only_files_are_read_and_written(
    home: Path, path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe without a writer would never come to an end."""
    (home / "d").mkdir()
    os.mkfifo(home / "fifo")
    monkeypatch.chdir(home)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        with pytest.raises(FileRefused, match=f"this is a {kind}, and only files"):
            Folder(home).open(path)
        with pytest.raises(FileRefused, match=f"this is a {kind}, and only files"):
            write(home, path, b"x")
    assert not list(home.glob("*.partialupload-*"))


def test_what_becomes_a_pipe_while_it_is_opened_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a pipe waits for somebody who writes, unless told not to."""
    os.mkfifo(home / "a")
    checked: list[str] = []
    check = folder._check_is_file

    def check_second(path: str, mode: int) -> None:
        if checked:
            check(path, mode)
        checked.append(path)

    monkeypatch.setattr(folder, "_check_is_file", check_second)

    with pytest.raises(FileRefused, match="this is a pipe"):
        Folder(home).open("a")


def test_devices_are_refused() -> None:
    with pytest.raises(FileRefused, match="this is a device"):
        Folder(Path("/dev")).open("null")


def test_a_file_appears_when_it_is_whole(home: Path) -> None:
    with Folder(home, lambda: "1234567890").create("new/folder/a.bin") as file:
        file.write(b"one")
        file.write(b"two")
        inside = home / "new" / "folder"
        assert [each.name for each in inside.iterdir()] == ["a.bin.partialupload-1234567890"]
        file.commit()
        assert [each.name for each in inside.iterdir()] == ["a.bin"]

    assert (home / "new/folder/a.bin").read_bytes() == b"onetwo"


def test_what_is_not_committed_leaves_the_old_file(home: Path) -> None:
    write(home, "a", b"old")

    with Folder(home).create("a") as file:
        file.write(b"new")

    assert read(home, "a") == b"old"
    assert [each.name for each in home.iterdir()] == ["a"]


def test_a_file_that_is_replaced_keeps_its_permissions_and_its_links(home: Path) -> None:
    write(home, "run.sh", b"old")
    (home / "run.sh").chmod(0o750)
    (home / "link").symlink_to("run.sh")

    write(home, "link", b"new")

    assert (home / "link").is_symlink()
    assert (home / "run.sh").read_bytes() == b"new"
    assert (home / "run.sh").stat().st_mode & 0o777 == 0o750


def test_a_disk_that_takes_no_more_is_told_and_nothing_stays(home: Path) -> None:
    with largest_file(1_000), pytest.raises(FileRefused, match=r"'big': File too large"):
        write(home, "big", b"x" * 900, b"x" * 900)

    assert list(home.iterdir()) == []


def test_a_folder_that_became_one_in_the_meantime_is_not_replaced(home: Path) -> None:
    with Folder(home).create("a") as file:
        (home / "a").mkdir()
        with pytest.raises(FileRefused, match="this is a folder"):
            file.commit()

    assert [each.name for each in home.iterdir()] == ["a"]


def test_no_descriptor_stays_open(home: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    write(home, "a/b", b"1")
    read(home, "a/b")
    for path in ("missing", "missing/x", "../x", ".", "a/b/c"):
        with pytest.raises(FileRefused):
            read(home, path)
    for path in ("../x", ".", "a", "a/b/c"):
        with pytest.raises(FileRefused):
            write(home, path, b"1")
    with Folder(home).folder("a"):
        assert opened() == before + 1

    assert opened() == before
