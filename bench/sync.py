"""What shared maps and logs cost, over a WebSocket and in one process, next to plain SQLite.

Run: ``python bench/sync.py``. Times are medians of several rounds, each with a stream of its own.
The physical limit is SQLite itself: the same table on the same disk, without anything of ours.
"""

import asyncio
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.persist.database.sqlite_file import create_tables
from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.persist.server.service import PersistService
from cocalc_jupyter_ext.conat.sync.opening import open_dkv, open_dstream
from cocalc_jupyter_ext.conat.transports.connect import connect
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport

ROUNDS = 5
KEYS = 1_000
MESSAGES = 10_000
MILLION = 1_000_000
GROUP = 500
RAW = b"x" * 100

Connect = Callable[[], Awaitable[Client]]


@dataclass(frozen=True)
class Line:
    """A number and, for some, the one it should not exceed."""

    title: str
    value: float
    unit: str = "ms"
    target: float | None = None

    def __str__(self) -> str:
        verdict = ""
        if self.target is not None:
            verdict = f"{'met' if self.value <= self.target else 'MISSED':>8} (<= {self.target:g})"
        return f"{self.title:<58}{self.value:>12,.3f} {self.unit:<10}{verdict}"


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    """Return how many milliseconds it takes."""
    began_s = time.perf_counter()
    await action()
    return (time.perf_counter() - began_s) * 1000


def timed_call(action: Callable[[], object], runs: int) -> float:
    """Return how many milliseconds a call takes, the median of several."""
    times = []
    for _ in range(runs):
        began_s = time.perf_counter()
        action()
        times.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(times)


# Maps and logs


async def measure_map(connect_client: Connect, name: str) -> tuple[float, float]:
    """Return the times to save all keys, and to open the map again elsewhere."""
    async with await connect_client() as client:
        box = await open_dkv(client, name=name, no_inventory=True)

        async def write() -> None:
            for number in range(KEYS):
                box[f"key-{number}"] = {"value": number}
            await box.save()

        save_ms = await timed(write)
        await box.close()
    async with await connect_client() as client, AsyncExitStack() as stack:

        async def read() -> None:
            box = await stack.enter_async_context(
                await open_dkv(client, name=name, no_inventory=True)
            )
            assert len(box) == KEYS

        return save_ms, await timed(read)


async def measure_log(connect_client: Connect, name: str) -> tuple[float, float]:
    """Return the times to save all messages, and to load the log elsewhere."""
    async with await connect_client() as client:
        log = await open_dstream(client, name=name, no_inventory=True)

        async def write() -> None:
            for number in range(MESSAGES):
                log.publish({"number": number})
            await log.save()

        save_ms = await timed(write)
        await log.close()
    async with await connect_client() as client, AsyncExitStack() as stack:

        async def read() -> None:
            log = await stack.enter_async_context(
                await open_dstream(client, name=name, no_inventory=True)
            )
            assert len(log) == MESSAGES

        return save_ms, await timed(read)


async def measure_structures(connect_client: Connect, carrier: str) -> list[Line]:
    maps = [await measure_map(connect_client, f"map-{each}") for each in range(ROUNDS)]
    logs = [await measure_log(connect_client, f"log-{each}") for each in range(ROUNDS)]
    map_save, map_open = map(statistics.median, zip(*maps, strict=True))
    log_save, log_open = map(statistics.median, zip(*logs, strict=True))
    return [
        Line(f"{carrier}: dkv, set and save {KEYS:,} keys", map_save, target=250),
        Line(f"{carrier}: dkv, open it again", map_open, target=30),
        Line(f"{carrier}: dstream, publish and save {MESSAGES:,}", log_save, target=3000),
        Line(f"{carrier}: dstream, load it", log_open, target=90),
    ]


