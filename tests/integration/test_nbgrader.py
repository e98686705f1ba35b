"""An assignment from making it to its grades, in a real server (syncdoc-jupyter §9)."""

from collections.abc import Iterator

import nbformat
import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.documents.notebook_actions import open_notebook
from cocalc_jupyter_ext.project.nbgrader.assignment import create_assignment, grade, validate
from cocalc_jupyter_ext.project.nbgrader.grading import HIDDEN_NOTICE, Score
from cocalc_jupyter_ext.project.nbgrader.limits import RunLimits
from cocalc_jupyter_ext.project.nbgrader.toolbar import set_assignment_type, set_points

from ..support.cocalc_clients import api_of, client_of, project_id_of
from ..support.notebooks import write_notebook
from ..support.servers import JupyterServer

SOLUTION = "def f(x):\n    ### BEGIN SOLUTION\n    return x + 1\n    ### END SOLUTION"
TEST = "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(41) == 42\n### END HIDDEN TESTS"
LIMITS = RunLimits(max_total_time_ms=60_000, max_time_per_cell_ms=20_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("server"))
    (server.work / "course").mkdir(parents=True)
    write_notebook(server.work / "course" / "a.ipynb", SOLUTION, TEST, "print('only for us')")
    with server:
        yield server


async def make_assignment(client: Client, project: str) -> str:
    path = "course/a.ipynb"
    async with open_notebook(client, project_id=project, path=path) as notebook:
        notebook.set_kernel("python3")
        for cell_id, name in zip(
            notebook.model.cell_list, ("auto", "test", "instructor"), strict=True
        ):
            set_assignment_type(notebook, cell_id, name)
        set_points(notebook, "c1", 2.5)
        await notebook.save_file()
        return await create_assignment(client, project_id=project, path=path)


async def test_an_assignment_is_made_solved_validated_and_graded(server: JupyterServer) -> None:
    project = project_id_of(server)
    async with client_of(server) as client:
        path = await make_assignment(client, project)
        assert path == "course/student/a.ipynb"
        made = nbformat.read(server.work / path, as_version=4)
        nbformat.validate(made)
        assert [cell.source for cell in made.cells] == [
            "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
            "assert f(1) == 2",
        ]
        assert [cell.metadata.get("editable") for cell in made.cells] == [None, False]
        assert made.metadata.kernelspec.name == "python3"

        async with open_notebook(client, project_id=project, path=path) as student:
            assert await validate(student, timeout_s=60) == ["c1"]
            student.set_cell_input("c0", "def f(x):\n    return 2")
            assert await validate(student, timeout_s=60) == []
            await student.save_file()

        graded = await grade(
            client, project_id=project, instructor="course/a.ipynb", student=path, limits=LIMITS
        )
        assert graded.scores == {"c1": Score(2.5, 0, manual=False)}
        test = graded.notebook["cells"][1]
        assert test["source"] == "assert f(1) == 2"
        assert test["outputs"] == [
            {"output_type": "stream", "name": "stderr", "text": HIDDEN_NOTICE}
        ]

        async with open_notebook(client, project_id=project, path=path) as student:
            student.set_cell_input("c0", "def f(x):\n    return 1 + x")
            await student.save_file()
        graded = await grade(
            client, project_id=project, instructor="course/a.ipynb", student=path, limits=LIMITS
        )
        assert graded.scores == {"c1": Score(2.5, 2.5, manual=False)}
        names = [file.name for file in (server.work / "course" / "student").iterdir()]
        assert [name for name in names if name.endswith(".ipynb")] == ["a.ipynb"]


async def test_why_a_notebook_cannot_be_run_is_told(server: JupyterServer) -> None:
    subject = api_of(server)
    async with client_of(server) as client:
        with pytest.raises(RemoteError, match="names no kernel"):
            await call(client, subject, "editor.jupyterRunNotebook", [{"path": "", "ipynb": "{}"}])
        with pytest.raises(RemoteError, match="missing"):
            await call(client, subject, "editor.jupyterStripNotebook", ["missing.ipynb"])
