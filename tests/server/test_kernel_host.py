import asyncio
from types import SimpleNamespace

import pytest
from jupyter_core.utils import ensure_async

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError, KernelUnreachableError
from cocalc_jupyter_ext.server.kernel_host import ServerKernels
from tests.support.local_kernels import local_kernels


class Manager:
    """A kernel manager with one kernel ``k``, as unusual as a test wants it."""

    def __init__(self, **attributes):
        self.kernel = SimpleNamespace(**attributes)

    def __contains__(self, kernel_id):
        return kernel_id == "k"

    def get_kernel(self, kernel_id):
        return self.kernel


async def test_a_real_kernel_is_known_alive_and_has_an_address():
    async with local_kernels() as kernels:
        kernel_id = await kernels.start()
        assert kernels.exists(kernel_id)
        assert await kernels.is_alive(kernel_id)
        assert not kernels.is_stopping(kernel_id)
        info = await kernels.connection_info(kernel_id)
        assert info["shell_port"]
        await kernels.kill(kernel_id)
        await asyncio.wait_for(dead(kernels, kernel_id), 60)
        await kernels.manager.shutdown_kernel(kernel_id, now=True)
        assert not kernels.exists(kernel_id)
        assert kernels.is_stopping(kernel_id)


async def dead(kernels, kernel_id):
    while await kernels.is_alive(kernel_id):
        await asyncio.sleep(0.01)


async def test_an_unknown_kernel_is_not_alive_and_has_no_address():
    kernels = ServerKernels(Manager())
    assert not await kernels.is_alive("x")
    with pytest.raises(KernelNotFoundError):
        await kernels.connection_info("x")


async def test_a_kernel_without_sockets_cannot_be_reached():
    kernels = ServerKernels(Manager(shell_port=0))
    with pytest.raises(KernelUnreachableError, match="gateway"):
        await kernels.connection_info("k")


async def test_a_kernel_that_is_being_ended_is_not_interrupted():
    """syncdoc-jupyter §4.5: who halts says that all cells are done, and ends the kernel at once."""
    async with local_kernels() as kernels:
        kernel_id = await kernels.start()
        kernel = kernels.manager.get_kernel(kernel_id)
        ending = asyncio.create_task(kernels.end(kernel_id))
        while kernel.ready.done() and not ending.done():
            await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="pending"):
            await ensure_async(kernels.manager.interrupt_kernel(kernel_id))
        await kernels.interrupt(kernel_id)
        await ending


async def test_a_kernel_that_could_not_be_launched_says_why():
    ready = asyncio.get_running_loop().create_future()
    ready.set_exception(RuntimeError("no such program"))
    with pytest.raises(KernelUnreachableError, match="no such program"):
        await ServerKernels(Manager(ready=ready)).connection_info("k")


def test_a_manager_that_does_not_tell_about_stopping_is_taken_as_not_stopping():
    assert not ServerKernels(Manager()).is_stopping("k")
