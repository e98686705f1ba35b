"""One structure for all who open the same store over one client (conat-sync §4, §7.7)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.signals import Signal
from cocalc_jupyter_ext.conat.sync.caching import SharedStructures, shared_structures
from tests.support import virtual_time


class Thing:
    def __init__(self) -> None:
        self.references = 1
        self.closed: Signal[[]] = Signal("closing")

    async def close(self) -> None:
        self.references -= 1
        if self.references == 0:
            await asyncio.sleep(0)
            self.closed.emit()


class Maker:
    def __init__(self, *errors: Exception) -> None:
        self.made: list[Thing] = []
        self.errors = list(errors)
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def __call__(self) -> Thing:
        await asyncio.sleep(0)
        await self.may_finish.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.made.append(Thing())
        return self.made[-1]


async def test_the_cache_returns_the_same_object_and_counts_references() -> None:
    shared, make = SharedStructures(), Maker()
    one = await shared.open("a", make)
    two, three = await asyncio.gather(shared.open("a", make), shared.open("a", make))

    assert one is two is three
    assert one.references == 3
    assert await shared.open("b", make) is not one


async def test_those_who_open_at_the_same_time_share_one_opening() -> None:
    shared, make = SharedStructures(), Maker()
    things = await asyncio.gather(*(shared.open("a", make) for _ in range(5)))

    assert len(make.made) == 1
    assert things[0].references == 5


async def test_after_the_last_close_a_new_open_gives_a_new_object() -> None:
    shared, make = SharedStructures(), Maker()
    one = await shared.open("a", make)
    await shared.open("a", make)
    await one.close()
    assert await shared.open("a", make) is one
    await one.close()
    await one.close()

    assert len(shared) == 0
    assert await shared.open("a", make) is not one


async def test_one_that_is_being_closed_is_not_given_out() -> None:
    shared, make = SharedStructures(), Maker()
    one = await shared.open("a", make)
    closing = asyncio.create_task(one.close())
    await asyncio.sleep(0)
    two = await shared.open("a", make)
    await closing

    assert two is not one
    assert await shared.open("a", make) is two


async def test_one_that_was_closed_before_the_next_got_it_is_not_given_out() -> None:
    shared, make = SharedStructures(), Maker()

    async def open_and_close() -> None:
        await (await shared.open("a", make)).close()

    _, two = await asyncio.gather(open_and_close(), shared.open("a", make))

    assert two.references == 1
    assert len(make.made) == 2


async def test_a_failure_reaches_all_who_wait_and_is_forgotten() -> None:
    shared, make = SharedStructures(), Maker(RemoteError("no", 403))
    outcomes = await asyncio.gather(
        shared.open("a", make), shared.open("a", make), return_exceptions=True
    )

    assert [str(each) for each in outcomes] == ["no", "no"]
    assert (await shared.open("a", make)).references == 1


async def test_an_opening_survives_the_cancelling_of_one_who_waits() -> None:
    shared, make = SharedStructures(), Maker()
    make.may_finish.clear()
    one, two = (asyncio.create_task(shared.open("a", make)) for _ in "12")
    await virtual_time.settle()
    one.cancel()
    await virtual_time.settle()
    make.may_finish.set()

    assert (await two).references == 1
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_an_opening_is_given_up_when_nobody_waits_any_more() -> None:
    shared, make = SharedStructures(), Maker()
    make.may_finish.clear()
    one = asyncio.create_task(shared.open("a", make))
    await virtual_time.settle()
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)

    assert len(shared) == 0
    make.may_finish.set()
    assert (await shared.open("a", make)).references == 1
    assert len(make.made) == 1


async def test_what_was_opened_just_when_nobody_waited_any_more_is_closed() -> None:
    shared, make = SharedStructures(), Maker()
    make.may_finish.clear()
    one = asyncio.create_task(shared.open("a", make))
    await virtual_time.settle()
    make.may_finish.set()
    while not make.made:
        await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)

    assert one.cancelled()
    assert make.made[0].references == 0
    assert len(shared) == 0


def test_structures_are_kept_for_each_client() -> None:
    class Client:
        pass

    one, two = Client(), Client()

    assert shared_structures(one) is shared_structures(one)
    assert shared_structures(one) is not shared_structures(two)