@asynccontextmanager
async def over_websocket(folder: Path) -> AsyncIterator[Connect]:
    """Give a way to a server in a process of its own."""
    command = [sys.executable, "-m", "cocalc_jupyter_ext.conat.commands.conat_server"]
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else is to run meanwhile
        [*command, "--port", "0", "--data", str(folder)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"]
            yield lambda: connect(address)
        finally:
            server.terminate()


@asynccontextmanager
async def in_one_process(folder: Path) -> AsyncIterator[Connect]:
    """Give a way to a broker and a persist service in this process."""
    broker = Broker()

    async def connect_client() -> Client:
        client = Client(LoopbackTransport(broker, None))
        client.start()
        await client.wait_until_signed_in()
        return client

    async with await connect_client() as client, PersistService(client, folder):
        yield connect_client
    await broker.stop()


async def measure_carriers(folder: Path) -> list[Line]:
    lines = []
    for carrier, open_carrier in (("WebSocket", over_websocket), ("loopback", in_one_process)):
        async with open_carrier(folder / carrier) as connect_client:
            lines += await measure_structures(connect_client, carrier)
    return lines


# The store below


def fill(path: Path, messages: int) -> float:
    """Make a stream, every second message with a key; return messages per second."""
    store = SqliteStore.open(path)
    began_s = time.perf_counter()
    for start in range(0, messages, GROUP):
        store.set_many(
            [
                NewMessage(raw=RAW, key=f"k{number}" if number % 2 else None, msg_id=str(number))
                for number in range(start, start + GROUP)
            ]
        )
    rate = messages / (time.perf_counter() - began_s)
    store.close()
    return rate


def measure_long_stream(folder: Path) -> list[Line]:
    path = folder / "long.db"
    fill(path, MILLION)
    open_ms = timed_call(lambda: SqliteStore.open(path).close(), 5)
    process = psutil.Process()
    before = process.memory_info().rss
    rng = random.Random(0)
    with closing(SqliteStore.open(path)) as store:
        by_seq = timed_call(lambda: store.get(seq=rng.randrange(1, MILLION)), 1000)
        by_key = timed_call(lambda: store.get(key=f"k{rng.randrange(MILLION) | 1}"), 1000)
        grown_mb = (process.memory_info().rss - before) / 1e6
    return [
        Line(f"store of {MILLION:,}: open", open_ms, target=50),
        Line(f"store of {MILLION:,}: get by number", by_seq, target=1),
        Line(f"store of {MILLION:,}: get by key", by_key, target=1),
        Line(f"store of {MILLION:,}: memory after 2,000 gets", grown_mb, "MB", target=10),
    ]


def plain_rate(path: Path, group: int, messages: int = 100_000) -> float:
    """Return rows per second of SQLite alone, in transactions of ``group`` rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        create_tables(connection)
        began_s = time.perf_counter()
        for _ in range(0, messages, group):
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO messages(time, compress, encoding, raw, size) VALUES (?, 0, 0, ?, ?)",
                [(time.time(), RAW, len(RAW))] * group,
            )
            connection.execute("COMMIT")
        return messages / (time.perf_counter() - began_s)


def measure_limit(folder: Path, log_save_ms: float) -> list[Line]:
    plain = plain_rate(folder / "plain.db", GROUP)
    ours = fill(folder / "ours.db", 100_000)
    over_network = MESSAGES / log_save_ms * 1000
    return [
        Line(f"plain SQLite, transactions of {GROUP}", plain, "rows/s"),
        Line("plain SQLite, transactions of 1", plain_rate(folder / "one.db", 1), "rows/s"),
        Line(f"our store, set_many of {GROUP} with ids, half with keys", ours, "rows/s"),
        Line("our store, times slower than plain SQLite", plain / ours, "x"),
        Line("dstream over WebSocket, saved", over_network, "rows/s"),
        Line("dstream, times slower than plain SQLite", plain / over_network, "x"),
    ]


def main() -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = asyncio.run(measure_carriers(folder))
        lines += measure_long_stream(folder)
        lines += measure_limit(folder, lines[2].value)
    print("\n".join(map(str, lines)))


if __name__ == "__main__":
    main()
