"""A JavaScript client and a page of JupyterLab edit the same text and notebook of a real server.

The JavaScript was written from the contract alone (syncdoc-jupyter §1, §2, with the library for
text patches that CoCalc's clients use); the page is a pycrdt document on the room's socket.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ..support.javascript import run_checks
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer

CHECKS = 6


class Page:
    """What the page sees and does when JavaScript asks for it."""

    def __init__(self, server: JupyterServer, notebook: RoomClient) -> None:
        self.server = server
        self._notebook = notebook
        self._text = RoomClient(server, "notes.md", kind="file")

    async def close(self) -> None:
        await self._text.disconnect()

    async def reads(self, asked: Mapping[str, Any]) -> None:
        """Wait until the page shows exactly this text; it opens the file when it first reads."""
        if not self._text.session:
            await self._text.connect()
        await self._text.until(lambda: self._text.text == asked["text"])

    async def types(self, asked: Mapping[str, Any]) -> None:
        self._text.append_text(asked["text"])

    async def types_many(self, asked: Mapping[str, Any]) -> None:
        await self._type_words(self._text, asked["words"], "{}\n")

    async def types_in_cell(self, asked: Mapping[str, Any]) -> None:
        await self._type_words(self._notebook, asked["words"], "\n# {}")

    async def reads_cell(self, asked: Mapping[str, Any]) -> None:
        await self._notebook.until(lambda: self._notebook.text == asked["text"])

    async def file(self, asked: Mapping[str, Any]) -> None:
        """Look at the file at once: that it is written was promised."""
        assert (self.server.work / "notes.md").read_text() == asked["text"]

    async def _type_words(self, page: RoomClient, words: list[str], form: str) -> None:
        """Type word by word, each after the one before is on its way."""
        for word in words:
            page.append_text(form.format(word))
            await page.sent()
            await asyncio.sleep(0.01)  # people type one key after another


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    server = JupyterServer(tmp_path)
    server.work.mkdir()
    (server.work / "notes.md").write_text("# Notes 🐍\n")
    write_notebook(server.work / "work.ipynb", "1 + 1")
    with server:
        async with RoomClient(server, "work.ipynb") as notebook:
            page = Page(server, notebook)
            yield page
            await page.close()


async def test_javascript_and_a_page_edit_the_same_documents(page: Page) -> None:
    folder = page.server.folder / "data" / "cocalc"
    project_id = (folder / "project-id").read_text().strip()
    answers = {
        "reads": page.reads,
        "types": page.types,
        "typesMany": page.types_many,
        "typesInCell": page.types_in_cell,
        "readsCell": page.reads_cell,
        "file": page.file,
    }

    report = await run_checks("documents", page.server.url, project_id, TOKEN, answers=answers)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS
