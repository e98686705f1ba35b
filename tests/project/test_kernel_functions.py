"""Functions about kernels (hub-project-api §3.2; syncdoc-jupyter §4.10, §6)."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from cocalc_jupyter_ext.kernels.stateless.collected import Output
from cocalc_jupyter_ext.kernels.stateless.request import Limits, PoolOptions, Request
from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.kernel_functions import (
    MAX_EXECUTING,
    KernelFunctions,
    read_request,
)

HOME = Path("/home/x")


class Kernels:
    async def processes(self):
        return [{"pid": 7, "connectionFile": "/x/kernel-1.json", "kernel_name": "python3"}]

    async def stop_kernel(self, pid):
        return pid == 7


async def execute(request):
    return [{"data": {"text/plain": request.input}}]


@pytest.fixture
def functions():
    return KernelFunctions(Kernels(), execute, HOME).functions()


def test_all_of_them_are_in_the_catalogue(functions) -> None:
    assert set(functions) <= KNOWN_FUNCTIONS


async def test_code_is_run_and_its_outputs_are_the_result(functions) -> None:
    result = await functions["system.jupyterExecute"]({"kernel": "python3", "input": "5"})

    assert result == [{"data": {"text/plain": "5"}}]


async def test_code_that_waits_for_its_turn_is_bounded_so_that_other_calls_are_answered() -> None:
    """All calls of the project's API share the places of one service."""

    async def never(_request: Request) -> list[Output]:
        await asyncio.Event().wait()
        return []

    run = KernelFunctions(Kernels(), never, HOME).functions()["system.jupyterExecute"]
    request = {"kernel": "python3", "input": "5"}
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(request)) for _ in range(MAX_EXECUTING)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="too many pieces of code to run at once"):
            await run(request)
        for each in running:
            each.cancel()


async def test_kernels_are_listed_and_stopped_by_their_process(functions) -> None:
    (kernel,) = await functions["system.listJupyterKernels"]()
    assert set(kernel) == {"pid", "connectionFile", "kernel_name"}

    stop = functions["system.stopJupyterKernel"]
    assert await stop({"pid": 7}) == {"success": True}
    assert await stop({"pid": 8}) == {"success": False}
    with pytest.raises(ApiError, match="pid is missing"):
        await stop({})


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("name", [15, "SIGTERM"])
async def test_a_signal_reaches_its_process(functions, sleeper, name) -> None:
    assert await functions["system.signal"]({"signal": name, "pid": sleeper.pid}) is None
    assert sleeper.wait(10) == -signal.SIGTERM


async def test_all_are_signalled_and_then_the_failure_is_told(functions, sleeper) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(ApiError, match="No such process"):
        await functions["system.signal"]({"signal": 15, "pids": [gone.pid, sleeper.pid]})

    assert sleeper.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("pid", [0, 1, -1, -os.getpgid(0), True, "7", 1.5])
async def test_groups_and_what_is_no_process_are_refused(functions, pid) -> None:
    with pytest.raises(ApiError, match="not the id of a process"):
        await functions["system.signal"]({"signal": 0, "pid": pid})


@pytest.mark.parametrize("name", [999, "SIGFOO", None, 1.5, True])
async def test_what_is_no_signal_is_refused(functions, sleeper, name) -> None:
    with pytest.raises(ApiError, match="signal"):
        await functions["system.signal"]({"signal": name, "pid": sleeper.pid})

    assert sleeper.poll() is None


def test_a_request_is_read_with_the_defaults_of_the_contract() -> None:
    """``hash`` and ``tag`` are ignored at this level."""
    given = {"kernel": "k", "input": "1", "hash": "h", "tag": "t"}

    assert read_request(given, HOME) == Request("k", "1", [], None, PoolOptions(2, 3600), Limits())


def test_everything_in_a_request_counts() -> None:
    given = {
        "kernel": "k",
        "input": "1",
        "history": ["a"],
        "path": "p",
        "pool": {"size": -1, "timeout_s": 0},
        "limits": {"timeout_ms": 5},
    }
    limits = Limits(60_000, 5, 500_000, 4_000_000)

    pool = PoolOptions(-1, 0)
    assert read_request(given, HOME) == Request("k", "1", ["a"], "/home/x/p", pool, limits)


def test_a_path_begins_in_the_project_unless_it_is_absolute() -> None:
    """hub-project-api §3.2: relative paths are relative to the project's home."""
    given = {"kernel": "k", "input": "1"}

    assert read_request({**given, "path": "a/b"}, HOME).path == "/home/x/a/b"
    assert read_request({**given, "path": "/tmp"}, HOME).path == "/tmp"


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"kernel": "k"},
        {"input": "1"},
        {"kernel": 1, "input": "1"},
        {"kernel": "k", "input": "1", "history": "x"},
        {"kernel": "k", "input": "1", "history": [1]},
        {"kernel": "k", "input": "1", "path": "\0"},
        {"kernel": "k", "input": "1", "limits": []},
        {"kernel": "k", "input": "1", "limits": {"timeout_ms": "x"}},
        {"kernel": "k", "input": "1", "pool": 1},
        {"kernel": "k", "input": "1", "pool": {"timeout_s": -1}},
    ],
)
def test_what_is_no_request_is_refused(given: object) -> None:
    with pytest.raises(ApiError, match=r"system\.jupyterExecute"):
        read_request(given, HOME)
