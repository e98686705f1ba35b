"""Writers on a network that loses, delays and repeats end with the same data (conat-sync §4).

Each seed is one run, printed when it fails; a seed that ever failed stays in the list by name.
"""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.merge import Merge
from tests.support import virtual_time
from tests.support.sync_streams import FaultyStream

TOLD_WHAT_DID_NOT_LAST = [1402, 1439, 1459, 1479]
SEEDS = [*range(40), *TOLD_WHAT_DID_NOT_LAST]
STEPS = 60
KEYS = "abc"


class Network:
    """What goes wrong, and what then happens by itself."""

    def __init__(self, stream: FaultyStream, rng: random.Random) -> None:
        self._stream = stream
        self._rng = rng

    async def happen(self) -> None:
        """Let one thing happen, or nothing."""
        stream = self._stream
        what = self._rng.choice(["error", "lose reply", "hold", "release", "cut", "wait", "go on"])
        if what == "error":
            stream.errors.append(RequestTimeout("timeout"))
        elif what == "lose reply":
            stream.loses_replies += 1
        elif what == "hold":
            stream.release()
            stream.hold_echoes()
        elif what == "release":
            stream.release()
        elif what == "cut":
            stream.lose_echoes()
            stream.reset()
        elif what == "wait":
            await asyncio.sleep(self._rng.random())
        else:
            await virtual_time.settle()

    async def calm_down(self) -> None:
        """Work from now on, after having lost the connection once more."""
        self._stream.errors.clear()
        self._stream.loses_replies = 0
        self._stream.lose_echoes()
        self._stream.reset()
        await asyncio.sleep(30)


def larger(conflict: Any) -> Any:
    return max(conflict.local, conflict.remote or 0)


@pytest.mark.parametrize("merge", [None, larger], ids=["last", "merge"])
@pytest.mark.parametrize("seed", SEEDS)
def test_maps_converge(seed: int, merge: Merge | None) -> None:
    """conat-sync §7.7: four clients converge."""

    async def check() -> None:
        rng, stream = random.Random(seed), FaultyStream()
        network = Network(stream, rng)
        async with AsyncExitStack() as stack:
            maps = [
                await stack.enter_async_context(stream.dkv(merge=merge, autosave=True))
                for _ in range(3)
            ]
            told: list[dict[str, Any]] = [{} for _ in maps]
            for box, seen in zip(maps, told, strict=True):
                box.changes.connect(lambda change, seen=seen: _see(seen, change))
            for _ in range(STEPS):
                _write(rng.choice(maps), rng)
                await network.happen()
            await network.calm_down()
            for box in maps:
                await box.save()
            await asyncio.sleep(1)

            assert [box.is_stable() for box in maps] == [True] * 3
            assert maps[0].get_all() == maps[1].get_all() == maps[2].get_all()
            # Who follows the changes alone knows the same.
            assert told == [box.get_all() for box in maps]
            async with stream.dkv() as late:
                assert late.get_all() == maps[0].get_all()

    virtual_time.run(check())


@pytest.mark.parametrize("seed", SEEDS)
def test_logs_converge_and_lose_and_repeat_nothing(seed: int) -> None:
    async def check() -> None:
        rng, stream = random.Random(seed), FaultyStream()
        network = Network(stream, rng)
        async with AsyncExitStack() as stack:
            logs = [
                await stack.enter_async_context(stream.dstream(autosave=True)) for _ in range(3)
            ]
            told: list[list[Any]] = [[] for _ in logs]
            for log, seen in zip(logs, told, strict=True):
                log.changes.connect(lambda value, _seq, seen=seen: seen.append(value))
            for number in range(STEPS):
                rng.choice(logs).push(number)
                await network.happen()
            await network.calm_down()
            for log in logs:
                await log.save()
            await asyncio.sleep(1)

            assert [log.is_stable() for log in logs] == [True] * 3
            assert logs[0].get_all() == logs[1].get_all() == logs[2].get_all()
            assert sorted(logs[0]) == list(range(STEPS))
            assert [sorted(values) for values in told] == [list(range(STEPS))] * 3

    virtual_time.run(check())


def _write(box: DKV, rng: random.Random) -> None:
    key = rng.choice(KEYS)
    if rng.random() < 0.3:
        box.delete(key)
    else:
        box[key] = rng.randrange(1000)


def _see(seen: dict[str, Any], change: Any) -> None:
    if change.is_deleted:
        seen.pop(change.key, None)
    else:
        seen[change.key] = change.value
