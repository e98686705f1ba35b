"""How long a keystroke takes from one page to another, through a real server.

The page's update goes to the server, into the update log, and to the other page.
"""

import asyncio
import time
from pathlib import Path

from bench.documents.report import Found, p50, p95
from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

__all__ = ["measure"]

KEYS = 500
PAUSE_S = 0.02
TARGET_MS = 3.0


async def measure(folder: Path) -> list[Found]:
    """Type in one page and wait for each key in the other."""
    times = []
    server = JupyterServer(folder)
    write_notebook(server.work / "a.ipynb", "1 + 1")
    with server:
        async with RoomClient(server, "a.ipynb") as ann, RoomClient(server, "a.ipynb") as ben:
            for _ in range(KEYS):
                start = time.perf_counter()
                ann.append_text("x")
                wanted = ann.text
                await ben.until(lambda wanted=wanted: ben.text == wanted)
                times.append((time.perf_counter() - start) * 1000)
                await asyncio.sleep(PAUSE_S)
    note = f"  p95 {p95(times):.2f} ms"
    return [Found("keystroke from page to page, p50", p50(times), TARGET_MS, "ms", note)]
