"""hub-project-api §3.3, rule 9."""

import asyncio

import pytest

from cocalc_jupyter_ext.project.commands.sharing import MAX_SHARED, REUSE_S, SharedRuns
from cocalc_jupyter_ext.project.dispatch import ApiError

from ...support.virtual_time import settle


class Work:
    """A command that ends when the test says so; its result is the number of the run."""

    def __init__(self) -> None:
        self.runs = 0
        self.may_end = asyncio.Event()
        self.problem: Exception | None = None
        self.was_cancelled = False

    async def __call__(self) -> int:
        self.runs += 1
        number = self.runs
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if self.problem is not None:
            raise self.problem
        return number


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_smaller_value_joins_the_run_in_progress() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    calls = [asyncio.create_task(shared.call("k", value, work)) for value in (5, 5, 3)]
    await settle()
    work.may_end.set()

    assert await asyncio.gather(*calls) == [1, 1, 1]


async def test_larger_values_wait_and_make_one_more_run() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    first = asyncio.create_task(shared.call("k", 5, work))
    await settle()
    larger = [asyncio.create_task(shared.call("k", value, work)) for value in (6, 7, 8)]
    await settle()
    assert work.runs == 1
    work.may_end.set()

    assert await first == 1
    assert await asyncio.gather(*larger) == [2, 2, 2]


async def test_a_result_serves_for_a_minute() -> None:
    clock, work = Clock(), Work()
    shared = SharedRuns[int](clock)
    work.may_end.set()
    assert await shared.call("k", "b", work) == 1

    clock.now = REUSE_S
    assert await shared.call("k", "a", work) == 1
    clock.now = REUSE_S + 1
    assert await shared.call("k", "a", work) == 2
    assert await shared.call("other", "a", work) == 3


async def test_with_an_object_only_the_same_value_serves() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    work.may_end.set()

    assert await shared.call("k", {"value": 5}, work) == 1
    assert await shared.call("k", {"value": 5}, work) == 1
    assert await shared.call("k", {"value": 4}, work) == 2


async def test_a_text_and_a_number_do_not_serve_one_another() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    work.may_end.set()

    assert await shared.call("k", 5, work) == 1
    assert await shared.call("k", "a", work) == 2


async def test_a_failure_is_told_to_all_who_joined_and_is_not_kept() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    work.problem = ApiError("no")
    calls = [asyncio.create_task(shared.call("k", 1, work)) for _ in range(2)]
    await settle()
    work.may_end.set()
    assert [str(each) for each in await asyncio.gather(*calls, return_exceptions=True)] == [
        "no"
    ] * 2

    work.problem = None
    assert await shared.call("k", 1, work) == 2


async def test_who_gives_up_does_not_end_the_run_of_others_but_the_last_one_does() -> None:
    shared, work = SharedRuns[int](Clock()), Work()
    calls = [asyncio.create_task(shared.call("k", 1, work)) for _ in range(2)]
    await settle()

    calls[0].cancel()
    await settle()
    assert not work.was_cancelled
    calls[1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await settle()
    assert work.was_cancelled


async def test_what_is_kept_is_bounded() -> None:
    clock, work = Clock(), Work()
    shared = SharedRuns[int](clock)
    work.may_end.set()
    for number in range(MAX_SHARED):
        await shared.call(str(number), 1, work)

    with pytest.raises(ApiError, match="at most 100"):
        await shared.call("one more", 1, work)
    clock.now = REUSE_S + 1
    assert await shared.call("one more", 1, work)


@pytest.mark.parametrize("value", [True, None, [], {"value": None}, {}])
async def test_what_has_no_order_is_refused(value: object) -> None:
    with pytest.raises(ApiError, match="aggregate must be"):
        await SharedRuns[int](Clock()).call("k", value, Work())
