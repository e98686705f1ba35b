"""conat-sync §6.4; SPEC F10."""

import os
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.services.folder import FileRefused, Folder
from cocalc_jupyter_ext.project import files
from cocalc_jupyter_ext.project.files import Entry, list_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "folder" / "inner").mkdir(parents=True)
    (home / "folder" / "b").write_text("12345")
    (home / "folder" / ".hidden").touch()
    return home


def entries(home: Path, path: str, **options: bool) -> dict[str, Entry]:
    return {each.name: each for each in list_folder(Folder(home), path, **options).entries}


def test_entries_have_sizes_times_and_kinds(home: Path) -> None:
    os.utime(home / "folder" / "b", (1_000.5, 1_000.5))
    found = list_folder(Folder(home), "folder")

    assert [each.name for each in found.entries] == [".hidden", "b", "inner"]
    assert found.entries[1].to_wire() == {"name": "b", "size": 5, "mtime": 1_000.5}
    assert not found.has_more


def test_the_size_of_a_folder_is_how_many_entries_it_has(home: Path) -> None:
    folder = entries(home, "")["folder"].to_wire()

    assert folder["isdir"] is True
    assert folder["size"] == 3


def test_hidden_files_are_left_out_on_request(home: Path) -> None:
    assert sorted(entries(home, "folder", hidden=False)) == ["b", "inner"]


def test_links_tell_where_they_lead_and_what_is_there(home: Path) -> None:
    (home / "file").symlink_to("folder/b")
    (home / "dir").symlink_to("folder")
    found = entries(home, "")

    file, folder = found["file"].to_wire(), found["dir"].to_wire()
    assert (file["issymlink"], file["link_target"], file["size"]) == (True, "folder/b", 5)
    assert (folder["isdir"], folder["link_target"], folder["size"]) == (True, "folder", 3)


def test_links_tell_nothing_of_what_is_outside_or_missing(home: Path) -> None:
    (home / "passwd").symlink_to("/etc/passwd")
    (home / "folder" / "up").symlink_to("../..")
    (home / "broken").symlink_to("nothing")
    (home / "loop").symlink_to("loop")

    found = {**entries(home, ""), **entries(home, "folder")}

    assert found["passwd"].size is None
    assert not found["up"].is_folder
    assert found["broken"].error == "No such file or directory"
    assert found["loop"].link_target == "loop"
    assert not found["loop"].is_folder


def test_the_newest_are_kept_when_there_are_too_many(home: Path) -> None:
    for number in range(7):
        path = home / "folder" / "inner" / f"{number}"
        path.touch()
        os.utime(path, (number % 4, number % 4))

    found = list_folder(Folder(home), "folder/inner", newest=3)

    assert [each.name for each in found.entries] == ["2", "3", "6"]
    assert found.has_more


def test_a_folder_with_far_too_many_entries_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ENTRIES", 2)

    with pytest.raises(FileRefused, match="more than 2 entries"):
        list_folder(Folder(home), "folder")


def test_a_folder_that_may_not_be_looked_into_has_no_size(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *args: Any, **options: Any) -> int:
        if path == "folder":
            raise PermissionError
        return really(path, *args, **options)  # type: ignore[arg-type]

    really = os.open
    monkeypatch.setattr(os, "open", refuse)

    found = entries(home, "")["folder"]

    assert found.is_folder
    assert (found.size, found.error) == (None, None)


def test_names_that_are_no_text_are_shown_nevertheless(home: Path) -> None:
    (Path(os.fsdecode(bytes(home) + b"/folder/inner/\xff"))).touch()

    (entry,) = list_folder(Folder(home), "folder/inner").entries

    assert entry.name == "\ufffd"
    assert entry.size == 0


@pytest.mark.parametrize(
    ("path", "is_missing"),
    [("missing", True), ("folder/b", False), ("..", False), ("/etc", False), ("a\0", False)],
)
def test_what_cannot_be_listed_is_refused(home: Path, path: str, is_missing: bool) -> None:
    with pytest.raises(FileRefused) as refused:
        list_folder(Folder(home), path)

    assert refused.value.is_missing == is_missing
