"""Environment and limits of kernels (syncdoc-jupyter §4.8)."""

import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from shutil import which

import psutil
import pytest

from cocalc_jupyter_ext.kernels.launching import (
    OUTPUT_VARIABLE,
    kernel_environment,
    with_limits,
    with_parent,
    with_prompt_output,
)


def test_what_is_the_servers_is_dropped_and_the_rest_is_kept() -> None:
    base = {"DEBUG": "1", "DEBUG_CONSOLE": "1", "NODE_ENV": "x", "DEBUG_FILE": "f", "PATH": "/bin"}

    assert kernel_environment(base, name="python3") == {
        "PATH": "/bin",
        "PLOTLY_RENDERER": "colab",
        "COCALC_JUPYTER_KERNELNAME": "python3",
    }


def test_a_kernel_knows_its_name_and_its_notebook() -> None:
    env = kernel_environment({}, name="ir", path="a/b.ipynb")

    assert env["COCALC_JUPYTER_KERNELNAME"] == "ir"
    assert env["COCALC_JUPYTER_FILENAME"] == "a/b.ipynb"


def test_a_renderer_that_somebody_chose_is_kept() -> None:
    assert kernel_environment({"PLOTLY_RENDERER": "svg"}, name="x")["PLOTLY_RENDERER"] == "svg"


@pytest.mark.parametrize("program", ["sage", "/opt/sage/sage-10.1"])
def test_sage_gets_folders_of_its_own(program: str) -> None:
    env = kernel_environment({}, name="sage", argv=[program], home="/home/u")

    assert env["PYTHONUSERBASE"] == "/home/u/.local"
    assert env["PYTHON_EGG_CACHE"] == "/home/u/.sage/.python-eggs"
    assert env["R_MAKEVARS_USER"] == "/home/u/.sage/R/Makevars.user"
    assert "PYTHONUSERBASE" not in kernel_environment({}, name="x", argv=["python"], home="/h")


def test_limits_hold_in_the_process_that_is_run() -> None:
    command = with_limits(
        ["sh", "-c", 'ulimit -n; ulimit -t; echo "$1"', "x", "a 'b'"], "-n 99 -t 7"
    )

    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "99\n7\na 'b'\n"


def test_a_limit_above_that_of_the_machine_does_not_keep_a_kernel_from_starting() -> None:
    command = with_limits(["sh", "-c", "ulimit -t"], "-n 999999999999 -t 7")

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "7\n"


def test_without_limits_the_command_stays_what_it_was() -> None:
    assert with_limits(["a", "b"], "") == ["a", "b"]


@pytest.mark.parametrize("ulimit", ["-t", "-t x", "-t 1; rm", "30", "-t 1 -n"])
def test_what_is_no_limit_is_an_error(ulimit: str) -> None:
    with pytest.raises(ValueError, match="is not an option of ulimit"):
        with_limits(["a"], ulimit)


def test_a_process_ends_when_the_one_that_started_it_is_killed() -> None:
    setpriv = which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed")
    command = with_parent(["sleep", "60"], setpriv)
    script = (
        f"import subprocess; p = subprocess.Popen({command}); print(p.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        while child.cmdline()[:1] != ["sleep"]:  # before that it does not know its parent
            time.sleep(0.01)
        parent.kill()
    deadline = time.monotonic() + 60
    with suppress(psutil.NoSuchProcess):
        while child.status() != psutil.STATUS_ZOMBIE:  # nobody may be there to bury it
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_without_the_program_the_command_stays_what_it_was() -> None:
    assert with_parent(["a"], None) == ["a"]


PYTHON = ["/env/bin/python", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{file}"]


def test_a_python_kernel_is_told_to_print_promptly() -> None:
    *command, option = with_prompt_output(PYTHON, {})

    assert command == PYTHON
    name, _, path = option.partition("=")
    assert name == "--IPKernelApp.outstream_class"
    module, _, stream = path.rpartition(".")
    assert hasattr(import_module(module), stream)


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (["/env/bin/python", "-m", "bash_kernel", "-f", "{file}"], {}),
        (PYTHON, {OUTPUT_VARIABLE: "stock"}),
        ([*PYTHON, "--IPKernelApp.outstream_class=their.Stream"], {}),
    ],
)
def test_other_kernels_and_whoever_chose_a_way_to_print_keep_it(
    argv: list[str], env: dict[str, str]
) -> None:
    assert with_prompt_output(argv, env) == argv
