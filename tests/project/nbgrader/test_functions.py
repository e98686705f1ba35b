"""What clients ask of the project to grade notebooks (syncdoc-jupyter §4.10, §9.6)."""

import json
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.services.folder import FileRefused
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.nbgrader.errors import AssignmentError
from cocalc_jupyter_ext.project.nbgrader.functions import NbgraderFunctions

from .test_run_notebook import notebook, shown

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}


def runnable(*sources: str) -> dict[str, Any]:
    return {**notebook(*sources), "metadata": KERNEL}


async def call(home: Path, name: str, *args: object) -> str:
    return str(await NbgraderFunctions(home).functions()[name](*args))


async def test_a_notebook_runs_in_its_folder_under_a_name_that_is_gone_afterwards(
    tmp_path: Path,
) -> None:
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "data.txt").write_text("from the folder")
    look = "import os, glob; print(len(glob.glob('.*.ipynb')), os.environ['PYTHONWARNINGS'])"
    request = {
        "path": "course",
        "ipynb": json.dumps(runnable("print(open('data.txt').read())", look)),
        "nbgrader": True,
        "limits": {"max_total_time_ms": 60_000, "max_output": None},
    }

    ran = json.loads(await call(tmp_path, "editor.jupyterRunNotebook", request))

    assert shown(ran) == ["from the folder\n", "1 ignore\n"]
    assert [file.name for file in (tmp_path / "course").iterdir()] == ["data.txt"]


async def test_a_notebook_is_stripped_by_its_path(tmp_path: Path) -> None:
    made = runnable("1")
    (tmp_path / "clean.ipynb").write_text(json.dumps(made))
    made["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    (tmp_path / "a.ipynb").write_text(json.dumps(made))

    text = await call(tmp_path, "editor.jupyterStripNotebook", "a.ipynb")

    assert json.loads(text) == json.loads((tmp_path / "clean.ipynb").read_text())


async def test_what_people_have_just_typed_is_in_the_file_before_it_is_read(
    tmp_path: Path,
) -> None:
    made = runnable("typed")

    async def save(path: str) -> None:
        (tmp_path / path).write_text(json.dumps(made))

    (tmp_path / "a.ipynb").write_text("{}")
    functions = NbgraderFunctions(tmp_path, save=save).functions()

    text = await functions["editor.jupyterStripNotebook"]("./a.ipynb")

    assert json.loads(str(text)) == json.loads(json.dumps(made))


@pytest.mark.parametrize("path", ["../a.ipynb", "/etc/passwd", "missing.ipynb", "link/a.ipynb"])
async def test_no_path_leads_outside(tmp_path: Path, path: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "a.ipynb").write_text("{}")
    (home / "link").symlink_to(tmp_path)

    with pytest.raises(FileRefused):
        await call(home, "editor.jupyterStripNotebook", path)


async def test_nothing_runs_outside_of_the_project(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(tmp_path)
    for path in ("..", "link", "/tmp/../.."):
        request = {"path": path, "ipynb": json.dumps(runnable("1"))}
        with pytest.raises(FileRefused):
            await call(home, "editor.jupyterRunNotebook", request)
    assert [file.name for file in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"[]", b'{"cells": 5}', b'{"cells": [5]}', b"\xff"]
)
async def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    with pytest.raises(AssignmentError, match="is not a notebook"):
        await call(tmp_path, "editor.jupyterStripNotebook", "a.ipynb")


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (None, "ipynb is missing"),
        ("x", "must be an object"),
        ({"ipynb": 5}, "must be a text"),
        ({"ipynb": "{}"}, "names no kernel"),
        ({"ipynb": "{}", "limits": {"max_output": -1}}, "from 0"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(
    tmp_path: Path, request_: object, problem: str
) -> None:
    with pytest.raises(ApiError, match=problem):
        await call(tmp_path, "editor.jupyterRunNotebook", request_)
