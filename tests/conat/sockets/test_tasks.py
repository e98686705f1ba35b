"""SPEC Z15: every task of a socket has an owner that ends it."""

import asyncio
import logging

import pytest

from cocalc_jupyter_ext.conat.sockets.tasks import Tasks

from ...support import virtual_time


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("broken")


def test_a_name_runs_at_most_once_and_can_be_used_again() -> None:
    async def check() -> None:
        tasks = Tasks("test")
        tasks.spawn("a", forever())
        tasks.spawn("a", forever())
        await virtual_time.settle()

        assert len(tasks) == 1
        tasks.cancel("a", "unknown")
        assert "a" not in tasks
        await tasks.wait_until_ended()
        assert len(tasks) == 0

    virtual_time.run(check())


def test_a_task_that_has_returned_is_over_at_once() -> None:
    """Its callbacks run a turn later; who asks in between must be able to start it anew."""

    async def check() -> None:
        tasks = Tasks("test")
        seen = []
        tasks.spawn("short", asyncio.sleep(0))
        task = tasks._running["short"]
        while not task.done():
            await asyncio.sleep(0)
            seen.append(("short" in tasks, task.done()))

        assert all(is_there != is_done for is_there, is_done in seen)

    virtual_time.run(check())


def test_a_task_that_ends_everything_is_not_cancelled_itself() -> None:
    async def check() -> None:
        tasks = Tasks("test")
        reached = asyncio.Event()

        async def end_all() -> None:
            tasks.cancel_all()
            await tasks.wait_until_ended()
            reached.set()

        tasks.spawn("other", forever())
        tasks.spawn("ender", end_all())
        async with asyncio.timeout(1):
            await reached.wait()
        await tasks.wait_until_ended()
        assert len(tasks) == 0

    virtual_time.run(check())


def test_a_task_that_fails_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        tasks = Tasks("test")
        tasks.spawn("broken", fail())
        await virtual_time.settle()
        assert len(tasks) == 0

    with caplog.at_level(logging.ERROR):
        virtual_time.run(check())
    assert "a task of test has failed: broken" in caplog.text
    assert "ValueError" in caplog.text
