"""Replicas of a stream converge whatever happens to their sockets and to the server (H20, H21).

Random writers store, overwrite and delete; sockets are lost, readers do not keep up, and the
server is restarted, at random times. Afterwards each replica holds what the stream holds.
"""

import asyncio
import random
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.client import feeds
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient
from cocalc_jupyter_ext.conat.persist.messages import Deleted, StoredMessage

from ..support.persist import World, message, persist_world

STEPS = 60


class Replica:
    """The least that can mirror a stream: load, follow, load again after a gap."""

    def __init__(self, access: PersistClient) -> None:
        self.access = access
        self.held: dict[int, StoredMessage] = {}
        self.reloads = 0
        self._loaded_seq = 0

    async def run(self) -> None:
        feed = await self.access.changefeed()
        await self._load()
        async for events in feed:
            if isinstance(events, Reset):
                if events.concerns(len(self.held), max(self.held, default=0)):
                    await self._load()
                continue
            for update in events:
                if isinstance(update, Deleted):
                    for seq in update.seqs:
                        self.held.pop(seq, None)
                elif update.message.seq > self._loaded_seq:
                    self._add(update.message)

    def _add(self, message: StoredMessage) -> None:
        if message.key is not None:
            old = [seq for seq, each in self.held.items() if each.key == message.key]
            for seq in old:
                del self.held[seq]
        self.held[message.seq] = message

    async def _load(self) -> None:
        while True:
            try:
                loaded = [m async for batch in self.access.get_all() for m in batch]
            except ConatError:
                await asyncio.sleep(0.01)
                continue
            self.reloads += 1
            self.held = {each.seq: each for each in loaded}
            self._loaded_seq = max(self.held, default=0)
            return


async def act(rng: random.Random, writer: PersistClient, world: World) -> None:
    """Do one thing; what fails because the server is away is no loss."""
    try:
        match rng.randrange(10):
            case 0 | 1 | 2 | 3:
                await writer.set(message(rng.random()), timeout_s=2)
            case 4 | 5:
                await writer.set(message(rng.random(), key=rng.choice("abc")), timeout_s=2)
            case 6:
                await writer.delete(seq=rng.randrange(1, 40), timeout_s=2)
            case 7:
                await writer.delete(last_seq=rng.randrange(1, 20), timeout_s=2)
            case 8:
                await lose_a_socket(rng, world)
            case 9:
                await asyncio.sleep(rng.random() * 0.05)
    except ConatError:
        await asyncio.sleep(0.01)


async def lose_a_socket(rng: random.Random, world: World) -> None:
    sockets = list(world.services[-1]._sockets.sockets.values())
    if sockets:
        await rng.choice(sockets).close()


async def converged(world: World, replicas: list[Replica], access: PersistClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                stored = [m async for batch in access.get_all() for m in batch]
            except ConatError:
                stored = []
            held = [sorted(each.held.items()) for each in replicas]
            if stored and all(each == [(m.seq, m) for m in stored] for each in held):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("ephemeral", [False, True])
@pytest.mark.parametrize("seed", range(6))
async def test_replicas_converge(
    seed: int, ephemeral: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """conat-sync §7.3: open streams go on."""
    rng = random.Random(seed)
    monkeypatch.setattr(feeds, "MAX_UPDATES", 5)
    async with persist_world(tmp_path) as world:
        replicas = [Replica(await world.stream(ephemeral=ephemeral)) for _ in range(3)]
        tasks = [asyncio.create_task(each.run()) for each in replicas]
        writers = [await world.stream(ephemeral=ephemeral) for _ in range(2)]
        for step in range(STEPS):
            await act(rng, rng.choice(writers), world)
            if step in (STEPS // 3, 2 * STEPS // 3) and seed % 2:
                await world.services[-1].close()
                await world.service()
        while True:
            try:
                await writers[0].set(message("last"), timeout_s=2)
                break
            except ConatError:
                await asyncio.sleep(0.01)

        await converged(world, replicas, writers[0])

        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
