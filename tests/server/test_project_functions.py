"""The functions of the project's API in a real server, as CoCalc clients call them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.contents.manager import ContentsManager

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.services import service
from cocalc_jupyter_ext.conat.services.named import ServiceClient, service_subject
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.types import User
from cocalc_jupyter_ext.documents.syncdoc.string_patch import apply_string_patch
from cocalc_jupyter_ext.documents.syncdoc.syncstring import open_syncstring
from cocalc_jupyter_ext.project.browsers import find_browser
from cocalc_jupyter_ext.server.conat import ConatService
from cocalc_jupyter_ext.server.project_functions import ProjectFunctions

from ..support.cocalc_clients import api_of, client_of, project_id_of
from ..support.documents import open_world
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.synced_notebooks import open_notebook_records
from ..support.waiting import until
from .conftest import SLOW_CONFIG
from .test_conat import OTHER, P


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server that writes files only when somebody asks for it."""
    with JupyterServer(tmp_path_factory.mktemp("slow"), SLOW_CONFIG) as server:
        yield server


async def call(server: JupyterServer, name: str, *args: object) -> Any:
    async with client_of(server) as client:
        return await service.call(client, api_of(server), name, args, timeout_s=60)


@asynccontextmanager
async def records_of(server: JupyterServer, client: Client, notebook: str) -> AsyncIterator[Any]:
    path = f".{notebook}.sage-jupyter2"
    async with open_notebook_records(client, project_id=project_id_of(server), path=path) as db:
        yield db


async def test_files_are_those_that_jupyter_shows(slow_server: JupyterServer) -> None:
    await call(
        slow_server, "system.writeTextFileToProject", {"path": "sub/x.txt", "content": "hello"}
    )

    listing = await call(slow_server, "system.listing", {"path": "sub"})
    shown = await slow_server.request("GET", "api/contents/sub/x.txt")

    assert [(each["name"], each["size"]) for each in listing] == [("x.txt", 5)]
    assert shown.json()["content"] == "hello"
    await call(slow_server, "system.deleteFiles", {"paths": ["sub"]})
    assert (await slow_server.request("GET", "api/contents/sub")).status_code == 404


async def test_commands_run_in_the_folder_of_the_files(slow_server: JupyterServer) -> None:
    done = await call(slow_server, "system.exec", {"command": "pwd; echo ${JUPYTER_TOKEN:-none}"})

    assert done["stdout"] == f"{slow_server.work}\nnone\n"


async def test_an_error_reaches_the_caller_as_the_contract_words_it(
    slow_server: JupyterServer,
) -> None:
    with pytest.raises(RemoteError, match="exited with nonzero code 42"):
        await call(slow_server, "system.exec", {"command": "exit 42", "bash": True})
    with pytest.raises(RemoteError, match=r"^killed command"):
        await call(slow_server, "system.exec", {"command": "sleep 9", "timeout": 0.1})
    with pytest.raises(RemoteError, match="ENOENT"):
        await call(slow_server, "system.listing", {"path": "nothing"})


async def test_an_open_notebook_follows_its_file(slow_server: JupyterServer) -> None:
    write_notebook(slow_server.work / "old.ipynb", "first")
    async with RoomClient(slow_server, "old.ipynb") as page:
        await call(slow_server, "system.renameFile", {"src": "old.ipynb", "dest": "new.ipynb"})
        page.append_text(" # after the move")
        assert await page.save() == "success"

    assert not (slow_server.work / "old.ipynb").exists()
    assert "after the move" in (slow_server.work / "new.ipynb").read_text()


async def test_the_kernels_are_those_that_the_server_starts(slow_server: JupyterServer) -> None:
    specs = (await slow_server.request("GET", "api/kernelspecs")).json()["kernelspecs"]

    kernels = await call(slow_server, "editor.jupyterKernels")
    logo = await call(slow_server, "editor.jupyterKernelLogo", "python3")

    assert {each["name"] for each in kernels} == {name.lower() for name in specs}
    assert logo["filename"].startswith("logo-")


async def test_the_configuration_tells_what_formatters_there_are(
    slow_server: JupyterServer,
) -> None:
    told = (await call(slow_server, "system.configuration", "main"))["capabilities"]

    assert told["formatting"]["yapf"] is True
    assert told["html2pdf"] == (find_browser(os.environ["PATH"]) is not None)
    text = {"str": "x   = 1", "options": {"parser": "yapf"}}
    assert await call(slow_server, "editor.formatterString", text) == "x = 1\n"


