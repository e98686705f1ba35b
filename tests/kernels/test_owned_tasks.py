import asyncio

import pytest

from cocalc_jupyter_ext.kernels.owned_tasks import OwnedTasks


@pytest.fixture
async def owner():
    failures = []
    tasks = OwnedTasks("test", failures.append)
    yield tasks, failures
    await tasks.close()


async def test_the_owner_learns_of_every_failure(owner):
    tasks, failures = owner
    error = ValueError("no")

    async def fail():
        raise error

    def fail_later():
        raise error

    tasks.spawn(fail())
    tasks.start_timer("t", 0, fail_later)
    async with asyncio.timeout(60):
        while len(failures) < 2:
            await asyncio.sleep(0)
    assert failures == [error, error]


async def test_temporary_tasks_end_except_the_one_that_ends_them(owner):
    tasks, failures = owner
    ended = asyncio.Event()
    other = asyncio.Event()

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            other.set()

    async def end():
        tasks.end_temporary()
        await other.wait()
        ended.set()

    tasks.spawn(wait(), temporary=True)
    tasks.spawn(end(), temporary=True)
    await asyncio.wait_for(ended.wait(), 60)
    assert failures == []


async def test_a_timer_of_the_same_name_replaces_the_one_before(owner):
    tasks, _ = owner
    called = []
    done = asyncio.Event()
    tasks.start_timer("t", 0, lambda: called.append("old"))
    tasks.start_timer("t", 0, lambda: (called.append("new"), done.set()))
    assert tasks.has_timer("t")
    await asyncio.wait_for(done.wait(), 60)
    assert called == ["new"]
    assert not tasks.has_timer("t")


async def test_after_closing_no_timer_starts_and_closing_may_be_repeated(owner):
    tasks, _ = owner
    tasks.start_timer("t", 0, lambda: None)
    await tasks.close()
    tasks.start_timer("t", 0, lambda: None)
    assert not tasks.has_timer("t")
    await tasks.close()
