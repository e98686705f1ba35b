"""Cells that print much: until everything is in the document and in the file."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from bench.notebooks.row import Row
from cocalc_jupyter_ext.kernels.launching import OUTPUT_VARIABLE
from tests.support.notebook_runs import NotebookRuns
from tests.support.servers import JupyterServer

LINES = 10_000
UPDATES = 100_000
ROUNDS = 3
BAR_ROUNDS = 7

PRINTS = f"for i in range({LINES}): print(i, flush=True)"
# About 20 us a step, and no object is made: a loop that makes some takes 22-26 us a step, by where
# the allocator puts them, and each drawing of the bar moves that place.
WORK = "ones = [1] * 5000"
PLAIN = f"{WORK}\nfor i in range({UPDATES}):\n    sum(ones)"
BAR = f"from tqdm import tqdm\n{WORK}\nfor i in tqdm(range({UPDATES})):\n    sum(ones)"
# Draws at each step; the kernel itself needs about a millisecond for that.
DRAWN = 5_000
EAGER_BAR = f"from tqdm import tqdm\nfor i in tqdm(range({DRAWN}), mininterval=0): pass"

Times = tuple[float, float]


async def rows() -> AsyncIterator[Row]:
    server = JupyterServer(Path(tempfile.mkdtemp(prefix="bench-")))
    with server:
        runs = await NotebookRuns.start(server, "bench.ipynb", "1", PRINTS, PLAIN, BAR, EAGER_BAR)
        await runs.run("c0")
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        before = cpu_s(process)
        taken_s, lost = await printing(runs)
        used_s = cpu_s(process) - before
        yield Row(f"{LINES:,} flushed prints, in document and file", taken_s, "s", 3)
        alone_s = await asyncio.to_thread(seconds_of_jupyter_client, PRINTS)
        yield Row("the same prints by jupyter_client, collected only", alone_s, "s")
        yield Row(f"{LINES:,} flushed prints, CPU of the server", used_s, "s", 1.5)
        yield Row(f"{LINES:,} flushed prints, lines lost", lost, "", 0)
        title = f"a tqdm bar with {UPDATES:,} updates"
        ours, peers = await best_of_rounds(runs)
        yield Row(f"{title}, added to the run", percent(ours), "%", 10)
        yield Row(f"{title}, added by the kernel and jupyter_client alone", percent(peers), "%")
        drawn = percent((peers[1], ours[1]))
        yield Row(f"{title}, added to jupyter_client's time", drawn, "%", 10)
        eager = await compared(runs, "c4", EAGER_BAR)
        title = f"a tqdm bar drawn {DRAWN:,} times, added to jupyter_client's time"
        yield Row(title, eager, "%", 10)
    async for row in stock_rows():
        yield row


async def stock_rows() -> AsyncIterator[Row]:
    """Measure a kernel that prints as those of other environments do; no target is set for it."""
    with mock.patch.dict(os.environ, {OUTPUT_VARIABLE: "stock"}):
        server = JupyterServer(Path(tempfile.mkdtemp(prefix="bench-")))
        with server:
            runs = await NotebookRuns.start(server, "bench.ipynb", "1", PRINTS)
            await runs.run("c0")
            assert server.process is not None
            process = psutil.Process(server.process.pid)
            before = cpu_s(process)
            taken_s, lost = await printing(runs)
            title = f"{LINES:,} flushed prints of a stock kernel"
            yield Row(f"{title}, in document and file", taken_s, "s")
            yield Row(f"{title}, CPU of the server", cpu_s(process) - before, "s")
            yield Row(f"{title}, lines lost", lost, "", 0)


async def printing(runs: NotebookRuns) -> tuple[float, int]:
    """Return the seconds until the last line is in the file, and the lines lost anywhere."""
    started = time.perf_counter()
    await runs.finish(await runs.begin("c1"), timeout_s=120)
    shown = set(runs.text(await runs.cell("c1")).split())
    saved = await runs.until_saved(lambda notebook: len(notebook.cells[1].outputs) > 0)
    taken_s = time.perf_counter() - started
    written = {word for each in saved.cells[1].outputs for word in each.get("text", "").split()}
    return taken_s, LINES - len({str(n) for n in range(LINES)} & shown & written)


async def best_of_rounds(runs: NotebookRuns) -> tuple[Times, Times]:
    """Return the seconds of the loop without and with its bar, here and by jupyter_client.

    All four are run in turns, and the best of each counts: a machine that is shared is now and
    then slower by more than what is measured.
    """
    rounds = []
    with jupyter_client_kernel() as client:
        for _ in range(BAR_ROUNDS):
            peer = [await asyncio.to_thread(seconds_in, client, code) for code in (PLAIN, BAR)]
            rounds.append((await seconds(runs, "c2"), await seconds(runs, "c3"), *peer))
    plain, drawn, peers_plain, peers_drawn = map(min, zip(*rounds, strict=True))
    return (plain, drawn), (peers_plain, peers_drawn)


def percent(times: Times) -> float:
    """Return by how many per cent the second time is longer than the first."""
    return 100 * (times[1] / times[0] - 1)


async def compared(runs: NotebookRuns, cell_id: str, source: str) -> float:
    """Return by how many per cent a run takes longer than one whose output is only collected."""
    peers = [await asyncio.to_thread(seconds_of_jupyter_client, source) for _ in range(ROUNDS)]
    ours = [await seconds(runs, cell_id) for _ in range(ROUNDS)]
    return 100 * (statistics.median(ours) / statistics.median(peers) - 1)


@contextmanager
def jupyter_client_kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel()
    try:
        client.execute_interactive("1", timeout=60, output_hook=lambda _: None)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def seconds_in(client: BlockingKernelClient, source: str) -> float:
    started = time.perf_counter()
    client.execute_interactive(source, timeout=120, output_hook=lambda _: None)
    return time.perf_counter() - started


def seconds_of_jupyter_client(source: str) -> float:
    with jupyter_client_kernel() as client:
        return seconds_in(client, source)


async def seconds(runs: NotebookRuns, cell_id: str) -> float:
    started = time.perf_counter()
    await runs.finish(await runs.begin(cell_id), timeout_s=120)
    return time.perf_counter() - started


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time of the server alone: kernels are processes of their own."""
    times = process.cpu_times()
    return float(times.user + times.system)
