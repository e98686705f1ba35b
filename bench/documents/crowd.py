"""Fifty people who type into one notebook at once, and when others see it.

The server has one core. Each person has a connection and a cell of their own; one more page
applies everything that it is sent, and knows of each key when it was typed. What is sent to the
fifty is read and thrown away, since they stand for machines of their own.
"""

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from bench.documents.report import Found, p95
from cocalc_jupyter_ext.documents.ysync import decode_state_vector, update_frame
from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

__all__ = ["measure"]

PEOPLE = 50
KEYS_PER_S = 10
SECONDS = 15
WARM_UP_S = 3
TARGET_MS = 50.0


class Socket(asyncio.Protocol):
    """A websocket that only sends; what comes is thrown away."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._head = b""
        self.is_open = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Wait for the answer, and pass over everything else."""
        if not self.is_open.is_set():
            self._head += data
            if b"\r\n\r\n" in self._head:
                assert b" 101 " in self._head, self._head
                self.is_open.set()

    def send(self, frame: bytes) -> None:
        """Send one short binary frame; a mask of zeros leaves it as it is."""
        assert self.transport is not None
        size = len(frame)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(b"\x82" + length + bytes(4) + frame)


class Person:
    """Types at the end of one cell."""

    def __init__(self, socket: Socket, state: bytes, cell: int) -> None:
        doc: Doc[Any] = Doc()
        doc.apply_update(state)
        self._notebook = YNotebook(doc)
        self._socket = socket
        self._cell = cell
        self.client_id = doc.client_id
        self.typed_at: list[float] = []
        doc.observe(self._on_update)

    def type(self) -> None:
        """Type one key."""
        self.typed_at.append(time.perf_counter())
        source = self._notebook.ycells[self._cell]["source"]
        source += "x"

    def _on_update(self, event: Any) -> None:
        self._socket.send(update_frame(event.update))


async def measure(folder: Path) -> list[Found]:
    """Type for a while and return the delays until the page had the keys."""
    server = JupyterServer(folder)
    write_notebook(server.work / "a.ipynb", *["# cell"] * PEOPLE)
    with _on_one_core(server):
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        async with RoomClient(server, "a.ipynb") as page:
            state = page.doc.get_update()
            people = [
                Person(await _connect(server, page), state, number) for number in range(PEOPLE)
            ]
            before = process.cpu_times()
            delays = await _type(page, people)
            after = process.cpu_times()
    busy_s = after.user + after.system - before.user - before.system
    note = f"  {len(delays):,} keys, the core busy for {busy_s / SECONDS:.0%}"
    title = f"{PEOPLE} people at {KEYS_PER_S} keys/s in one notebook, p95"
    return [Found(title, p95(delays), TARGET_MS, "ms", note)]


@contextmanager
def _on_one_core(server: JupyterServer) -> Iterator[None]:
    """Run the server on one core, and this process on the others."""
    cores = os.sched_getaffinity(0)
    first = min(cores)
    os.sched_setaffinity(0, {first})  # what is started now has it too
    try:
        with server:
            os.sched_setaffinity(0, cores - {first} or cores)
            yield
    finally:
        os.sched_setaffinity(0, cores)


async def _connect(server: JupyterServer, page: RoomClient) -> Socket:
    url = server.socket_url(
        f"api/collaboration/room/{page.room_id}?sessionId={page.session['sessionId']}"
    )
    host, path = url.removeprefix("ws://").split("/", 1)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: Socket(request.encode()), "127.0.0.1", server.port
    )
    await asyncio.wait_for(socket.is_open.wait(), 10)
    return socket


async def _type_for(person: Person, delay_s: float) -> None:
    """Type at an even pace, whatever it takes the others to see it."""
    begin = time.perf_counter() + delay_s
    for number in range(SECONDS * KEYS_PER_S):
        await asyncio.sleep(begin + number / KEYS_PER_S - time.perf_counter())
        person.type()


async def _type(page: RoomClient, people: list[Person]) -> list[float]:
    seen = dict.fromkeys((person.client_id for person in people), 0)
    by_id = {person.client_id: person for person in people}
    delays: list[float] = []

    def look(_event: Any) -> None:
        asyncio.get_running_loop().call_soon(note)

    def note() -> None:
        now = time.perf_counter()
        for client_id, clock in decode_state_vector(page.doc.get_state()).items():
            if client_id in by_id:
                typed = by_id[client_id].typed_at
                delays.extend((now - at) * 1000 for at in typed[seen[client_id] : clock])
                seen[client_id] = clock

    subscription = page.doc.observe(look)
    await asyncio.gather(
        *[_type_for(person, number / PEOPLE / KEYS_PER_S) for number, person in enumerate(people)]
    )
    total = sum(len(person.typed_at) for person in people)
    await page.until(lambda: sum(seen.values()) == total, timeout_s=60)
    page.doc.unobserve(subscription)
    return delays[PEOPLE * KEYS_PER_S * WARM_UP_S :]
