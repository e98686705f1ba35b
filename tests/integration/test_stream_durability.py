"""What a stream has acknowledged survives any death of its server, once and in order.

A real server is killed one hundred times at random moments while clients write to it over
WebSockets, and started again with the same data. conat-sync §1.10, §2.5, §4.1, §4.2, SPEC G5.
"""

import asyncio
import contextlib
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.connection import ConnectionSettings
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient, acquire
from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, Receipt, StoredMessage
from cocalc_jupyter_ext.conat.persist.server.open_storage import Storages
from cocalc_jupyter_ext.conat.protocol.codec import decode, encode
from cocalc_jupyter_ext.conat.sockets.states import SocketSettings
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.opening import open_dkv, open_dstream
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_process import ConatProcess, PersistProcess, conat_process

KILLS = 25
SEEDS = range(4)
LOG, MAP = "log", "map"
LIMIT_S = 60
TIMEOUT_S = 0.5
MAX_LAG_S = 0.05
QUICK = ConnectionSettings(SocketSettings(reconnection=False), reconnect_delay_s=0.002)


@dataclass
class World:
    """A server to kill, and what its clients have in common."""

    address: str
    victim: ConatProcess
    rng: random.Random
    stack: AsyncExitStack
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False

    async def client(self) -> Client:
        """Return a client that comes back soon."""
        client = Client(TornadoTransport(self.address), rng=lambda: 0.0)
        return await self.stack.enter_async_context(client)

    async def stream(self, name: str, client: Client | None = None) -> PersistClient:
        """Return a stream whose connection, which others share, comes back at once."""
        path = Owner().path_of(name)
        access = await acquire(
            client or await self.client(), Owner(), StorageOptions(path), settings=QUICK
        )
        self.stack.push_async_callback(access.close)
        return access

    async def content(self, name: str) -> list[StoredMessage]:
        """Return what a stream holds."""
        access = await self.stream(name)
        return [message async for batch in access.get_all() for message in batch]


class Writer(ABC):
    """Writes values that nobody else writes, and knows which were acknowledged."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.shown: Callable[[], Any] = dict

    @abstractmethod
    async def run(self) -> None:
        """Write until it is over, and save."""

    @abstractmethod
    def check(self, log: list[StoredMessage], keys: dict[str, StoredMessage]) -> None:
        """Check that everything acknowledged is there, once and in order."""

    async def rest(self) -> None:
        await asyncio.sleep(self.world.rng.random() * 0.02)

    def mine(self, log: list[StoredMessage]) -> list[tuple[int, str]]:
        """Return the numbers and values of one's own messages."""
        values = [(each.seq, str(decode(each.raw))) for each in log]
        return [(seq, value) for seq, value in values if value.startswith(f"{self.name} ")]


class Persistent(Writer):
    """Appends messages, each with an id, again and again until it is acknowledged."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.receipts: list[tuple[int, str]] = []
        self.attempts = 0

    async def run(self) -> None:
        access = await self.world.stream(LOG)
        for number in count():
            if self.world.is_over:
                return
            values = [
                f"{self.name} {number}.{part}" for part in range(self.world.rng.choice([1, 3]))
            ]
            messages = [NewMessage(raw=encode(each), msg_id=each) for each in values]
            receipts = await self._store(access, messages)
            self.receipts += zip((each.seq for each in receipts), values, strict=True)
            self.world.acknowledged.set()
            await self.rest()

    async def _store(self, access: PersistClient, messages: list[NewMessage]) -> list[Receipt]:
        while True:
            self.attempts += 1
            try:
                if len(messages) == 1:
                    return [await access.set(messages[0], timeout_s=TIMEOUT_S)]
                results = await access.set_many(messages, timeout_s=TIMEOUT_S)
                return [each for each in results if isinstance(each, Receipt)]
            except ConatError:
                await asyncio.sleep(0.01)

    def check(self, log: list[StoredMessage], keys: dict[str, StoredMessage]) -> None:
        assert self.mine(log) == self.receipts
        assert self.receipts == sorted(self.receipts, key=lambda receipt: receipt[0])


class Fickle(Writer):
    """Appends messages and never asks twice."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.receipts: list[tuple[int, str]] = []

    async def run(self) -> None:
        access = await self.world.stream(LOG)
        for number in count():
            if self.world.is_over:
                return
            value = f"{self.name} {number}"
            try:
                receipt = await access.set(NewMessage(raw=encode(value)), timeout_s=TIMEOUT_S)
            except ConatError:
                await asyncio.sleep(0.01)
                continue
            self.receipts.append((receipt.seq, value))
            await self.rest()

    def check(self, log: list[StoredMessage], keys: dict[str, StoredMessage]) -> None:
        stored = self.mine(log)
        assert set(self.receipts) <= set(stored)
        assert len({value for _, value in stored}) == len(stored)


