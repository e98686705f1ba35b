"""The pool, with kernels and a clock that tests make (syncdoc-jupyter §5)."""

import asyncio
import logging

import pytest

from cocalc_jupyter_ext.kernels.pool.keys import PoolKey
from cocalc_jupyter_ext.kernels.pool.pool import MAINTENANCE_S, KernelPool
from cocalc_jupyter_ext.kernels.pool.remembered import RememberedKey
from cocalc_jupyter_ext.kernels.pool.settings import PoolSettings
from cocalc_jupyter_ext.kernels.usage import MIN_FREE_BYTES

from ...support.stepped_clock import SteppedClock

A, B = PoolKey("a"), PoolKey("b")


class Kernel:
    def __init__(self, number):
        self.number = number
        self.usable = True
        self.ended = False

    def is_usable(self):
        return self.usable

    async def end(self):
        self.ended = True


class World:
    """A pool, its clock, and all the kernels that it started."""

    def __init__(self, config_file, size=1):
        self.clock = SteppedClock(self.settle)
        self.pass_time = self.clock.pass_time
        self.started = []
        self.free_bytes = MIN_FREE_BYTES
        self.error = None
        self.config_file = config_file
        settings = PoolSettings(size, 3600, 7.5, config_file)
        self.pool = KernelPool(
            settings,
            self.launch,
            clock=self.clock.time,
            free_bytes=lambda: self.free_bytes,
            sleep=self.clock.sleep,
        )

    async def launch(self, key):
        if self.error is not None:
            raise self.error
        self.started.append((key, Kernel(len(self.started))))
        return self.started[-1][1]

    async def settle(self):
        """Let everything run until all that the pool does waits for the clock."""
        async with asyncio.timeout(60):
            while self.clock.sleeping != len(self.pool._tasks):
                await asyncio.sleep(0.0005)


@pytest.fixture
async def make(tmp_path):
    worlds = []

    async def make(**options):
        worlds.append(World(tmp_path / "config", **options))
        await worlds[-1].pool.start()
        return worlds[-1]

    yield make
    for world in worlds:
        await world.pool.stop()


async def test_an_empty_pool_gives_none_and_has_one_after_the_launch_delay(make) -> None:
    world = await make()
    assert world.pool.take(A) is None
    await world.pass_time(7.4)
    assert world.started == []
    await world.pass_time(0.2)

    assert world.pool.take(A).number == 0


async def test_taking_one_starts_the_next_in_the_background(make) -> None:
    world = await make()
    world.pool.take(A)
    await world.pass_time(8)
    assert world.pool.take(A).number == 0
    assert world.pool.take(A) is None
    await world.pass_time(8)

    assert world.pool.take(A).number == 1
    assert [key for key, _ in world.started] == [A, A]


async def test_a_pool_of_two_is_filled_one_after_the_other(make) -> None:
    world = await make(size=2)
    world.pool.take(A)
    await world.pass_time(8)
    assert len(world.started) == 1
    await world.pass_time(8)

    assert [world.pool.take(A).number for _ in range(2)] == [0, 1]


async def test_kernels_that_are_of_no_use_any_more_are_ended_and_not_given_out(make) -> None:
    world = await make(size=2)
    world.pool.take(A)
    await world.pass_time(20)
    world.started[0][1].usable = False

    assert world.pool.take(A).number == 1
    await world.settle()
    assert world.started[0][1].ended


async def test_with_size_0_nothing_is_ever_started(make) -> None:
    world = await make(size=0)
    assert world.pool.take(A) is None
    await world.pass_time(100)

    assert world.started == []
    assert not world.config_file.exists()


async def test_a_kernel_that_somebody_stops_is_ended_and_not_given_out(make) -> None:
    """hub-project-api §3.2, stopJupyterKernel."""
    world = await make()
    world.pool.take(A)
    await world.pass_time(8)
    (kernel,) = world.pool.ready()
    world.pool.discard(kernel)
    await asyncio.gather(*world.pool._ending)
    world.pool.discard(kernel)

    assert kernel.ended
    assert world.pool.ready() == []
    assert world.pool.take(A) is None


async def test_a_pool_that_nobody_uses_ends_its_kernels(make) -> None:
    world = await make()
    world.pool.take(A)
    await world.pass_time(8)
    await world.pass_time(3600)
    assert not world.started[0][1].ended
    await world.pass_time(MAINTENANCE_S)

    assert world.started[0][1].ended


async def test_when_all_pools_are_empty_the_remembered_kind_is_started(make) -> None:
    world = await make()
    world.pool.take(B)
    world.pool.take(A)
    await world.pass_time(8)
    kernels = dict(world.started)
    await world.pass_time(3700)

    assert all(kernel.ended for kernel in kernels.values())
    assert [key for key, _ in world.started[2:]] == [A]


async def test_after_a_restart_the_remembered_kind_is_started(make, tmp_path) -> None:
    RememberedKey(tmp_path / "config").write(B)
    world = await make()
    await world.pass_time(8)

    assert world.pool.take(B).number == 0


async def test_nothing_is_started_in_advance_while_memory_is_short(make) -> None:
    world = await make()
    world.free_bytes = MIN_FREE_BYTES - 1
    world.pool.take(A)
    await world.pass_time(20)
    assert world.started == []

    world.free_bytes = MIN_FREE_BYTES
    await world.pass_time(2 * MAINTENANCE_S)
    assert len(world.started) == 1


async def test_a_kernel_that_cannot_be_started_is_said_and_tried_again_later(make, caplog) -> None:
    world = await make()
    world.error = OSError("no such program")
    with caplog.at_level(logging.WARNING):
        world.pool.take(A)
        await world.pass_time(8)
    assert "No a kernel could be started in advance: no such program" in caplog.text

    world.error = None
    await world.pass_time(2 * MAINTENANCE_S)
    assert len(world.started) == 1


async def test_stopping_ends_all_kernels_and_starts_no_more(make) -> None:
    world = await make(size=2)
    world.pool.take(A)
    await world.pass_time(8)
    await world.pool.stop()
    await world.pool.stop()

    assert [kernel.ended for _, kernel in world.started] == [True]
    assert world.pool.take(A) is None
    await world.pass_time(20)
    assert len(world.started) == 1
