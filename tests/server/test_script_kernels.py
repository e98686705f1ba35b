"""Kernels of scripts inside the server, which JupyterLab sees (syncdoc-jupyter §4.4, §15)."""

import signal
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.services.sessions.sessionmanager import SessionManager

from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError
from cocalc_jupyter_ext.kernels.standalone.kernel import kernel
from cocalc_jupyter_ext.server.notebook_kernels import NotebookKernels
from cocalc_jupyter_ext.server.script_kernels import ScriptKernels


@pytest.fixture
async def server(tmp_path):
    """Jupyter Server's own managers of kernels and sessions."""
    manager = AsyncMappingKernelManager(
        root_dir=str(tmp_path),
        kernel_spec_manager=KernelSpecManager(),
        connection_dir=str(tmp_path),
    )
    contents = AsyncLargeFileManager(root_dir=str(tmp_path))
    sessions = SessionManager(kernel_manager=manager, contents_manager=contents)
    yield manager, sessions
    await manager.shutdown_all(now=True)
    manager.context.destroy(linger=0)
    sessions.close()


def host_of(server):
    manager, sessions = server
    return ScriptKernels(manager, NotebookKernels(sessions, manager))


def printed(messages):
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


async def test_the_kernel_of_a_notebook_is_that_of_its_session(server, tmp_path) -> None:
    manager, sessions = server
    async with kernel("python3", "a.ipynb", host=host_of(server)) as python:
        said = printed(await python.run_code("import os; print(os.getcwd()); x = 5"))
        assert said == f"{tmp_path}\n"
        (session,) = await sessions.list_sessions()
        assert (session["path"], session["kernel"]["id"]) == ("a.ipynb", python.kernel_id)

        notebooks = NotebookKernels(sessions, manager)
        own = await notebooks.ensure("a.ipynb", None)
        file = (await notebooks.look("a.ipynb")).connection_file
        assert Path(file or "").is_absolute()
        assert Path(file or "").exists()
        assert own == python.kernel_id

    assert await sessions.list_sessions() == []
    assert manager.list_kernel_ids() == []


async def test_any_signal_reaches_the_kernel_of_a_notebook(server) -> None:
    """RPC ``signal`` (§4.9): to the process group of the kernel."""
    manager, sessions = server
    async with kernel("python3", "a.ipynb", host=host_of(server)) as python:
        handler = "import signal; got = []; signal.signal(signal.SIGUSR1, lambda *_: got.append(1))"
        await python.run_code(f"{handler}; None")
        await NotebookKernels(sessions, manager).signal(python.kernel_id, signal.SIGUSR1)
        said = printed(await python.run_code("import time; time.sleep(0.01); print(got)"))

    assert said == "[1]\n"


async def test_a_kernel_without_a_notebook_is_in_the_servers_list(server, tmp_path) -> None:
    manager, _ = server
    options = {"host": host_of(server), "cwd": str(tmp_path), "env": {"GIVEN": "1"}}
    async with kernel("python3", **options) as python:
        said = printed(await python.run_code("import os; print(os.getcwd(), os.environ['GIVEN'])"))
        assert said == f"{tmp_path} 1\n"
        assert manager.list_kernel_ids() == [python.kernel_id]

    assert manager.list_kernel_ids() == []


async def test_what_cannot_be_is_refused(server) -> None:
    host = host_of(server)
    with pytest.raises(KernelSpecNotFoundError, match="fortran"):
        await host.start("fortran", path="a.ipynb", cwd=None, env={})
    with pytest.raises(ValueError, match=r"a\.ipynb has the environment of the server"):
        await host.start("python3", path="a.ipynb", cwd=None, env={"A": "1"})
