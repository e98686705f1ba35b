"""A JavaScript client and a page of JupyterLab work in one notebook of a real server.

The JavaScript was written from the contract alone (syncdoc-jupyter §3.5, §4.1 to §4.6, §4.9); the
page is a pycrdt document on the room's socket, and the server's HTTP interface.
"""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cocalc_jupyter_ext.documents.notebook_records.live_outputs import MORE_OUTPUT_TYPE, question_in

from ..support.cocalc_clients import project_id_of
from ..support.javascript import run_checks
from ..support.notebooks import write_notebook
from ..support.other_kernels import install_kernels
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer

CHECKS = 12


class Page:
    """What the page sees and does when JavaScript asks for it."""

    def __init__(self, room: RoomClient, server: JupyterServer) -> None:
        self._room = room
        self._server = server

    async def shown(self, asked: Mapping[str, Any]) -> None:
        """Wait until a cell shows exactly this text, and no sign of a run."""

        def is_shown() -> bool:
            cell = self._cell(asked["cell"])
            texts = [each.get("text", "") for each in cell["outputs"]]
            return ("".join(texts), cell["execution_state"]) == (asked["text"], "idle")

        await self._room.until(is_shown)

    async def asked(self, asked: Mapping[str, Any]) -> None:
        """Wait until the question is here, too."""
        await self._room.until(lambda: self._question(asked["cell"]) is not None)
        question = self._question(asked["cell"])
        assert question is not None
        assert question["prompt"] == asked["prompt"]

    async def answer(self, asked: Mapping[str, Any]) -> None:
        """Answer as the field in the notebook does; a second answer comes too late."""
        await self._room.until(lambda: self._question(asked["cell"]) is not None)
        question = self._question(asked["cell"])
        assert question is not None
        body = {"cell_id": asked["cell"], "value": asked["value"], "input_id": question["id"]}
        path = f"cocalc/api/notebooks/{quote(self._room.room_id, safe='')}/input"
        answers = [
            await self._server.request("POST", path, content=json.dumps(body)) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [204, 409]

    async def more(self, asked: Mapping[str, Any]) -> None:
        """Get the rest of an output, of which the notebook says that there is more."""

        def is_marked() -> bool:
            outputs = self._cell(asked["cell"])["outputs"]
            return len(outputs) > 1 and MORE_OUTPUT_TYPE in outputs[-1].get("data", {})

        await self._room.until(is_marked)
        path = f"cocalc/api/notebooks/{quote(self._room.room_id, safe='')}/more-output"
        answer = await self._server.request("GET", f"{path}?cell_id={asked['cell']}")
        head = self._cell(asked["cell"])["outputs"][0]["text"]
        rest = "".join(each["text"] for each in answer.json()["outputs"])
        assert (head + rest).split() == list(map(str, range(60_000)))

    def _cell(self, cell_id: str) -> dict[str, Any]:
        cells = self._room.document.ycells.to_py()
        return next((cell for cell in cells if cell["id"] == cell_id), {"outputs": []})

    def _question(self, cell_id: str) -> Mapping[str, Any] | None:
        outputs = self._cell(cell_id)["outputs"]
        asked = question_in(outputs[-1]) if outputs else None
        return None if asked is None or "value" in asked else asked


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    server = JupyterServer(tmp_path)
    server.work.mkdir()
    write_notebook(server.work / "work.ipynb", "1 + 1")
    install_kernels(server.folder / "data")
    with server:
        async with RoomClient(server, "work.ipynb") as room:
            yield Page(room, server)


async def test_javascript_and_a_page_run_one_notebook(page: Page) -> None:
    server = page._server
    project_id = project_id_of(server)
    answers = {"shown": page.shown, "asked": page.asked, "answer": page.answer, "more": page.more}

    report = await run_checks("notebooks", server.url, project_id, TOKEN, answers=answers)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS
