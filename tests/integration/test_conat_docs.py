"""The examples of the pages about conat, run as they stand against real servers."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.cocalc_clients import project_id_of
from ..support.conat_process import conat_process
from ..support.doc_examples import examples
from ..support.servers import TOKEN, JupyterServer

ROOT = Path(__file__).parent.parent.parent
MODULES = ROOT / "tests" / "javascript" / "node_modules"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path_factory.mktemp("server")) as server:
        yield server


def run(server: JupyterServer, *command: str, folder: Path) -> str:
    project_id = project_id_of(server)
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
    (tmp_path / "example.py").write_text(examples("conat.md", "python")["A project, from Python"])

    output = run(server, sys.executable, "example.py", folder=tmp_path)

    assert abs(time_told(output) - time.time()) < 60
    assert "1 project.<project id>.news.today {'hello': 'world'}" in output


def test_the_example_of_files_writes_one_and_reads_it(
    server: JupyterServer, tmp_path: Path
) -> None:
    example = examples("conat.md", "python")["Files of a project, from Python"]
    (tmp_path / "example.py").write_text(example)

    output = run(server, sys.executable, "example.py", folder=tmp_path)

    assert output.splitlines() == ["5 1", "1 2 3"]
    assert (server.work / "data" / "numbers.txt").read_text() == "1 2 3"


def test_the_javascript_example_asks_the_project(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "example.mjs").write_text(
        examples("conat.md", "javascript")["A project, from JavaScript"]
    )
    (tmp_path / "node_modules").symlink_to(MODULES)

    output = run(server, "node", "example.mjs", folder=tmp_path)

    assert "{ count: 1 }" in output
    assert abs(time_told(output) - time.time()) < 60


EXPECTED = {
    "conat.md": {
        "Your first messages": [
            "1 news.today {'hello': 'world'} {'from': 'me'}",
            "5",
        ]
    },
    "conat-streams.md": {
        "A shared map": [
            "unsaved: ['last', 'title']",
            "changed: title Draft",
            "changed: last None",
            "{'title': 'Draft', 'last': None} {'by': 'me'} 1",
        ],
        "A shared log": [
            "['one', 'two', 'three'] three [1, 2, 3] {'level': 'info'}",
            "['two', 'three', 'four']",
            "['four']",
            "['two', 'three', 'four']",
        ],
        "One by one": [
            "somebody was faster: 2",
            "[{'kind': 'start'}, 'a', 'b']",
            "[(2, 'a'), (3, 'b')]",
        ],
    },
}


@pytest.mark.parametrize(
    ("page", "heading"), [(page, heading) for page in EXPECTED for heading in EXPECTED[page]]
)
async def test_the_examples_print_what_they_should(page: str, heading: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(examples(page, "python")[heading])
    async with conat_process("--data", str(tmp_path / "data")) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "example.py",
            server.address,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            output, errors = await process.communicate()

    assert process.returncode == 0, errors.decode()
    assert output.decode().splitlines() == EXPECTED[page][heading]


def test_every_python_example_is_run() -> None:
    run_elsewhere = {"A project, from Python", "Files of a project, from Python"}
    for page, expected in EXPECTED.items():
        assert set(examples(page, "python")) - run_elsewhere == set(expected)
