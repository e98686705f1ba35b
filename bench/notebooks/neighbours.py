"""How long others wait for an answer of the server while somebody has large notebooks."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from bench.notebooks.large_outputs import large_notebook
from bench.notebooks.row import Row
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

NOTEBOOKS = 10
CONFIG = "c.CoCalcExtension.document_close_delay_s = 0.1\n"
EVERY_MS = 5
CLOSING_S = 3.0


@dataclass
class Waits:
    """How long somebody waited for each answer who asks again and again, in ms."""

    seen: list[float] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest wait."""
        return max(self.seen)

    @property
    def ninety_ninth(self) -> float:
        """The 99th percentile of the time: who waits for 100 ms misses twenty questions."""
        seen = sorted(w - n * EVERY_MS for w in self.seen for n in range(1 + int(w / EVERY_MS)))
        return seen[int(0.99 * len(seen))]


async def rows() -> AsyncIterator[Row]:
    """Yield the rows; runs for about half a minute. The targets are those of an idle machine."""
    with TemporaryDirectory() as folder, JupyterServer(Path(folder), CONFIG) as server:
        content = json.dumps(large_notebook())
        paths = [f"{number}.ipynb" for number in range(NOTEBOOKS)]
        for path in paths:
            (server.work / path).write_text(content)
        pages = [RoomClient(server, path) for path in paths]
        title = f"{NOTEBOOKS} notebooks of {len(content) / 1e6:.0f} MB"
        async with asked_all_the_time(server) as waits:
            await asyncio.gather(*(page.connect() for page in pages))
        yield Row(f"{title} are opened, others wait at most", waits.longest, "ms")
        yield Row(f"{title} are opened, others wait for 99 %", waits.ninety_ninth, "ms")
        async with asked_all_the_time(server) as waits:
            await asyncio.gather(*map(save, pages))
        yield Row(f"{title} are saved, others wait at most", waits.longest, "ms", 100)
        yield Row(f"{title} are saved, others wait for 99 %", waits.ninety_ninth, "ms")
        async with asked_all_the_time(server) as waits:
            await asyncio.gather(*(page.disconnect() for page in pages))
            await asyncio.sleep(CLOSING_S)
        yield Row(f"{title} are closed, others wait at most", waits.longest, "ms", 100)
        yield Row(f"{title} are closed, others wait for 99 %", waits.ninety_ninth, "ms", 20)


async def save(page: RoomClient) -> None:
    page.append_text("#")
    assert await page.save() == "success"


@asynccontextmanager
async def asked_all_the_time(server: JupyterServer) -> AsyncIterator[Waits]:
    """Ask the server for its version, by a thread of its own, for as long as the block runs."""
    waits, done = Waits(), threading.Event()
    asking = asyncio.create_task(asyncio.to_thread(_ask, server.url, waits, done))
    try:
        yield waits
    finally:
        done.set()
        await asking


def _ask(url: str, waits: Waits, done: threading.Event) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        while not done.is_set():
            began = time.perf_counter()
            client.get("api").raise_for_status()
            waits.seen.append(1000 * (time.perf_counter() - began))
            time.sleep(EVERY_MS / 1000)
