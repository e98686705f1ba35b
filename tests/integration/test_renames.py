"""The history of a document follows its file, open or not (SPEC F8, H11)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer

CONFIG = """
c.CoCalcExtension.document_close_delay_s = 0.1
c.CoCalcExtension.file_poll_s = 0.1
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path, CONFIG)
    write_notebook(server.work / "a.ipynb", "1 + 1")
    write_notebook(server.work / "dir" / "notes.ipynb", "2 + 2")
    (server.work / "dir" / "notes.md").write_text("# Notes\n")
    with server:
        yield server


async def rename(server: JupyterServer, old: str, new: str) -> None:
    response = await server.request("PATCH", f"api/contents/{old}", json={"path": new})
    response.raise_for_status()


async def versions(server: JupyterServer, path: str) -> list[int]:
    """Return the versions of a file, none when it has no history."""
    response = await server.request("GET", f"cocalc/history/versions/{path}")
    if response.status_code == 404:
        return []
    return [version["version"] for version in response.json()["versions"]]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.05)


async def typed(server: JupyterServer, page: RoomClient, text: str) -> list[int]:
    """Type, and return the versions when the newest one has it."""
    page.append_text(text)
    found: list[int] = []

    async def is_there() -> bool:
        found[:] = await versions(server, page.path)
        return bool(found) and text.strip() in str(await shown(server, page.path, found[0]))

    await until(is_there)
    return found


async def shown(server: JupyterServer, path: str, version: int) -> Any:
    url = f"cocalc/history/at/{path}?version={version}"
    return (await server.request("GET", url)).json()


async def test_the_history_of_an_open_notebook_goes_on_under_its_new_name(
    server: JupyterServer,
) -> None:
    async with RoomClient(server, "a.ipynb") as page:
        before = await typed(server, page, " # one")
        await rename(server, "a.ipynb", "b.ipynb")
        page.path = "b.ipynb"
        after = await typed(server, page, " # two")
        assert len(after) > len(before)

        assert after[-len(before) :] == before
        old = await shown(server, "b.ipynb", before[0])
        assert old["notebook"]["cells"][0]["source"] == "1 + 1 # one"
        assert await versions(server, "a.ipynb") == []


async def test_the_history_of_a_closed_file_follows_its_folder(server: JupyterServer) -> None:
    async with RoomClient(server, "dir/notes.md", kind="file") as page:
        before = await typed(server, page, "one\n")

    async def is_listed() -> bool:
        return (await versions(server, "moved/notes.md"))[-len(before) :] == before

    await rename(server, "dir", "moved")
    await until(is_listed)

    async with RoomClient(server, "moved/notes.md", kind="file") as page:
        assert page.text == "# Notes\none\n"
        assert len(await typed(server, page, "two\n")) > len(before)
    (server.work / "dir").mkdir()
    (server.work / "dir" / "notes.md").write_text("new\n")
    async with RoomClient(server, "dir/notes.md", kind="file") as page:
        assert page.text == "new\n"
        assert not set(await typed(server, page, "!")) & set(before)


async def test_what_people_have_open_goes_on_as_it_is_under_a_name_with_another_history(
    server: JupyterServer,
) -> None:
    async with RoomClient(server, "a.ipynb") as page:
        await typed(server, page, " # mine")
        async with RoomClient(server, "dir/notes.ipynb") as other:
            gone = await typed(server, other, " # of the name before")
        (await server.request("DELETE", "api/contents/dir/notes.ipynb")).raise_for_status()
        seen: list[str] = []
        page.document.ycells[0]["source"].observe(lambda _: seen.append(str(page.text)))

        await rename(server, "a.ipynb", "dir/notes.ipynb")
        page.path = "dir/notes.ipynb"
        after = await typed(server, page, " # still mine")

        assert page.text == "1 + 1 # mine # still mine"
        assert not any("of the name before" in text for text in seen)
        assert after[-len(gone) :] == gone