class Log(Writer):
    """Publishes to a shared log, which saves by itself."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.published: list[str] = []

    async def run(self) -> None:
        client = await self.world.client()
        await self.world.stream(LOG, client)
        log = await open_dstream(client, name=LOG, no_inventory=True)
        self.world.stack.push_async_callback(log.close)
        self.shown = log.get_all
        for number in count():
            if self.world.is_over:
                break
            self.published.append(f"{self.name} {number}")
            log.publish(self.published[-1])
            await self.rest()
        await log.save()

    def check(self, log: list[StoredMessage], keys: dict[str, StoredMessage]) -> None:
        assert [value for _, value in self.mine(log)] == self.published


class Keys(Writer):
    """Sets and deletes keys of a shared map, which saves by itself."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.wanted: dict[str, Any] = {}

    async def run(self) -> None:
        client = await self.world.client()
        await self.world.stream(MAP, client)
        shared = await open_dkv(client, name=MAP, no_inventory=True)
        self.world.stack.push_async_callback(shared.close)
        self.shown = shared.get_all
        for number in count():
            if self.world.is_over:
                break
            self._edit(shared, number)
            await self.rest()
        await shared.save()

    def _edit(self, shared: DKV, number: int) -> None:
        key = f"{self.name} {number % 7}"
        if number % 5 == 4:
            shared.delete(key)
            self.wanted.pop(key, None)
            return
        values = {key: number, f"{self.name} both": -number}
        shared.set_many(values)
        self.wanted |= values

    def check(self, log: list[StoredMessage], keys: dict[str, StoredMessage]) -> None:
        live = {key: decode(each.raw) for key, each in keys.items() if not each.is_tombstone}
        assert {key: live[key] for key in live if key.startswith(f"{self.name} ")} == self.wanted


@asynccontextmanager
async def one_process(data: Path) -> AsyncIterator[tuple[str, ConatProcess]]:
    """Give a server that also keeps streams."""
    async with conat_process("--data", str(data)) as server:
        yield server.address, server


@asynccontextmanager
async def two_processes(data: Path) -> AsyncIterator[tuple[str, ConatProcess]]:
    """Give a server, and what keeps streams beside it, which is what will be killed."""
    async with conat_process() as server:
        persist = PersistProcess("--server", server.address, "--data", str(data))
        await persist.start()
        try:
            yield server.address, persist
        finally:
            await persist.kill()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_acknowledged_is_lost_or_doubled_by_kills(seed: int, tmp_path: Path) -> None:
    processes = two_processes if seed == SEEDS[-1] else one_process
    async with processes(tmp_path) as (address, victim), AsyncExitStack() as stack:
        world = World(address, victim, random.Random(seed), stack)
        kinds = (Persistent, Persistent, Fickle, Log, Log, Keys, Keys)
        writers = [kind(world, f"w{number}") for number, kind in enumerate(kinds)]
        async with asyncio.TaskGroup() as tasks:
            for writer in writers:
                tasks.create_task(writer.run())
            for _ in range(KILLS):
                await kill(world)
            world.is_over = True

        log = await world.content(LOG)
        keys = {str(each.key): each for each in await world.content(MAP)}
        assert [each.seq for each in log] == sorted({each.seq for each in log})
        for writer in writers:
            writer.check(log, keys)
        await follow(writers, Log, [decode(each.raw) for each in log])
        live = [each for each in keys.values() if not each.is_tombstone]
        await follow(writers, Keys, {each.key: decode(each.raw) for each in live})
        repeated = sum(each.attempts for each in writers if isinstance(each, Persistent))
        print(f"seed {seed}: {KILLS} kills, {len(log)} messages, {repeated} attempts")


async def follow(writers: list[Writer], kind: type[Writer], content: Any) -> None:
    """Wait until all replicas of a kind show what the stream holds."""
    behind = [each for each in writers if isinstance(each, kind)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT_S):
            while behind:
                await asyncio.sleep(0.02)
                behind = [each for each in behind if each.shown() != content]
    assert {each.name: each.shown() for each in behind} == {}


async def kill(world: World) -> None:
    """Kill the server a moment after it acknowledged something, and start it again."""
    world.acknowledged.clear()
    async with asyncio.timeout(LIMIT_S):
        await world.acknowledged.wait()
    await asyncio.sleep(world.rng.random() * 0.3)
    await world.victim.kill()
    await world.victim.start()


class Lag:
    """Measures how late the event loop is while something else runs."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Lag":
        self._task = asyncio.create_task(self._measure())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            began_s = time.perf_counter()
            await asyncio.sleep(0.001)
            self._lags_s.append(time.perf_counter() - began_s - 0.001)

    def percentile(self, share: float) -> float:
        """Return the lag, in seconds, that this share of all measurements stayed below."""
        return sorted(self._lags_s)[int(len(self._lags_s) * share)]


async def test_the_event_loop_goes_on_while_streams_work_on_the_disk(tmp_path: Path) -> None:
    """10,000 sets, and then 100 MB read: all of it is done by threads."""
    storages = Storages(lambda options: SqliteStore.open(tmp_path / options.path))
    storage = await storages.acquire(StorageOptions("stream.db"))

    async with Lag() as lag:
        for number in range(10_000):
            await storage.set_many([NewMessage(raw=b"x" * 100, key=str(number % 1000))])
        for _ in range(100):
            await storage.set_many([NewMessage(raw=random.randbytes(1_000_000))])
        size = 0
        async for batch in storage.batches(None, None, list):
            size += sum(len(each.raw) for each in batch)

    await storages.close()
    print(f"lag: median {lag.percentile(0.5):.4f} s, p99 {lag.percentile(0.99):.4f} s")
    assert size >= 100_000_000
    assert lag.percentile(0.99) < MAX_LAG_S
