"""Kernels that are ready before somebody needs them: a notebook's, and one for code that runs once.

A notebook's kernel is ready when it has answered a question over its connection, counted from the
request that starts the session. Both numbers are medians.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import httpx
from jupyter_client.asynchronous.client import AsyncKernelClient

from bench.notebooks.row import Row
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport
from tests.support.cocalc_clients import api_of
from tests.support.servers import TOKEN, JupyterServer

ROUNDS = 5
REFILL_S = 2.0
HEADERS = {"Authorization": f"token {TOKEN}"}


async def rows() -> AsyncIterator[Row]:
    os.environ["COCALC_JUPYTER_POOL_LAUNCH_DELAY_MS"] = "1"
    server = JupyterServer(Path(tempfile.mkdtemp(prefix="bench-")))
    with server:
        async with httpx.AsyncClient(base_url=server.url, headers=HEADERS, timeout=30) as http:
            await session_s(server, http, 0)
            pooled = [await rested(session_s(server, http, n)) for n in range(1, ROUNDS + 1)]
        yield Row("a kernel from the pool, ready", 1000 * statistics.median(pooled), "ms", 100)
        async with Client(TornadoTransport(server.url, headers=HEADERS)) as client:
            await stateless_s(server, client)
            warm = [await rested(stateless_s(server, client)) for _ in range(ROUNDS)]
        yield Row("2+3, run once, on a warm pool", 1000 * statistics.median(warm), "ms", 150)


async def rested(measuring: Awaitable[float]) -> float:
    """Measure when the pool is full again."""
    await asyncio.sleep(REFILL_S)
    return await measuring


async def session_s(server: JupyterServer, http: httpx.AsyncClient, number: int) -> float:
    """Return the seconds until the kernel of a new session has answered."""
    name = f"bench-{number}.ipynb"
    model = {"path": name, "type": "notebook", "name": name, "kernel": {"name": "python3"}}
    started = time.perf_counter()
    response = await http.post("api/sessions", content=json.dumps(model))
    response.raise_for_status()
    kernel_id = response.json()["kernel"]["id"]
    client = AsyncKernelClient(
        connection_file=str(server.folder / "runtime" / f"kernel-{kernel_id}.json")
    )
    client.load_connection_file()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        await client.kernel_info(reply=True, timeout=30)
        return time.perf_counter() - started
    finally:
        client.stop_channels()


async def stateless_s(server: JupyterServer, client: Client) -> float:
    """Return the seconds from the call over conat to its result."""
    subject = api_of(server)
    started = time.perf_counter()
    options = {"kernel": "python3", "input": "2+3"}
    result = await call(client, subject, "system.jupyterExecute", [options])
    assert result == [{"data": {"text/plain": "5"}}], result
    return time.perf_counter() - started
