"""JupyterLab's users see where CoCalc clients are, on a real server (syncdoc-jupyter §1.12)."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pycrdt import StickyIndex, Text

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.documents.syncdoc.cursors import Cursors, open_cursors
from cocalc_jupyter_ext.documents.syncdoc.opening import name_of
from cocalc_jupyter_ext.documents.syncdoc.syncstring import open_syncstring

from ..support.cocalc_clients import client_of, project_id_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.synced_notebooks import open_notebook_records


async def follow(client: Client, server: JupyterServer, document: Any, path: str) -> Cursors:
    """Take part in the cursors of a document as whoever the client is."""
    return await open_cursors(
        client,
        project_id=project_id_of(server),
        path=path,
        users=lambda: document.document.users,
        participant=await name_of(client),
    )


def carets(page: RoomClient, text: Text) -> list[int]:
    """Return where the page shows the cursors of others in an ASCII text."""
    others = [state for key, state in page.awareness.states.items() if key != page.doc.client_id]
    return [
        StickyIndex.from_json(cursor["head"], text).get_index()
        for state in others
        for cursor in state.get("cursors", [])
    ]


async def show_first(
    cursors: Cursors, place: Any, page: RoomClient, seen: Callable[[], bool]
) -> None:
    """Tell a place until the page shows it: what is told before the project listens is lost."""
    async with asyncio.timeout(60):
        while not seen():
            cursors.set([place])
            page.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(page.changed.wait(), 0.5)


async def shows(page: RoomClient, condition: Callable[[], bool]) -> None:
    await page.until(condition, timeout_s=20)


async def test_a_page_sees_the_cursor_of_a_cocalc_client_come_move_and_go(
    tmp_path: Path,
) -> None:
    with JupyterServer(tmp_path) as server:
        (server.work / "notes.md").write_text("one\ntwo three\n")
        write_notebook(server.work / "a.ipynb", "1 + 1", "2 + 2")
        await check_text(server)
        await check_notebook(server)


async def check_text(server: JupyterServer) -> None:
    async with (
        RoomClient(server, "notes.md", kind="file") as page,
        client_of(server) as client,
        open_syncstring(client, project_id=project_id_of(server), path="notes.md") as text,
    ):
        source = page.doc["source"]
        cursors = await follow(client, server, text, "notes.md")
        page.show(user={"name": "Ann"}, cursors=[])

        await show_first(cursors, {"x": 4, "y": 1}, page, lambda: carets(page, source) == [8])
        (state,) = [s for key, s in page.awareness.states.items() if key != page.doc.client_id]
        assert state["user"]["display_name"]

        # A cursor that comes before what was typed is placed again when that arrives.
        cursors.set([{"x": 10, "y": 1}])
        text.text = "one\ntwo ABCDEF three\n"
        await text.commit()
        await shows(page, lambda: carets(page, source) == [14])

        # Typing elsewhere moves it along.
        source.insert(0, ">> ")
        assert carets(page, source) == [17]

        async with RoomClient(server, "notes.md", kind="file") as late:
            await shows(late, lambda: 17 in carets(late, late.doc["source"]))
            assert cursors.get() == {}  # the page's own cursor is not told to CoCalc clients

        await cursors.close()
        await shows(page, lambda: carets(page, source) == [])


async def check_notebook(server: JupyterServer) -> None:
    synced = ".a.ipynb.sage-jupyter2"
    async with (
        client_of(server) as client,
        RoomClient(server, "a.ipynb") as page,
        open_notebook_records(client, project_id=project_id_of(server), path=synced) as db,
    ):
        cell = page.document.ycells[1]
        cursors = await follow(client, server, db, synced)
        place = {"x": 3, "y": 0, "id": cell["id"]}
        await show_first(cursors, place, page, lambda: carets(page, cell["source"]) == [3])

        await page.disconnect()
        await page.connect()  # into a new room, since nobody was there
        await shows(page, lambda: carets(page, page.document.ycells[1]["source"]) == [3])
        await cursors.close()
