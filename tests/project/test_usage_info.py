"""What kernels use, told to those who ask (syncdoc-jupyter §4.10)."""

import asyncio

import pytest

from cocalc_jupyter_ext.kernels.usage import KernelUsage
from cocalc_jupyter_ext.project.usage_info import KEPT_S, UsageInfo


class Meter:
    """Gives what a test says."""

    def __init__(self, world):
        self.world = world

    async def measure(self, pid):
        self.world.measured += 1
        return self.world.usage


class World:
    def __init__(self):
        self.now = 0.0
        self.measured = 0
        self.usage = KernelUsage(0, 1, 2, 3, 4, 5, 6, 7)
        self.pids = {"a.ipynb": 7}
        self.tick = asyncio.Event()
        self.info = UsageInfo(
            self.find, meter=lambda: Meter(self), clock=lambda: self.now, sleep=self.sleep
        )

    async def find(self, path):
        return self.pids.get(path)

    async def sleep(self, seconds):
        assert seconds == 2
        self.tick.clear()
        await self.tick.wait()

    async def pass_time(self, seconds):
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 2, until)
            self.tick.set()
            for _ in range(5):
                await asyncio.sleep(0)

    async def get(self, path="a.ipynb"):
        return await self.info.get(None, path)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.info.close()
    await world.info.close()


async def test_the_first_question_is_answered_by_a_measurement(world) -> None:
    assert await world.get() == world.usage.to_wire()
    assert world.measured == 1


@pytest.mark.parametrize("path", ["other.ipynb", None, 5])
async def test_a_notebook_without_a_kernel_has_no_usage(world, path) -> None:
    assert await world.get(path) is None
    assert await world.info.get(None) is None  # nothing was asked about
    assert world.measured == 0


async def test_many_questions_cost_one_measurement_every_two_seconds(world) -> None:
    for _ in range(20):
        await asyncio.gather(*[world.get() for _ in range(10)])
        await world.pass_time(2)

    assert world.measured == 21


async def test_what_has_not_changed_is_told_again(world) -> None:
    first = await world.get()
    world.usage = None
    await world.pass_time(4)

    assert await world.get() == first


async def test_measuring_stops_15_seconds_after_the_last_question(world) -> None:
    await world.get()
    await world.pass_time(KEPT_S + 2)
    stopped = world.measured
    await world.pass_time(60)
    assert world.measured == stopped <= 9

    assert await world.get() is not None
    assert world.measured == stopped + 1


async def test_a_process_that_is_gone_gives_none(world) -> None:
    world.usage = None

    assert await world.get() is None


async def test_more_arguments_are_ignored_as_in_javascript(world) -> None:
    assert await world.info.get(None, "b.ipynb", {"more": True}) is None
