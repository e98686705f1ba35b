"""What Binder does with this repository, done here step by step in a fresh virtual environment."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import pytest
import yaml

from tests.support.servers import TOKEN, JupyterServer

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def visitor_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout without anything that was built in it."""
    home = tmp_path_factory.mktemp("binder") / "home"
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return home


@pytest.fixture(scope="module")
def environment(visitor_home: Path) -> Path:
    """Return a fresh virtual environment after ``binder/postBuild`` ran in it."""
    venv = visitor_home.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run(
        ["bash", visitor_home / "binder" / "postBuild"],
        cwd=visitor_home,
        env=environment_of(venv),
        check=True,
    )
    return venv


def environment_of(venv: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    return kept | {"PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}


@dataclass
class VisitorServer(JupyterServer):
    """JupyterLab as Binder starts it: in the checkout, with the environment's Python."""

    environment: Path = Path()
    home: Path = Path()

    def _command(self) -> list[str]:
        return [
            str(self.environment / "bin" / "python"),
            "-m",
            "jupyterlab",
            "--allow-root",
            "--no-browser",
            "--ServerApp.port_retries=0",
            f"--ServerApp.port={self.port}",
            f"--ServerApp.root_dir={self.home}",
            f"--IdentityProvider.token={TOKEN}",
        ]

    def _environment(self) -> dict[str, str]:
        return environment_of(self.environment) | {"HOME": str(self.folder)}


@pytest.fixture(scope="module")
def server(visitor_home: Path, environment: Path) -> Iterator[JupyterServer]:
    folder = visitor_home.parent / "server"
    running = VisitorServer(folder, environment=environment, home=visitor_home)
    running.start()
    yield running
    running.stop()


def test_the_environment_names_what_the_build_needs() -> None:
    spec = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())
    wanted = dict(name.partition("=")[::2] for name in spec["dependencies"])

    assert tuple(map(int, wanted["python"].split("."))) >= (3, 11)
    assert int(wanted["nodejs"]) >= 20
    assert "pip" in wanted


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_visitor_finds_a_valid_demo_notebook(visitor_home: Path, environment: Path) -> None:
    notebook = nbformat.read(visitor_home / "demo.ipynb", as_version=4)

    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# Welcome")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_visitor_gets_live_documents_and_our_front_end(server: JupyterServer) -> None:
    headers = {"Authorization": f"token {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        session = client.put(
            "api/collaboration/session/demo.ipynb", json={"format": "json", "type": "notebook"}
        )
        page = client.get("lab")

    assert session.status_code in {200, 201}
    assert session.json()["type"] == "notebook"
    assert "cocalc-jupyter" in page.text
