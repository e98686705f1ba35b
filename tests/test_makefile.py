"""What ``make`` says on a machine that lacks something: the one line that tells what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What the Makefile itself calls before it has found everything else.
TOOLS = ("make", "bash", "find")
OLD_PYTHON = f"""#!/bin/sh
# Called with -c and a program.
exec {sys.executable} -c 'import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])' "$2"
"""
# Called with -e and a program.
NODE = """#!/bin/sh
exec {node} -e "Object.defineProperty(process.versions, 'node', {{ value: '{version}' }}); $2"
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder of programs with neither Node nor Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        path = shutil.which(name)
        assert path is not None, f"{name} is missing"
        (folder / name).symlink_to(path)
    return folder


def add_program(tools: Path, name: str, script: str) -> None:
    (tools / name).write_text(script)
    (tools / name).chmod(0o755)


def make(tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``make`` with these programs only, away from the checkout's virtual environment."""
    return subprocess.run(
        [tools / "make", f"VENV={tools.parent / 'venv'}", *arguments],
        check=False,
        cwd=ROOT,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_node_it_says_where_to_get_it_and_that_a_wheel_needs_none(tools: Path) -> None:
    done = make(tools, "check-node")

    assert done.returncode != 0
    assert "needs Node.js >= 20 with npm (https://nodejs.org)" in done.stderr
    assert "a released wheel needs none: pip install cocalc-jupyter" in done.stderr
    assert "command not found" not in done.stderr


@pytest.mark.parametrize(("version", "is_enough"), [("18.20.4", False), ("20.0.0", True)])
def test_a_node_that_is_too_old_is_refused(tools: Path, version: str, is_enough: bool) -> None:
    add_program(tools, "node", NODE.format(node=shutil.which("node"), version=version))
    add_program(tools, "npm", "#!/bin/sh\n")

    done = make(tools, "check-node")

    assert (done.returncode == 0) is is_enough
    assert ("needs Node.js >= 20" in done.stderr) is not is_enough


def test_an_old_python_is_refused_with_the_command_to_use(tools: Path) -> None:
    add_program(tools, "python3.9", OLD_PYTHON)

    done = make(tools, "PYTHON=python3.9", "run")

    assert done.returncode != 0
    assert "needs Python 3.11 or newer; try: make PYTHON=python3.12 run" in done.stderr
    assert not (tools.parent / "venv").exists()
