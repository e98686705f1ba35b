"""The examples of ``docs/conat.md``, run as they stand against a real server."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.servers import TOKEN, JupyterServer

ROOT = Path(__file__).parent.parent.parent
MODULES = ROOT / "tests" / "javascript" / "node_modules"


def example(language: str) -> str:
    text = (ROOT / "docs" / "conat.md").read_text()
    (code,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path_factory.mktemp("server")) as server:
        yield server


def run(server: JupyterServer, *command: str, folder: Path) -> str:
    project_id = (server.folder / "data" / "cocalc" / "project-id").read_text().strip()
    arguments = [*command, server.url, TOKEN, project_id]
    done = subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(project_id, "<project id>")


def time_told(output: str) -> float:
    found = re.search(r"'?now'?: (\d+)", output)
    assert found, output
    return int(found[1]) / 1000


def test_the_python_example_asks_the_project_and_hears_its_own_message(
    server: JupyterServer, tmp_path: Path
) -> None:
    (tmp_path / "example.py").write_text(example("python"))

    output = run(server, sys.executable, "example.py", folder=tmp_path)

    assert abs(time_told(output) - time.time()) < 60
    assert "1 project.<project id>.news.today {'hello': 'world'}" in output


def test_the_javascript_example_asks_the_project(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "example.mjs").write_text(example("javascript"))
    (tmp_path / "node_modules").symlink_to(MODULES)

    output = run(server, "node", "example.mjs", folder=tmp_path)

    assert "{ count: 1 }" in output
    assert abs(time_told(output) - time.time()) < 60
