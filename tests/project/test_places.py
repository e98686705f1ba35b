"""Slow calls leave places for the others."""

import asyncio

import pytest

from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.places import Places

from ..support.virtual_time import settle


async def test_some_run_some_wait_and_the_others_are_refused() -> None:
    places, may_end = Places("conversions", running=2, waiting=1), asyncio.Event()
    running: list[int] = []

    async def work(number: int) -> None:
        async with places.take():
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


async def test_who_gives_up_waiting_makes_place() -> None:
    places = Places("commands", running=0, waiting=1)

    for _ in range(3):
        waiting = asyncio.create_task(places.take().__aenter__())
        await settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