async def test_an_open_text_is_formatted_by_a_patch(slow_server: JupyterServer) -> None:
    (slow_server.work / "a.py").write_text("x = {  'a':1 }\n")
    project_id = project_id_of(slow_server)
    subject = service_subject("formatter", project_id=project_id, compute_server_id=0)
    async with (
        RoomClient(slow_server, "a.py", kind="file") as page,
        client_of(slow_server) as client,
        open_syncstring(client, project_id=project_id, path="a.py") as text,
    ):
        formatter = ServiceClient(client, subject, timeout_s=30)
        answer = await formatter.call(
            "formatter", {"path": "a.py", "options": {"parser": "python"}}
        )
        text.text = apply_string_patch(answer["patch"], text.text)
        await text.commit()

        await page.until(lambda: page.text == "x = {'a': 1}\n")
        assert await formatter.request("ping") == "pong"


async def test_a_notebook_is_saved_before_it_is_converted(slow_server: JupyterServer) -> None:
    write_notebook(slow_server.work / "typed.ipynb", "first")
    async with RoomClient(slow_server, "typed.ipynb") as page:
        page.append_text(" # just typed")
        await page.sent()
        options = {"args": ["--to", "markdown", "typed.ipynb"]}
        assert await call(slow_server, "editor.jupyterNbconvert", options) is None

    assert "first # just typed" in (slow_server.work / "typed.md").read_text()
    assert "just typed" in (slow_server.work / "typed.ipynb").read_text()


async def test_a_notebook_is_converted_because_its_record_says_so(
    slow_server: JupyterServer,
) -> None:
    """syncdoc-jupyter §10, with two clients and a page of JupyterLab."""
    write_notebook(slow_server.work / "c.ipynb", "first")
    async with (
        RoomClient(slow_server, "c.ipynb") as page,
        client_of(slow_server) as client,
        client_of(slow_server) as other,
        records_of(slow_server, client, "c.ipynb") as mine,
        records_of(slow_server, other, "c.ipynb") as theirs,
    ):
        seen: list[Any] = []

        def look(*_: object) -> None:
            record = theirs.get_one({"type": "nbconvert"}) or {}
            if record.get("state") not in seen[-1:]:
                seen.append(record.get("state"))

        theirs.on_change(look)
        await until(lambda: (mine.get_one({"type": "file"}) or {}).get("last_load"))
        page.append_text(" # just typed")
        await until(lambda: "just typed" in str(mine.get({"type": "cell"})))
        mine.set({"type": "nbconvert", "args": ["--to", "script"], "state": "start", "error": None})
        await mine.commit()

        await until(lambda: seen[-1:] == ["done"])
        record = theirs.get_one({"type": "nbconvert"})

    assert "error" not in record
    assert record["start"] <= record["time"]
    assert [state for state in seen if state][-2:] == ["run", "done"]
    (converted,) = slow_server.work.glob("c.[!i]*")
    assert "first # just typed" in converted.read_text()


async def test_the_output_of_a_command_is_sent_as_it_comes(slow_server: JupyterServer) -> None:
    project_id = project_id_of(slow_server)
    heard = []
    async with client_of(slow_server) as client, asyncio.timeout(30):
        request = {"project_id": project_id, "command": "echo hello"}
        async for reply in client.request_many(f"project.{project_id}.0.exec-stream.-", request):
            if reply.data is None:
                break
            heard.append(reply.data["type"])

    assert heard == ["job", "stdout", "done"]


async def test_without_a_folder_of_files_the_functions_on_them_are_not_supported(
    tmp_path: Path,
) -> None:
    conat = ConatService(P)
    settings = {
        "kernel_spec_manager": KernelSpecManager(),
        "contents_manager": ContentsManager(),
    }
    async with open_world(tmp_path) as world:
        functions = ProjectFunctions(conat, world.registry, lambda: settings, lambda _path: None)
        await conat.start()
        await functions.start()
        transport = LoopbackTransport(conat.broker, User("account", str(OTHER)))
        async with Client(transport) as client:
            subject = project_subject(P, "api", compute_server_id=0)
            assert await service.call(client, subject, "editor.jupyterKernels")
            for name in ("system.exec", "system.listing", "editor.jupyterNbconvert"):
                with pytest.raises(RemoteError, match="is not supported by this server"):
                    await service.call(client, subject, name, [{}])
        await functions.stop()
        await functions.stop()
        await conat.stop()


async def test_stopping_the_server_ends_what_it_runs(own_server: JupyterServer) -> None:
    own_server.start()
    options = {"command": "sleep 1000", "async_call": True, "timeout": 0}
    job = await call(own_server, "system.exec", options)

    await asyncio.to_thread(own_server.stop)

    with pytest.raises(ProcessLookupError):
        os.kill(job["pid"], 0)
