"""Kernels that were started in advance, real ones (syncdoc-jupyter §5)."""

import asyncio
import os
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError
from cocalc_jupyter_ext.kernels.kernel_queries import ask_kernel
from cocalc_jupyter_ext.kernels.pool.keys import PoolKey
from cocalc_jupyter_ext.kernels.pool.warm_kernel import (
    KernelNotMovedError,
    fingerprint,
    launch_warm_kernel,
)

PYTHON = PoolKey("python3", (("ADDED", "1"),))


@pytest.fixture
def specs() -> KernelSpecManager:
    return KernelSpecManager()


async def value(kernel, expression):
    """Return what an expression is in the kernel."""
    reply = await ask_kernel(
        kernel.connection_info,
        lambda client: client.execute("", silent=True, user_expressions={"x": expression}),
        10,
    )
    return reply["user_expressions"]["x"]["data"]["text/plain"]


async def test_it_answers_has_the_environment_of_its_key_and_can_be_moved(specs, tmp_path) -> None:
    kernel = await launch_warm_kernel(PYTHON, specs, cwd=tmp_path)
    folder = tmp_path / 'it\'s "here"'
    folder.mkdir()
    try:
        assert kernel.is_usable()
        assert await value(kernel, "__import__('os').environ['ADDED']") == "'1'"
        await kernel.move(
            str(folder), {"COCALC_JUPYTER_FILENAME": "a.ipynb", "JPY_SESSION_NAME": "/h/a.ipynb"}
        )
        assert await value(kernel, "__import__('os').getcwd()") == repr(str(folder))
        assert await value(kernel, "__import__('os').environ['COCALC_JUPYTER_FILENAME']") == (
            "'a.ipynb'"
        )
        assert await value(kernel, "__session__") == "'/h/a.ipynb'"
        assert await value(kernel, "len(In)") == "1"
        with pytest.raises(KernelNotMovedError, match="FileNotFoundError"):
            await kernel.move(str(tmp_path / "missing"), {})
    finally:
        process = kernel.provisioner.process
        file = Path(kernel._manager.connection_file)
        assert file.exists()
        await kernel.end()
        await kernel.end()
    assert process.poll() is not None
    assert not file.exists()


async def test_what_has_changed_meanwhile_makes_it_useless(specs, tmp_path, monkeypatch) -> None:
    kernel = await launch_warm_kernel(PYTHON, specs, cwd=tmp_path)
    try:
        monkeypatch.setenv("NEW_VARIABLE", "1")
        assert not kernel.is_usable()
        monkeypatch.delenv("NEW_VARIABLE")
        assert kernel.is_usable()
        os.kill(kernel.provisioner.pid, 9)
        await asyncio.to_thread(kernel.provisioner.process.wait)
        assert not kernel.is_usable()
    finally:
        await kernel.end()


def test_a_fingerprint_tells_specifications_apart(specs) -> None:
    spec = specs.get_kernel_spec("python3")
    before = fingerprint(spec, {})
    spec.argv = [*spec.argv, "--debug"]

    assert fingerprint(spec, {}) != before


async def test_a_kernel_that_is_missing_or_not_allowed_is_an_error(specs) -> None:
    with pytest.raises(KernelSpecNotFoundError):
        await launch_warm_kernel(PoolKey("fortran"), specs)
    specs.allowed_kernelspecs = {"other"}
    with pytest.raises(KernelSpecNotFoundError):
        await launch_warm_kernel(PoolKey("python3"), specs)


async def test_one_who_gives_up_leaves_no_process(specs, tmp_path) -> None:
    """The process is in its folder from the first moment, so one can see whether it is there."""
    launching = asyncio.create_task(launch_warm_kernel(PYTHON, specs, cwd=tmp_path))
    async with asyncio.timeout(60):
        while not processes_in(tmp_path):
            await asyncio.sleep(0.002)
    launching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launching

    assert processes_in(tmp_path) == []


def processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append(process.name)
        except OSError:
            continue
    return found
