"""Programs that were written for the stock collaboration server find what they expect in ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import nbformat
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_nbmodel_client import NbModelClient, get_jupyter_notebook_websocket_url
from websockets.asyncio.client import ClientConnection, connect

from cocalc_jupyter_ext.server.event_emitter import AWARENESS_SCHEMA, FORK_SCHEMA, SESSION_SCHEMA

from ..support.cocalc_clients import inputs, open_cocalc_notebook
from ..support.notebook_runs import NotebookRuns
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer
from ..support.waiting import until
from .test_two_faces import sources

CONFIG = """
c = get_config()  # noqa
c.CoCalcExtension.autosave_quiet_s = 0.2
c.CoCalcExtension.file_poll_s = 0.1
c.CoCalcExtension.document_close_delay_s = 0.1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server; tests use file names of their own."""
    with JupyterServer(tmp_path_factory.mktemp("compatibility"), CONFIG) as server:
        yield server


@asynccontextmanager
async def nbmodel_client(server: JupyterServer, path: str) -> AsyncIterator[NbModelClient]:
    """Join a notebook as that package's documentation says."""
    url = await asyncio.to_thread(
        get_jupyter_notebook_websocket_url, server.url, path, TOKEN, timeout=10
    )
    async with NbModelClient(url, username="robot") as notebook:
        assert notebook.synced
        yield notebook


def texts(notebook: NbModelClient) -> list[str]:
    return [notebook.get_cell_source(index) for index in range(len(notebook))]


class KernelOfServer:
    """Has what the client needs of a kernel: the server's own, through its connection file."""

    def __init__(self, server: JupyterServer, kernel_id: str) -> None:
        self._file = server.folder / "runtime" / f"kernel-{kernel_id}.json"

    def execute_interactive(
        self, source: str, *, output_hook: Callable[[Any], None], **options: Any
    ) -> dict[str, Any]:
        """Run code; the outputs are told in the caller's thread, which owns the document."""
        with ThreadPoolExecutor(1) as worker:
            work = self._run(source, {**options, "timeout": 30})
            messages, reply = worker.submit(asyncio.run, work).result()
        for message in messages:
            output_hook(message)
        return reply

    async def _run(self, source: str, options: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        messages: list[Any] = []
        kernel = AsyncKernelClient(connection_file=str(self._file))
        kernel.load_connection_file()
        kernel.start_channels()
        try:
            await kernel.wait_for_ready(timeout=30)
            reply = await kernel.execute_interactive(source, output_hook=messages.append, **options)
            return messages, reply
        finally:
            kernel.stop_channels()


async def test_the_notebook_client_of_the_package_index_edits_with_everybody(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "edit.ipynb", "1 + 1")
    async with (
        nbmodel_client(server, "edit.ipynb") as robot,
        RoomClient(server, "edit.ipynb") as page,
        open_cocalc_notebook(server, "edit.ipynb") as db,
    ):
        robot.add_code_cell("robot = '🤖'")
        robot.set_cell_source(0, "1 + 2")
        wanted = ["1 + 2", "robot = '🤖'"]
        await until(lambda: sources(page) == inputs(db) == wanted)

        page.append_text(" # page")
        cell = next(cell for cell in db.get({"type": "cell"}) if cell["input"] == wanted[1])
        db.set({"type": "cell", "id": cell["id"], "input": "robot = None"})
        await db.commit()
        wanted = ["1 + 2 # page", "robot = None"]
        await until(lambda: texts(robot) == sources(page) == inputs(db) == wanted)

        robot.delete_cell(1)
        await until(lambda: sources(page) == inputs(db) == wanted[:1])
    await until(lambda: "# page" in (server.work / "edit.ipynb").read_text())


@pytest.mark.filterwarnings("ignore:We recommend installing `jupyter_kernel_client`")
async def test_outputs_that_the_notebook_client_writes_are_seen_by_everybody(
    server: JupyterServer,
) -> None:
    runs = await NotebookRuns.start(server, "run.ipynb", "print('by the robot 🤖')\n6 * 7")
    kernel = KernelOfServer(server, runs.kernel_id)
    async with (
        RoomClient(server, "run.ipynb") as page,
        open_cocalc_notebook(server, "run.ipynb") as db,
        nbmodel_client(server, "run.ipynb") as robot,
    ):
        result = robot.execute_cell(0, kernel)
        assert result["status"] == "ok"

        await page.until(lambda: page.document.ycells[0].to_py()["execution_count"] == 1)
        outputs = page.document.ycells[0].to_py()["outputs"]
        assert [output["output_type"] for output in outputs] == ["stream", "execute_result"]
        assert outputs[1]["data"]["text/plain"] == "42"
        await until(lambda: len(db.get_one({"type": "cell"}).get("output") or {}) == 2)
        assert "by the robot 🤖" in json.dumps(
            db.get_one({"type": "cell"})["output"], ensure_ascii=False
        )
        assert await page.save() == "success"
    await runs.shut_kernel_down()
    saved = (server.work / "run.ipynb").read_text()
    assert nbformat.reads(saved, as_version=4).cells[0].outputs[1].data["text/plain"] == "42"


async def event(socket: ClientConnection, schema: str, **wanted: str) -> dict[str, Any]:
    """Wait at the events endpoint for one with these values."""
    async with asyncio.timeout(60):
        while True:
            data = json.loads(await socket.recv())
            if data["schema_id"] == schema and wanted.items() <= data.items():
                return dict(data)


async def test_sessions_and_presence_are_told_at_the_events_endpoint(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "told.ipynb", "1")
    async with connect(server.socket_url("api/events/subscribe")) as events:
        async with RoomClient(server, "told.ipynb") as page:
            about = {"room": page.room_id, "path": "told.ipynb"}
            await event(events, SESSION_SCHEMA, **about, action="load", level="INFO")
            # By these words the servers of chats learn that there is a document.
            words = {"action": "initialize", "msg": "Room initialized"}
            await event(events, SESSION_SCHEMA, **about, **words)
            joined = await event(events, AWARENESS_SCHEMA, action="join", roomid=page.room_id)
            page.append_text("2")
            await event(events, SESSION_SCHEMA, **about, action="save")
            write_notebook(server.work / "told.ipynb", "from disk")
            await event(events, SESSION_SCHEMA, **about, action="overwrite")
        left = await event(events, AWARENESS_SCHEMA, action="leave", roomid=page.room_id)
        await event(events, SESSION_SCHEMA, **about, action="clean")
        assert left["username"] == joined["username"]


async def test_forks_of_other_extensions_can_be_told_at_the_events_endpoint(
    server: JupyterServer,
) -> None:
    info = {"root_roomid": "text:file:a", "synchronize": True, "title": "t", "description": "d"}
    data = {"fork_roomid": "f", "fork_info": info, "username": "ann", "action": "create"}
    async with connect(server.socket_url("api/events/subscribe")) as events:
        body = json.dumps({"schema_id": FORK_SCHEMA, "version": "1", "data": data})
        response = await server.request("POST", "api/events", content=body)

        assert response.status_code == 204, response.text
        assert (await event(events, FORK_SCHEMA, action="create"))["fork_info"] == info
