"""Things that are kept open for a while."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from cocalc_jupyter_ext.documents.history.leases import Leases


@dataclass
class Thing:
    key: str
    fails: bool = False
    is_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        self.is_closed.set()
        if self.fails:
            raise OSError("cannot be closed")


class Opened:
    """Opens things, those that begin with ``no`` not."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.may_open = asyncio.Event()
        self.may_open.set()

    async def __call__(self, key: str) -> Thing | None:
        await self.may_open.wait()
        if key == "refused":
            raise PermissionError(key)
        if key.startswith("no"):
            return None
        self.things.append(Thing(key, fails=key == "fails"))
        return self.things[-1]


Make = Callable[..., Leases[str, Thing]]


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
async def make(opened: Opened) -> AsyncIterator[Make]:
    made: list[Leases[str, Thing]] = []

    def make(**options: float) -> Leases[str, Thing]:
        made.append(Leases(opened, **options))  # type: ignore[arg-type]  # numbers of both kinds
        return made[-1]

    yield make
    for leases in made:
        await leases.close()


async def test_a_thing_is_opened_once_for_all_who_use_it(make: Make, opened: Opened) -> None:
    leases = make()
    opened.may_open.clear()

    async def use() -> Thing | None:
        async with leases.use("a") as thing:
            return thing

    waiting = asyncio.gather(use(), use())
    await asyncio.sleep(0)
    opened.may_open.set()
    both = [*await waiting, await use()]

    assert both == opened.things * 3


async def test_what_is_not_used_for_a_while_is_closed(make: Make, opened: Opened) -> None:
    leases = make(idle_s=0.001)
    async with leases.use("a") as thing:
        assert thing is not None

    await asyncio.wait_for(thing.is_closed.wait(), 60)
    assert len(leases) == 0
    async with leases.use("a") as other:
        assert other is not thing


async def test_what_is_used_again_stays_open(make: Make, opened: Opened) -> None:
    leases = make(idle_s=0.01)
    async with leases.use("a"):
        pass
    async with leases.use("a"):
        await asyncio.sleep(0.05)  # longer than it would have been kept unused
        assert not opened.things[0].is_closed.is_set()


async def test_what_was_not_used_for_longest_goes_when_there_are_too_many(
    make: Make, opened: Opened
) -> None:
    leases = make(max_idle=2)
    for key in "abac":
        async with leases.use(key):
            pass

    a, b, c = opened.things
    await asyncio.wait_for(b.is_closed.wait(), 60)
    assert not a.is_closed.is_set()
    assert not c.is_closed.is_set()


async def test_what_is_in_use_stays_open(make: Make, opened: Opened) -> None:
    leases = make(max_idle=0, idle_s=0)
    async with leases.use("a") as thing:
        assert thing is not None
        async with leases.use("a"), leases.use("b"):
            pass
        await asyncio.wait_for(opened.things[1].is_closed.wait(), 60)
        assert not thing.is_closed.is_set()


async def test_what_does_not_exist_is_asked_for_again(make: Make, opened: Opened) -> None:
    leases = make()
    async with leases.use("no") as thing:
        assert thing is None
    assert len(leases) == 0


async def test_an_error_is_for_those_who_asked_and_is_not_remembered(make: Make) -> None:
    leases = make()
    for _ in range(2):
        with pytest.raises(PermissionError):
            async with leases.use("refused"):
                pass
    assert len(leases) == 0


async def test_one_who_gives_up_does_not_disturb_the_other(make: Make, opened: Opened) -> None:
    leases = make()
    opened.may_open.clear()

    async def use() -> Thing | None:
        async with leases.use("a") as thing:
            return thing

    impatient, patient = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    opened.may_open.set()

    assert await patient is opened.things[0]


async def test_closing_ends_everything_even_what_fails_or_is_being_opened(
    make: Make, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    leases = make()
    async with leases.use("fails"):
        pass
    opened.may_open.clear()

    async def use() -> None:
        async with leases.use("a"):
            pass

    opening = asyncio.create_task(use())
    await asyncio.sleep(0)
    await leases.close()
    await leases.close()
    await asyncio.wait([opening])

    assert opening.cancelled()
    assert opened.things[0].is_closed.is_set()
    assert "was not closed" in caplog.text
