"""hub-project-api §3.2 and §3.4: the functions on files, as they are called."""

import sys
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.services.folder import FileRefused
from cocalc_jupyter_ext.project import file_functions
from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher
from cocalc_jupyter_ext.project.file_functions import FileFunctions


class Project:
    """Calls functions, and notes what others are told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.told: list[tuple[str, str, dict[str, str]]] = []
        functions = FileFunctions(home, self.note).functions()
        assert functions.keys() <= KNOWN_FUNCTIONS
        self._dispatch = Dispatcher(functions, KNOWN_FUNCTIONS)

    def note(self, action: str, path: str, **more: str) -> None:
        self.told.append((action, path, more))

    async def call(self, name: str, *args: object) -> Any:
        return await self._dispatch({"name": name, "args": list(args)})


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    home = tmp_path / "home"
    home.mkdir()
    return Project(home)


async def test_a_text_is_written_and_read(project: Project) -> None:
    file = {"path": "new/folder/a.txt", "content": "hällo\r\n"}

    assert await project.call("system.writeTextFileToProject", file) is None
    assert (project.home / "new" / "folder" / "a.txt").read_bytes() == "hällo\r\n".encode()
    assert await project.call("system.readTextFileFromProject", file) == "hällo\r\n"


async def test_bytes_that_are_no_text_are_replaced(project: Project) -> None:
    (project.home / "a").write_bytes(b"a\xff")

    assert await project.call("system.readTextFileFromProject", {"path": "a"}) == "a\ufffd"


async def test_what_is_too_large_is_not_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_functions, "MAX_READ_BYTES", 3)
    (project.home / "a").write_text("1234")

    with pytest.raises(FileRefused, match="more than 3"):
        await project.call("system.readTextFileFromProject", {"path": "a"})


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "link/a"])
async def test_nothing_outside_is_read_written_or_listed(project: Project, path: str) -> None:
    (project.home / "link").symlink_to("/tmp")
    folder = path.rpartition("/")[0]

    for name, options in (
        ("system.readTextFileFromProject", {"path": path}),
        ("system.writeTextFileToProject", {"path": path, "content": ""}),
        ("system.listing", {"path": folder}),
        ("system.deleteFiles", {"paths": [path]}),
        ("editor.newFile", path),
    ):
        with pytest.raises(FileRefused, match="outside"):
            await project.call(name, options)


async def test_a_listing_shows_hidden_files_on_request(project: Project) -> None:
    (project.home / "dir").mkdir()
    (project.home / "dir" / ".hidden").touch()
    (project.home / ".profile").touch()

    shown = await project.call("system.listing", {"path": ""})
    everything = await project.call("system.listing", {"path": "", "hidden": True})

    assert [(each["name"], each["size"]) for each in shown] == [("dir", 0)]
    assert [(each["name"], each["size"]) for each in everything] == [(".profile", 0), ("dir", 1)]
    assert shown[0]["isdir"] is True
    assert "issymlink" not in shown[0]


async def test_a_missing_folder_fails_with_the_name_of_the_error(project: Project) -> None:
    with pytest.raises(ApiError, match="ENOENT"):
        await project.call("system.listing", {"path": "nothing"})


async def test_files_are_moved_into_a_folder_with_what_belongs_to_them(project: Project) -> None:
    (project.home / "dir").mkdir()
    for name in ("a.ipynb", ".a.ipynb.sage-jupyter2", ".a.ipynb.other"):
        (project.home / name).write_text(name)

    await project.call("system.moveFiles", {"paths": ["a.ipynb"], "dest": "dir"})
    assert names(project.home / "dir") == [".a.ipynb.sage-jupyter2", "a.ipynb"]
    await project.call("system.moveFiles", {"paths": ["dir/a.ipynb"], "dest": ""})

    assert names(project.home / "dir") == []
    assert project.told == [
        ("rename", "dir/a.ipynb", {"source_path": "a.ipynb"}),
        ("rename", "a.ipynb", {"source_path": "dir/a.ipynb"}),
    ]


async def test_a_file_is_renamed_with_what_belongs_to_it(project: Project) -> None:
    (project.home / "a").write_text("a")
    (project.home / ".a.time-travel").write_text("t")

    await project.call("system.renameFile", {"src": "a", "dest": "b"})

    assert names(project.home) == [".b.time-travel", "b"]


async def test_renaming_to_the_same_name_does_nothing(project: Project) -> None:
    assert await project.call("system.renameFile", {"src": "none", "dest": "none"}) is None
    assert project.told == []


async def test_nothing_is_overwritten_by_moving_or_renaming(project: Project) -> None:
    (project.home / "dir").mkdir()
    for name in ("a", "b", "dir/a"):
        (project.home / name).write_text(name)

    for name, options in (
        ("system.moveFiles", {"paths": ["a"], "dest": "dir"}),
        ("system.renameFile", {"src": "a", "dest": "b"}),
    ):
        with pytest.raises(FileRefused, match="EEXIST"):
            await project.call(name, options)
    assert (project.home / "b").read_text() == "b"


async def test_files_are_deleted_with_what_belongs_to_them(project: Project) -> None:
    for name in ("a", ".a.syncdb", ".a.sage-chat", "b"):
        (project.home / name).write_text(name)

    await project.call("system.deleteFiles", {"paths": ["a", "missing", "no/folder/a"]})

    assert names(project.home) == ["b"]
    assert project.told[0] == ("delete", "a", {})


async def test_where_paths_lead(project: Project) -> None:
    (project.home / "dir").mkdir()
    (project.home / "dir" / "a").touch()
    (project.home / "link").symlink_to("dir/a")
    (project.home / "out").symlink_to("/etc/passwd")

    async def real(path: str) -> Any:
        return await project.call("system.realpath", path)

    assert await real("link") == "dir/a"
    assert await real("dir/../dir/a") == "dir/a"
    assert await real("dir/a") == "dir/a"
    assert await real("out") == "out"
    assert await real("missing") == "missing"


async def test_the_one_path_that_stands_for_all(project: Project) -> None:
    (project.home / "dir").mkdir()
    (project.home / "link").symlink_to("dir")
    home = str(project.home)

    found = await project.call(
        "system.canonicalPaths", ["link/a", f"{home}/dir/a", "", "/etc/hostname"]
    )

    assert found == ["dir/a", "dir/a", "", f"{home}/.smc/root/etc/hostname"]


async def test_links_that_lead_in_a_circle_are_left_as_they_are(project: Project) -> None:
    (project.home / "loop").symlink_to("loop")

    assert await project.call("system.realpath", "loop") == "loop"
    assert await project.call("system.canonicalPaths", ["loop", "loop/a"]) == ["loop", "loop/a"]


async def test_a_new_file_is_empty_or_has_the_template(project: Project) -> None:
    templates = project.home / "templates" / sys.platform
    templates.mkdir(parents=True)
    (templates / "default.tex").write_text(r"\documentclass{article}")

    for path in ("n/a.tex", "n/a.ipynb", ""):
        assert await project.call("editor.newFile", path) is None

    assert (project.home / "n" / "a.tex").read_text() == r"\documentclass{article}"
    assert (project.home / "n" / "a.ipynb").read_bytes() == b""


async def test_a_file_that_is_there_is_left_alone(project: Project) -> None:
    (project.home / "a").write_text("mine")

    await project.call("editor.newFile", "a")

    assert (project.home / "a").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("system.listing", "path"),
        ("system.listing", {"path": 7}),
        ("system.deleteFiles", {"paths": "a"}),
        ("system.deleteFiles", {"paths": ["a\0"]}),
        ("system.moveFiles", {"paths": ["a"]}),
        ("system.writeTextFileToProject", {"path": "a"}),
        ("system.canonicalPaths", "a"),
        ("system.realpath", None),
        ("editor.newFile", {"path": "a"}),
    ],
)
async def test_wrong_arguments_are_refused(project: Project, name: str, argument: Any) -> None:
    with pytest.raises(ConatError, match=r"must be|missing|give a list"):
        await project.call(name, argument)
