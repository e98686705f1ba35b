"""How long it takes until a page has a notebook of 1,000 cells, and what an open one weighs."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import psutil

from bench.documents.report import Found, p50
from tests.support.notebooks import notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

__all__ = ["large_notebook", "measure", "measure_memory"]

CELLS = 1_000
ROUNDS = 5
PAUSE_S = 1.0
FROM_DISK_S = 0.5
FROM_LOG_S = 0.2
NOTEBOOKS = 100
EACH_MB = 5.0
CONFIG = "c.CoCalcExtension.document_close_delay_s = 0.1\n"


def large_notebook(cells: int, output_bytes: int) -> dict[str, Any]:
    """Return a notebook with some lines of code and as much output in each cell."""
    code = "\n".join(f"value_{line} = compute({line})" for line in range(5))
    content = notebook(*[f"# cell {number}\n{code}" for number in range(cells)])
    text = "0123456789abcde\n" * (output_bytes // 16)
    for cell in content["cells"]:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return content


async def measure(folder: Path) -> list[Found]:
    """Open notebooks that the server has never seen, close them, and open them again."""
    server = JupyterServer(folder, CONFIG)
    server.work.mkdir(parents=True)
    names = [f"n{number}.ipynb" for number in range(ROUNDS + 1)]
    for name in names:
        (server.work / name).write_text(json.dumps(large_notebook(CELLS, 500)))
    with server:
        await _open(server, names.pop())  # the first request of all loads modules
        from_disk = [await _open(server, name) for name in names]
        server.stop()
        server.start()
        await server.request("GET", "api/status")
        from_log = [await _open(server, name) for name in names]
    return [
        Found(f"open {CELLS:,} cells from disk, p50", p50(from_disk), FROM_DISK_S, "s"),
        Found(f"open {CELLS:,} cells from the log, p50", p50(from_log), FROM_LOG_S, "s"),
    ]


async def _open(server: JupyterServer, name: str) -> float:
    """Return the seconds from the request for a session until a page has everything."""
    page = RoomClient(server, name)
    start = time.perf_counter()
    await page.connect()
    passed = time.perf_counter() - start
    assert len(page.document.ycells) == CELLS
    await page.disconnect()
    await asyncio.sleep(PAUSE_S)  # the document is closed now, and the server has nothing to do
    return passed


async def measure_memory(folder: Path) -> list[Found]:
    """Open many notebooks at once, with both faces, and see what the server has grown by."""
    server = JupyterServer(folder)
    server.work.mkdir(parents=True)
    content = json.dumps(large_notebook(100, 2_000))
    names = [f"n{number}.ipynb" for number in range(NOTEBOOKS + 1)]
    for name in names:
        (server.work / name).write_text(content)
    with server:
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        first = RoomClient(server, names.pop())
        await first.connect()
        before = process.memory_info().rss
        pages = [RoomClient(server, name) for name in names]
        for page in pages:
            await page.connect()
            page.append_text("x")
        for page in pages:
            assert await page.save() == "success"
        grown = process.memory_info().rss - before
        for page in [first, *pages]:
            await page.disconnect()
    title = f"{NOTEBOOKS} open notebooks of {len(content) / 1e3:.0f} kB, memory of each"
    return [Found(title, grown / NOTEBOOKS / 1e6, EACH_MB, "MB")]
