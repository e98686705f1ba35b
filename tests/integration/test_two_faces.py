"""JupyterLab users and CoCalc clients edit one document of a real server at once (design D4)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.syncdoc.syncstring import open_syncstring

from ..support.cocalc_clients import client_of, inputs, open_cocalc_notebook, project_id_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path)
    write_notebook(server.work / "a.ipynb", "1 + 1", "2 + 2")
    with server:
        yield server


def sources(page: RoomClient) -> list[str]:
    return [str(cell["source"]) for cell in page.document.ycells]


async def test_a_page_and_a_cocalc_client_see_each_others_typing(server: JupyterServer) -> None:
    async with RoomClient(server, "a.ipynb") as page, open_cocalc_notebook(server) as db:
        assert inputs(db) == ["1 + 1", "2 + 2"]

        page.append_text(" # lab")
        cell = db.get({"type": "cell"})[1]
        db.set({"type": "cell", "id": cell["id"], "input": "2 + 2 # cocalc 🐍"})
        await db.commit()

        wanted = ["1 + 1 # lab", "2 + 2 # cocalc 🐍"]
        await until(lambda: sources(page) == inputs(db) == wanted)
        await until(lambda: "cocalc" in (server.work / "a.ipynb").read_text())
        authors = [version.author for version in db.versions()]
        assert authors[0] == project_id_of(server)
        assert len(set(authors)) == 2  # the project, and the owner on both faces


async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(server: JupyterServer) -> None:
    async with RoomClient(server, "a.ipynb") as page:
        await page.until(lambda: sources(page) == ["1 + 1", "2 + 2"])
        async with open_cocalc_notebook(server) as db:
            page.append_text(" # lab")
            await until(lambda: inputs(db)[0] == "1 + 1 # lab")
            cell = db.get({"type": "cell"})[1]
            db.set({"type": "cell", "id": cell["id"], "input": "2 + 2 # cocalc"})
            await db.commit()
            server.kill()
        await page.ended()
        server.start()
        page.append_text("!")
        await page.connect()

        async with open_cocalc_notebook(server) as db:
            wanted = ["1 + 1 # lab!", "2 + 2 # cocalc"]
            await until(lambda: sources(page) == inputs(db) == wanted)


async def test_a_text_is_shared_under_its_own_path(server: JupyterServer) -> None:
    (server.work / "notes.md").write_text("# Notes\n")
    async with (
        RoomClient(server, "notes.md", kind="file") as page,
        client_of(server) as client,
        open_syncstring(client, project_id=project_id_of(server), path="notes.md") as text,
    ):
        text.text += "from cocalc\n"
        await text.commit()
        await page.until(lambda: str(page.document.source) == "# Notes\nfrom cocalc\n")
        await until(lambda: (server.work / "notes.md").read_text() == "# Notes\nfrom cocalc\n")
