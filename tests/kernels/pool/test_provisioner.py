"""Kernels of a kernel manager that come from the pool (syncdoc-jupyter §5)."""

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.multikernelmanager import AsyncMultiKernelManager

from cocalc_jupyter_ext.kernels.kernel_queries import KernelQueries
from cocalc_jupyter_ext.kernels.managed_kernels import ManagedKernels
from cocalc_jupyter_ext.kernels.pool.keys import PoolKey
from cocalc_jupyter_ext.kernels.pool.provisioner import PooledProvisioner
from cocalc_jupyter_ext.kernels.pool.warm_kernel import launch_warm_kernel


class Pool:
    """Gives what a test puts in, and remembers what was asked for."""

    def __init__(self):
        self.kernels = []
        self.asked = []

    def take(self, key):
        self.asked.append(key)
        return self.kernels.pop() if self.kernels else None


@pytest.fixture
async def pool():
    pool = Pool()
    yield pool
    for kernel in pool.kernels:
        await kernel.end()


@pytest.fixture
async def manager(pool, tmp_path):
    """A manager of the kind that Jupyter Server has, with kernels from the pool."""
    manager = AsyncMultiKernelManager(connection_dir=str(tmp_path))

    def make(**options):
        made = AsyncKernelManager(context=manager.context, **options)
        made.provisioner = PooledProvisioner(pool=pool, kernel_spec=made.kernel_spec, parent=made)
        return made

    manager.kernel_manager_factory = make
    yield manager
    await manager.shutdown_all(now=True)
    manager.context.destroy(linger=0)


async def fill(pool, tmp_path):
    kernel = await launch_warm_kernel(PoolKey("python3"), KernelSpecManager(), cwd=tmp_path)
    pool.kernels.append(kernel)
    return kernel


async def value(manager, kernel_id, expression):
    queries = KernelQueries(ManagedKernels(manager), timeout_s=20)
    ask = partial(
        queries._ask,
        kernel_id,
        lambda client: client.execute("", user_expressions={"x": expression}),
    )
    return (await ask())["user_expressions"]["x"]["data"]["text/plain"]


async def test_a_kernel_takes_a_pooled_process_restarts_as_usual_and_leaves_no_files(
    pool, manager, tmp_path
) -> None:
    warm = await fill(pool, tmp_path)
    pooled_pid, pooled_file = warm.provisioner.pid, Path(warm._manager.connection_file)
    folder = tmp_path / "new folder"
    env = {**os.environ, "COCALC_JUPYTER_FILENAME": "a.ipynb"}
    kernel_id = await manager.start_kernel(kernel_name="python3", env=env, cwd=str(folder))

    async def pid():
        return int(await value(manager, kernel_id, "__import__('os').getpid()"))

    assert await pid() == pooled_pid == ManagedKernels(manager).pid(kernel_id)
    assert await value(manager, kernel_id, "__import__('os').getcwd()") == repr(str(folder))
    variable = "__import__('os').environ['COCALC_JUPYTER_FILENAME']"
    assert await value(manager, kernel_id, variable) == "'a.ipynb'"
    info = manager.get_kernel(kernel_id).get_connection_info()

    await manager.restart_kernel(kernel_id, now=True)
    ending = await ManagedKernels(manager).ending(kernel_id)
    assert (ending.exit_code, ending.launch) == (-9, 1)
    assert await pid() != pooled_pid
    assert manager.get_kernel(kernel_id).get_connection_info() == info
    assert not pooled_file.exists()
    assert await value(manager, kernel_id, variable) == "'a.ipynb'"
    assert len(pool.asked) == 1

    own_file = Path(manager.get_kernel(kernel_id).connection_file)
    assert own_file.exists()
    await manager.shutdown_kernel(kernel_id, now=True)
    assert not own_file.exists()


async def test_a_pooled_process_that_cannot_be_moved_is_replaced_by_an_ordinary_start(
    pool, manager, tmp_path, caplog
) -> None:
    warm = await fill(pool, tmp_path)
    os.kill(warm.provisioner.pid, 9)
    await asyncio.to_thread(warm.provisioner.process.wait)
    pid = warm.provisioner.pid

    async def move(cwd, variables):
        await original(cwd, {**variables, "no name": "\0"})

    original, warm.move = warm.move, move
    monkey = "cocalc_jupyter_ext.kernels.pool.warm_kernel.MOVE_TIMEOUT_S"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monkey, 0.1)
        kernel_id = await manager.start_kernel(kernel_name="python3", cwd=str(tmp_path))

    assert int(await value(manager, kernel_id, "__import__('os').getpid()")) != pid
    assert "was of no use: it does not answer" in caplog.text


@pytest.mark.parametrize(
    "unusual",
    [{"extra_arguments": ["--x"]}, {"stdout": 1}, {"transport_encryption": "auto"}],
    ids=lambda options: next(iter(options)),
)
async def test_an_unusual_launch_does_not_ask_the_pool(pool, manager, unusual) -> None:
    made = manager.kernel_manager_factory(kernel_name="python3", connection_file="x")

    assert made.provisioner._key({"env": {}, **unusual}) is None
    assert made.provisioner._key({"env": {}}) is not None


async def test_ports_or_an_address_of_its_own_keep_a_kernel_from_the_pool(pool, manager) -> None:
    for setting in ({"shell_port": 9999}, {"ip": "0.0.0.0"}, {"transport": "ipc"}):
        made = manager.kernel_manager_factory(kernel_name="python3", **setting)
        assert made.provisioner._key({}) is None
