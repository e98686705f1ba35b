"""What browsers hear on the kernel websocket while the server runs cells."""

import asyncio
import logging

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from cocalc_jupyter_ext.kernels.channels import RUNNER_SESSION_PREFIX
from cocalc_jupyter_ext.server.kernel_websocket import DocumentOutputsConnection, install
from tests.support.kernel_socket import KernelSocket
from tests.support.notebook_runs import NotebookRuns
from tests.support.servers import JupyterServer

NOISY = "import sys\nprint('x')\nprint('y', file=sys.stderr)\ndisplay(1)\n2"
SLIDER = "import ipywidgets\nipywidgets.IntSlider(value=7)"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with JupyterServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
async def notebook(server, request):
    runs = await NotebookRuns.start(
        server, f"{request.node.name}.ipynb", NOISY, SLIDER, "1 / 0", "import os; os.getpid()"
    )
    yield runs
    await server.request("DELETE", f"api/kernels/{runs.kernel_id}")


def by_runner(messages):
    return [
        message
        for message in messages
        if message["parent_header"].get("session", "").startswith(RUNNER_SESSION_PREFIX)
    ]


def kinds(messages):
    return {message["header"]["msg_type"] for message in messages}


async def test_outputs_that_are_in_the_document_are_not_sent_and_the_status_is(notebook):
    async with KernelSocket(notebook.server, notebook.kernel_id) as socket:
        await notebook.run("c0", "c2")
        received = await socket.until_reply(await socket.execute("None"))
    assert kinds(by_runner(received)) == {"status"}
    states = [m["content"]["execution_state"] for m in by_runner(received)]
    assert {"busy", "idle"} <= set(states)


async def test_a_console_on_the_same_kernel_hears_its_own_outputs(notebook):
    async with KernelSocket(notebook.server, notebook.kernel_id) as socket:
        received = await socket.until_reply(await socket.execute(NOISY))
    assert {"stream", "display_data", "execute_result", "execute_input"} <= kinds(received)


async def test_widgets_made_by_a_run_reach_every_browser_and_their_view_is_in_the_document(
    notebook,
):
    async with (
        KernelSocket(notebook.server, notebook.kernel_id, "one") as one,
        KernelSocket(notebook.server, notebook.kernel_id, "two") as two,
    ):
        await notebook.run("c1")
        models = []
        for socket in (one, two):
            received = await socket.until_reply(await socket.execute("None"))
            opened = [m for m in by_runner(received) if m["header"]["msg_type"] == "comm_open"]
            models.append([m["content"]["comm_id"] for m in opened])
            assert all(m["content"]["target_name"] == "jupyter.widget" for m in opened)
    cell = await notebook.cell("c1")
    (shown,) = cell["outputs"]
    view = shown["data"]["application/vnd.jupyter.widget-view+json"]
    assert models[0] == models[1]
    assert view["model_id"] in models[0]
    assert cell["metadata"]["trusted"] is True


async def test_a_browser_that_comes_back_gets_what_it_missed_except_outputs_in_the_document(
    notebook,
):
    async with KernelSocket(notebook.server, notebook.kernel_id, "same"):
        pass
    await notebook.run("c0", "c1")
    async with KernelSocket(notebook.server, notebook.kernel_id, "same") as socket:
        received = await socket.until_reply(await socket.execute("None"))
    kept = kinds(by_runner(received))
    assert "comm_open" in kept
    assert not kept & {"stream", "display_data", "execute_result", "execute_input"}


async def test_the_kernel_still_reports_its_state_over_rest(notebook):
    path = f"api/kernels/{notebook.kernel_id}"
    states = set()
    async with asyncio.timeout(30):
        # The server's own watcher may connect after the first run, and then knows only the next.
        while "idle" not in states:
            await notebook.run("c0")
            states.add((await notebook.server.request("GET", path)).json()["execution_state"])
    assert states <= {"starting", "busy", "idle"}


def test_a_connection_class_that_somebody_chose_is_kept_and_told(caplog):
    class Chosen(ZMQChannelsWebsocketConnection):
        pass

    settings = {"kernel_websocket_connection_class": Chosen}
    with caplog.at_level(logging.INFO):
        assert not install(settings, logging.getLogger("test"))
    assert settings["kernel_websocket_connection_class"] is Chosen
    assert "stays Chosen" in caplog.text


def test_the_stock_connection_class_is_replaced():
    settings = {"kernel_websocket_connection_class": ZMQChannelsWebsocketConnection}
    assert install(settings, logging.getLogger("test"))
    assert settings["kernel_websocket_connection_class"] is DocumentOutputsConnection
