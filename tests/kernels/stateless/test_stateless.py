"""Pools of kernels for code that runs once, with kernels and a clock that tests make (§6.1)."""

import asyncio
import logging

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError
from cocalc_jupyter_ext.kernels.stateless.request import DEFAULT_ULIMIT, PoolOptions, Request
from cocalc_jupyter_ext.kernels.stateless.stateless import (
    LOOK_S,
    MAX_CONCURRENT,
    StatelessExecution,
)
from cocalc_jupyter_ext.kernels.usage import MIN_FREE_BYTES

from ...support.stepped_clock import SteppedClock


class Kernel:
    def __init__(self, name, ulimit):
        self.name = name
        self.ulimit = ulimit
        self.is_usable = True
        self.ran = []
        self.closed = False
        self.killed = False
        self.world = None

    async def run(self, request, received_ms):
        self.ran.append(request.input)
        await self.world.may_run.wait()
        if request.input == "fail":
            raise RuntimeError("it failed")
        return [{"name": "stdout", "text": request.input}]

    async def close(self):
        self.closed = True

    @property
    def process(self):
        gone = self.closed or self.killed
        return None if gone else {"pid": 100 + self.world.started.index(self)}

    async def kill(self):
        self.killed = True


class World:
    def __init__(self):
        self.clock = SteppedClock(self.settle)
        self.pass_time = self.clock.pass_time
        self.started = []
        self.error = None
        self.free_bytes = MIN_FREE_BYTES
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.may_run = asyncio.Event()
        self.may_run.set()
        self.execution = StatelessExecution(
            self.language,
            start=self.start,
            clock=self.clock.time,
            sleep=self.clock.sleep,
            random=lambda: 1.0,
            free_bytes=lambda: self.free_bytes,
        )

    async def language(self, name):
        if name not in {"k", "l"}:
            raise KernelSpecNotFoundError(name, ["k"])
        return "python"

    async def start(self, name, ulimit, on_made):
        if self.error is not None:
            raise self.error
        self.started.append(Kernel(name, ulimit))
        self.started[-1].world = self
        on_made(self.started[-1])
        await self.may_start.wait()
        return self.started[-1]

    @staticmethod
    async def settle():
        for _ in range(10):
            await asyncio.sleep(0)

    async def run(self, code="1", kernel="k", **options):
        outputs = await self.execution.execute(Request(kernel, code, **options))
        await self.settle()
        return outputs

    def alive(self):
        return [kernel for kernel in self.started if not kernel.closed]


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.execution.close()


async def test_a_kernel_runs_one_request_and_is_then_gone(world) -> None:
    assert await world.run("a") == [{"name": "stdout", "text": "a"}]
    await world.pass_time(10)
    await world.run("b")

    assert [kernel.ran for kernel in world.started if kernel.ran] == [["a"], ["b"]]
    assert all(kernel.closed for kernel in world.started if kernel.ran)
    assert {kernel.ulimit for kernel in world.started} == {DEFAULT_ULIMIT}


async def test_the_pool_has_its_size_after_a_request_and_is_kept_at_it(world) -> None:
    """Default size 2; new kernels start staggered."""
    await world.run()
    assert world.execution.ready("k") == 1
    await world.pass_time(2.9)
    assert world.execution.ready("k") == 1
    await world.pass_time(0.2)
    assert world.execution.ready("K") == 2

    await world.run(kernel="K")
    await world.pass_time(3)
    assert world.execution.ready("k") == 2
    assert len(world.started) == 4


async def test_each_kernel_name_has_its_own_pool(world) -> None:
    await world.run()
    await world.run(kernel="l")
    await world.pass_time(3)

    assert (world.execution.ready("k"), world.execution.ready("l")) == (2, 2)


async def test_it_shrinks_to_one_after_its_idle_time(world) -> None:
    await world.run(pool=PoolOptions(size=3, timeout_s=100))
    await world.pass_time(99)
    assert world.execution.ready("k") == 3
    await world.pass_time(LOOK_S)

    assert world.execution.ready("k") == 1
    assert len(world.alive()) == 1


async def test_a_timeout_of_0_never_shrinks_it(world) -> None:
    await world.run(pool=PoolOptions(size=2, timeout_s=0))
    await world.pass_time(10_000)

    assert world.execution.ready("k") == 2


@pytest.mark.parametrize("size", [0, -1])
async def test_a_size_of_0_is_no_pool(world, size) -> None:
    await world.run(pool=PoolOptions(size=size))
    await world.pass_time(100)

    assert len(world.started) == 1
    assert world.alive() == []


async def test_a_kernel_that_died_while_it_waited_is_not_used(world) -> None:
    await world.run()
    world.started[1].is_usable = False
    await world.run("b")

    assert world.started[1].ran == []
    assert world.started[1].closed


async def test_a_kernel_is_ended_when_its_code_fails(world) -> None:
    with pytest.raises(RuntimeError, match="it failed"):
        await world.run("fail")
    await world.settle()

    assert [kernel.closed for kernel in world.started if kernel.ran] == [True]


async def test_an_unknown_kernel_is_an_error_and_makes_no_pool(world) -> None:
    with pytest.raises(KernelSpecNotFoundError):
        await world.run(kernel="fortran")

    assert world.started == []


async def test_a_kernel_that_cannot_be_started_is_an_error_of_the_call(world, caplog) -> None:
    world.error = OSError("no memory")
    with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="no memory"):
        await world.run()
    await world.settle()
    assert "could be started for later requests: no memory" in caplog.text

    world.error = None
    assert await world.run("a")


async def test_nothing_is_started_in_advance_while_memory_is_short(world) -> None:
    world.free_bytes = MIN_FREE_BYTES - 1
    assert await world.run("a")
    await world.pass_time(10)

    assert world.execution.ready("k") == 0
    assert len(world.started) == 1


async def test_a_bounded_number_of_requests_runs_at_a_time(world) -> None:
    world.may_run.clear()
    requests = [asyncio.create_task(world.run(str(n))) for n in range(MAX_CONCURRENT + 5)]
    await world.pass_time(60)
    running = [kernel for kernel in world.started if kernel.ran]
    world.may_run.set()

    assert len(running) == MAX_CONCURRENT
    assert len(await asyncio.gather(*requests)) == MAX_CONCURRENT + 5


async def test_kernels_are_listed_while_they_start_wait_and_run(world) -> None:
    """hub-project-api §8.4: after an execution at least one, which the pool provides."""
    await world.run()
    world.may_start.clear()
    await world.pass_time(3)
    world.may_run.clear()
    request = asyncio.create_task(world.run("b"))
    await world.settle()

    assert {each["pid"] for each in world.execution.processes()} == {101, 102, 103}
    world.may_run.set()
    world.may_start.set()
    await request
    assert {each["pid"] for each in world.execution.processes()} == {102, 103}


async def test_a_kernel_that_is_stopped_is_not_listed_or_used_any_more(world) -> None:
    await world.run()
    await world.pass_time(3)

    assert await world.execution.stop_kernel(101)
    assert not await world.execution.stop_kernel(101)
    assert not await world.execution.stop_kernel(7)
    assert [each["pid"] for each in world.execution.processes()] == [102]
    assert world.execution.ready("k") == 1
    await world.settle()
    assert world.started[1].closed

    await world.run("b")
    assert [kernel.ran for kernel in world.started[1:3]] == [[], ["b"]]


async def test_closing_ends_all_kernels(world) -> None:
    await world.run()
    await world.pass_time(3)
    await world.execution.close()
    await world.execution.close()

    assert world.alive() == []
