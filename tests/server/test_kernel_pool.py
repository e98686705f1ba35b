"""Kernels that JupyterLab starts come from the pool (syncdoc-jupyter §5)."""

import asyncio
import json
from pathlib import Path

import psutil
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.kernels.pool.settings import PoolSettings
from cocalc_jupyter_ext.server.kernel_pool import (
    PROVISIONER,
    ServerKernelPool,
    notebook_path,
)

from ..support.cocalc_clients import api_of, client_of
from ..support.waiting import until


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setenv("COCALC_JUPYTER_POOL_LAUNCH_DELAY_MS", "1")


def kernels_of(server):
    return {
        process.pid
        for process in psutil.Process(server.process.pid).children(recursive=True)
        if "ipykernel_launcher" in " ".join(process.cmdline())
    }


async def start(server, path):
    name = path.rpartition("/")[2]
    model = {"path": path, "type": "notebook", "name": name, "kernel": {"name": "python3"}}
    response = await server.request("POST", "api/sessions", content=json.dumps(model))
    response.raise_for_status()
    return response.json()["kernel"]["id"]


def runs(pid):
    """Return whether a process runs; one that nobody buries does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def connection_files(server):
    return {file.stem.removeprefix("kernel-"): file for file in runtime(server).glob("kernel-*")}


def runtime(server):
    return server.folder / "runtime"


async def pooled(server, *known):
    """Wait until a kernel beside these answers; return its process."""
    await until(lambda: len(connection_files(server)) > len(known))
    (unknown,) = set(connection_files(server)) - set(known)
    client = AsyncKernelClient(connection_file=str(connection_files(server)[unknown]))
    client.load_connection_file()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=30)
    finally:
        client.stop_channels()
    (pid,) = [
        process.pid
        for process in psutil.Process(server.process.pid).children()
        if unknown in " ".join(process.cmdline())
    ]
    return pid


async def test_a_session_takes_the_pooled_kernel_and_none_outlives_the_server(
    quick, own_server
) -> None:
    """Also when the server is killed: nobody could end them then."""
    own_server.start()
    first = await start(own_server, "first.ipynb")
    ready = await pooled(own_server, first)
    second = await start(own_server, "second.ipynb")

    models = (await own_server.request("GET", "api/kernels")).json()
    assert {model["id"] for model in models} == {first, second}
    await until(lambda: len(kernels_of(own_server)) == 3)
    assert ready in kernels_of(own_server)
    # The pooled process has two files: the one it was started with, and that of its new id.
    assert len(connection_files(own_server)) == 4
    response = await own_server.request("DELETE", f"api/kernels/{second}")
    assert response.status_code == 204
    assert not runs(ready)

    pids = kernels_of(own_server)
    own_server.kill()
    await until(lambda: not any(map(runs, pids)))
    own_server.start()  # the kind that was used last is made ready again
    await until(lambda: len(kernels_of(own_server)) == 1)
    await list_and_stop(own_server, *kernels_of(own_server))
    pids = kernels_of(own_server)
    own_server.stop()
    assert not any(map(runs, pids))


async def list_and_stop(server, pid):
    """A collaborator sees a kernel that nobody uses, and may end it (hub-project-api §3.2)."""
    async with client_of(server) as client:
        async with asyncio.timeout(30):
            while not (found := await call(client, api_of(server), "system.listJupyterKernels")):
                await asyncio.sleep(0.05)
        assert [(each["pid"], each["kernel_name"]) for each in found] == [(pid, "python3")]
        assert Path(found[0]["connectionFile"]).is_file()

        for success in (True, False):
            stop = [{"pid": pid}]
            result = await call(client, api_of(server), "system.stopJupyterKernel", stop)
            assert result == {"success": success}
        assert pid not in [
            each["pid"] for each in await call(client, api_of(server), "system.listJupyterKernels")
        ]
    await until(lambda: not psutil.pid_exists(pid))


class Manager:
    """As much of Jupyter Server's kernel manager as the pool looks at."""

    parent = None
    root_dir = "/home/u"

    def __init__(self):
        self.kernel_spec_manager = KernelSpecManager()


@pytest.fixture
def factory():
    KernelProvisionerFactory.clear_instance()
    yield KernelProvisionerFactory.instance()
    KernelProvisionerFactory.clear_instance()


async def test_it_is_the_default_provisioner_while_the_server_runs(factory) -> None:
    part = ServerKernelPool(Manager(), PoolSettings(size=0))
    await part.start()
    assert factory.default_provisioner_name == PROVISIONER
    assert factory.is_provisioner_available(KernelSpecManager().get_kernel_spec("python3"))
    assert "PooledProvisioner" in factory.get_provisioner_entries()[PROVISIONER]

    await part.stop()
    await part.stop()
    assert factory.default_provisioner_name == "local-provisioner"
    assert PROVISIONER not in factory.provisioners


async def test_a_provisioner_that_an_administrator_chose_stays(factory) -> None:
    factory.default_provisioner_name = "theirs"
    part = ServerKernelPool(Manager(), PoolSettings())
    await part.start()
    assert factory.default_provisioner_name == "theirs"

    await part.stop()
    assert factory.default_provisioner_name == "theirs"


async def test_a_kernel_that_names_its_provisioner_keeps_it(factory) -> None:
    part = ServerKernelPool(Manager(), PoolSettings(size=0))
    await part.start()
    spec = KernelSpecManager().get_kernel_spec("python3")
    spec.metadata["kernel_provisioner"] = {"provisioner_name": "local-provisioner"}

    made = factory.create_provisioner_instance("id", spec, None)
    assert type(made).__name__ == "LocalProvisioner"
    await part.stop()


@pytest.mark.parametrize(
    ("env", "path"),
    [
        ({"JPY_SESSION_NAME": "/home/u/a/b.ipynb"}, "a/b.ipynb"),
        ({"JPY_SESSION_NAME": "/other/b.ipynb"}, "/other/b.ipynb"),
        ({"JPY_SESSION_NAME": "/home/u/"}, None),
        ({"COCALC_JUPYTER_FILENAME": "c.ipynb"}, "c.ipynb"),
        ({}, None),
    ],
)
def test_the_notebook_is_named_relative_to_the_home_of_the_project(env, path) -> None:
    assert notebook_path(env, Path("/home/u")) == path
