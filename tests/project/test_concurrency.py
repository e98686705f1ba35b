"""Slow calls leave room for the others."""

import asyncio

import pytest

from cocalc_jupyter_ext.project.concurrency import ConcurrencyLimit
from cocalc_jupyter_ext.project.dispatch import ApiError

from ..support.virtual_time import settle


async def test_some_run_some_wait_and_the_others_are_refused() -> None:
    limit, may_end = ConcurrencyLimit("conversions", running=2, waiting=1), asyncio.Event()
    running: list[int] = []

    async def work(number: int) -> None:
        async with limit.slot():
            running.append(number)
            await may_end.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    await settle()
    assert running == [0, 1]
    with pytest.raises(ApiError, match=r"too many conversions at once \(at most 3\)"):
        await work(3)

    may_end.set()
    await asyncio.gather(*tasks)
    assert running == [0, 1, 2]
    await work(4)


async def test_who_gives_up_waiting_makes_room() -> None:
    limit = ConcurrencyLimit("commands", running=0, waiting=1)

    for _ in range(3):
        waiting = asyncio.create_task(limit.slot().__aenter__())
        await settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
