"""What a real server answers about kernels (syncdoc-jupyter §4.10, §6; hub-project-api §3.2)."""

import asyncio
import json

import psutil
import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.services import rpc
from cocalc_jupyter_ext.conat.services.service import call

from ..support.cocalc_clients import api_of, client_of, project_id_of


async def start(server, path):
    model = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "python3"}}
    response = await server.request("POST", "api/sessions", content=json.dumps(model))
    response.raise_for_status()
    return response.json()["kernel"]["id"]


async def test_code_runs_once_and_its_state_is_not_kept(server) -> None:
    async with client_of(server) as client:

        async def execute(**options):
            options = {"kernel": "python3", "pool": {"size": 1}, **options}
            return await call(client, api_of(server), "system.jupyterExecute", [options])

        first = await execute(input="kept = 5; 2+3")
        second = await execute(input="kept", history=[])
        third = await execute(input="print(x)", history=["x = 1"])

        assert first == [{"data": {"text/plain": "5"}}]
        assert second[0]["ename"] == "NameError"
        assert third == [{"name": "stdout", "text": "1\n"}]
        with pytest.raises(RemoteError, match='No kernel named "fortran"'):
            await execute(kernel="fortran", input="1")
        with pytest.raises(RemoteError, match="exit code 3"):
            await execute(input="import os; os._exit(3)")


async def test_kernels_are_listed_measured_and_stopped(server) -> None:
    kernel_id = await start(server, "listed.ipynb")
    async with client_of(server) as client:
        kernels = await call(client, api_of(server), "system.listJupyterKernels")
        kernel = next(each for each in kernels if kernel_id in each["connectionFile"])
        assert kernel["kernel_name"] == "python3"
        process = psutil.Process(kernel["pid"])

        subject = project_subject(project_id_of(server), "usage-info", compute_server_id=0)
        usage = await rpc.call(client, subject, "get", ["listed.ipynb"])
        assert usage["mem"] > 1
        assert usage["mem_limit"] >= usage["mem_free"] > 0
        assert await rpc.call(client, subject, "get", ["other.ipynb"]) is None

        stop = [{"pid": kernel["pid"]}]
        for success in (True, False):
            result = await call(client, api_of(server), "system.stopJupyterKernel", stop)
            assert result == {"success": success}
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        left = await call(client, api_of(server), "system.listJupyterKernels")
        assert kernel["pid"] not in [each["pid"] for each in left]


async def test_kernels_for_code_that_runs_once_are_listed_and_stopped(server) -> None:
    """hub-project-api §8.4, "jupyter: management": the warm pool provides a kernel."""
    async with client_of(server) as client:
        options = {"kernel": "python3", "input": "1"}
        await call(client, api_of(server), "system.jupyterExecute", [options])
        async with asyncio.timeout(20):  # the pool has just begun to start the next one
            while not (kernels := await call(client, api_of(server), "system.listJupyterKernels")):
                await asyncio.sleep(0.02)
        assert all(each["pid"] > 1 and each["connectionFile"] for each in kernels)
        assert {each["kernel_name"] for each in kernels} == {"python3"}

        pid = kernels[0]["pid"]
        for success in (True, False):
            stop = [{"pid": pid}]
            result = await call(client, api_of(server), "system.stopJupyterKernel", stop)
            assert result == {"success": success}
        left = await call(client, api_of(server), "system.listJupyterKernels")
        assert pid not in [each["pid"] for each in left]


async def test_relative_paths_of_code_begin_in_the_folder_of_the_project(server) -> None:
    """hub-project-api §3.2."""
    async with client_of(server) as client:
        make = [{"path": "deep/er/x", "content": ""}]
        await call(client, api_of(server), "system.writeTextFileToProject", make)
        code = {"kernel": "python3", "input": "import os; print(os.listdir())", "path": "deep/er"}
        (said,) = await call(client, api_of(server), "system.jupyterExecute", [code])

    assert said == {"name": "stdout", "text": "['x']\n"}


async def test_several_requests_run_at_the_same_time(server) -> None:
    async with client_of(server) as client:
        options = {"kernel": "python3", "input": "import time; time.sleep(0.2); 1"}
        results = await asyncio.gather(
            *[call(client, api_of(server), "system.jupyterExecute", [options]) for _ in range(3)]
        )

    assert results == [[{"data": {"text/plain": "1"}}]] * 3
