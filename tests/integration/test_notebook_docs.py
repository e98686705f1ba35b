"""The examples of the page about notebooks, run as they stand against a real server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from ..support.cocalc_clients import project_id_of
from ..support.doc_examples import examples
from ..support.notebooks import write_notebook
from ..support.servers import TOKEN, JupyterServer

EXPECTED = {
    "Run code from Python": [
        "{'name': 'stdout', 'text': 'Hello, World\\n'}",
        "{'data': {'text/plain': '42'}, 'exec_count': 1}",
    ],
    "Run code from Lab": ["['ok', 'ok']", "['one\\n', 'two\\n']"],
    "Run code over conat": ["{'0': {'name': 'stdout', 'text': 'over conat\\n'}}"],
    "Kernels": ["0", "1", "2", "['KeyboardInterrupt']", "['name']"],
    "Stateless execution": ["[{'data': {'text/plain': '5'}}]"],
    "nbgrader": [
        "def double(x):",
        "    # YOUR CODE HERE",
        "    raise NotImplementedError()",
        "c1 2 of 2",
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("server"))
    server.work.mkdir()
    write_notebook(server.work / "a.ipynb", "1 + 1")
    write_notebook(server.work / "b.ipynb", "print('one')", "print('two')")
    write_notebook(server.work / "c.ipynb", "print('over conat')")
    (server.work / "course").mkdir()
    solution = "def double(x):\n    # BEGIN SOLUTION\n    return x + x\n    # END SOLUTION"
    write_notebook(server.work / "course" / "d.ipynb", solution, "assert double(3) == 6")
    with server:
        yield server


@pytest.mark.parametrize("heading", EXPECTED)
def test_the_example_prints_what_it_should(
    server: JupyterServer, heading: str, tmp_path: Path
) -> None:
    project_id = project_id_of(server)
    (tmp_path / "example.py").write_text(examples("notebooks.md")[heading])
    arguments = [server.url, TOKEN, project_id][: 2 if "Lab" in heading else 3]

    done = subprocess.run(
        [sys.executable, "example.py", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr + server.log
    assert done.stdout.splitlines() == EXPECTED[heading]


def test_what_a_script_has_run_is_in_the_file(server: JupyterServer) -> None:
    notebook = nbformat.read(server.work / "a.ipynb", as_version=4)

    nbformat.validate(notebook)
    texts = [output.get("text", "") for output in notebook.cells[-1].outputs]
    assert "Hello, World\n" in "".join(texts)


def test_every_example_is_run() -> None:
    assert set(examples("notebooks.md")) == set(EXPECTED)
