"""A person (or a script) who runs cells of a notebook over HTTP, without any page open."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import nbformat
from nbformat.reader import NotJSONError

from .notebooks import write_notebook
from .room_client import RoomClient
from .servers import JupyterServer
from .waiting import until

__all__ = ["NotebookRuns"]

Status = dict[str, Any]


@dataclass
class NotebookRuns:
    """One notebook file of a server, with a kernel of its own."""

    server: JupyterServer
    path: str
    room_id: str = ""
    kernel_id: str = ""
    session_id: str = ""
    kernel_path: str = field(init=False, default="")

    @classmethod
    async def start(cls, server: JupyterServer, path: str, *sources: str) -> "NotebookRuns":
        """Write the notebook, open its room and start its kernel through Jupyter's own API."""
        write_notebook(server.work / path, *sources)
        runs = cls(server, path)
        await runs.open_room()
        await runs.start_kernel()
        return runs

    async def open_room(self) -> None:
        """Learn the room id."""
        session = await self.server.session(self.path, file_format="json", file_type="notebook")
        self.room_id = "{format}:{type}:{fileId}".format(**session)

    async def start_kernel(self) -> None:
        """Start a session as Lab does when it opens the notebook."""
        model = {"path": self.path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        response = await self.server.request("POST", "api/sessions", content=json.dumps(model))
        response.raise_for_status()
        self.session_id = response.json()["id"]
        self.kernel_id = response.json()["kernel"]["id"]

    async def post(self, *cell_ids: str, **changes: Any) -> httpx.Response:
        """Make the run request; ``changes`` replace parts of the body."""
        body = {
            "kernel_id": self.kernel_id,
            "cells": [{"cell_id": cell_id} for cell_id in cell_ids],
            "stop_on_error": True,
            "edits": None,
        } | changes
        path = f"cocalc/api/notebooks/{quote(self.room_id, safe='')}/run"
        return await self.server.request("POST", path, content=json.dumps(body))

    async def begin(self, *cell_ids: str, **changes: Any) -> str:
        """Make a run request that is accepted; return the run's id."""
        response = await self.post(*cell_ids, **changes)
        assert response.status_code == 202, response.text
        return str(response.json()["run_id"])

    async def poll(self, run_id: str, seen: int = 0) -> Status:
        """Ask once for the progress."""
        response = await self.server.request("GET", f"cocalc/api/runs/{run_id}?seen={seen}")
        response.raise_for_status()
        return dict(response.json())

    async def until(
        self, run_id: str, condition: Callable[[Status], Any], timeout_s: float = 30
    ) -> Status:
        """Follow a run until ``condition`` holds."""
        async with asyncio.timeout(timeout_s):
            status = await self.poll(run_id)
            while not condition(status):
                status = await self.poll(run_id, status["change"])
        return status

    async def finish(self, run_id: str, timeout_s: float = 30) -> Status:
        """Follow a run to its end."""
        return await self.until(run_id, lambda status: status["finished"], timeout_s)

    async def run(self, *cell_ids: str, **changes: Any) -> list[str]:
        """Run cells to their end; return their states."""
        status = await self.finish(await self.begin(*cell_ids, **changes))
        return [cell["state"] for cell in status["cells"]]

    async def until_running(self, run_id: str) -> None:
        """Follow a run until its first cell runs."""
        await self.until(run_id, lambda status: status["cells"][0]["state"] == "running")

    async def answer(self, run_id: str, input_id: str, value: str) -> httpx.Response:
        """Answer a question."""
        body = json.dumps({"input_id": input_id, "value": value})
        return await self.server.request("POST", f"cocalc/api/runs/{run_id}/input", content=body)

    async def kernel_action(self, action: str) -> None:
        """Interrupt or restart the kernel through Jupyter's own API, as Lab does."""
        path = f"api/kernels/{self.kernel_id}/{action}"
        (await self.server.request("POST", path)).raise_for_status()

    async def shut_kernel_down(self) -> None:
        """End the kernel through Jupyter's own API."""
        path = f"api/kernels/{self.kernel_id}"
        (await self.server.request("DELETE", path)).raise_for_status()

    async def kernel_pid(self, cell_id: str) -> int:
        """Run a cell that shows the kernel's process id; return it."""
        await self.run(cell_id)
        return int(self.text(await self.cell(cell_id)))

    async def cell(self, cell_id: str) -> dict[str, Any]:
        """Return a cell of the live document with its shared state, as a new page gets it."""
        async with RoomClient(self.server, self.path) as page:
            for shared in page.document.ycells:
                if shared["id"] == cell_id:
                    return dict(shared.to_py())
        raise AssertionError(f"no cell {cell_id}")

    @staticmethod
    def text(cell: dict[str, Any]) -> str:
        """Return the text of a cell's streams."""
        return "".join(o["text"] for o in cell["outputs"] if o["output_type"] == "stream")

    @staticmethod
    def errors(cell: dict[str, Any]) -> list[str]:
        """Return the names of a cell's errors."""
        return [o["ename"] for o in cell["outputs"] if o["output_type"] == "error"]

    async def until_saved(
        self, condition: Callable[[nbformat.NotebookNode], Any]
    ) -> nbformat.NotebookNode:
        """Wait until the file fulfils a condition; it must be a valid notebook then."""
        found: list[nbformat.NotebookNode] = []

        def saved() -> bool:
            try:
                found[:] = [nbformat.read(self.server.work / self.path, as_version=4)]
            except NotJSONError:  # Jupyter's contents manager is just writing it
                return False
            return bool(condition(found[0]))

        await until(saved)
        nbformat.validate(found[0])
        return found[0]
