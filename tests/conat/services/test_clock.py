"""conat-core §15.4, §21 (time); SPEC V11, V12."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.errors import ClockSkewUnknown
from cocalc_jupyter_ext.conat.services.clock import (
    NO_SKEW,
    Skew,
    SynchronisedClock,
    time_service,
    time_subject,
)
from cocalc_jupyter_ext.conat.services.named import NamedService, typed
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import clients


def test_the_skew_is_taken_from_the_middle_of_the_question() -> None:
    assert Skew().measured(1_000, 1_200, 600) == Skew(500, 10)


def test_the_server_is_asked_ever_more_seldom() -> None:
    skew, waits = Skew(), []
    for _ in range(7):
        skew = skew.measured(0, 0, 0)
        waits.append(skew.interval_s)

    assert waits == [10, 20, 40, 80, 120, 120, 120]


@pytest.mark.parametrize(("change_ms", "interval_s"), [(2_999, 120), (3_000, 5), (-3_000, 5)])
def test_a_large_change_is_looked_at_again_soon(change_ms: float, interval_s: float) -> None:
    assert Skew(0, 80).measured(change_ms, change_ms, 0) == Skew(change_ms, interval_s)


def test_a_failure_trusts_the_local_clock_and_asks_again_soon() -> None:
    assert Skew(700, 80).failed() == Skew(0, 5)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        (User("account", "a"), "time.account-a.api"),
        (User("project", "p"), "time.project-p.api"),
        (User("hub", "hub"), "time.hub.api"),
    ],
)
def test_everybody_asks_on_a_subject_of_their_own(user: User, subject: str) -> None:
    assert time_subject(user) == subject


def test_the_time_is_the_servers_once_it_has_answered() -> None:
    """conat-core §21, Service framework and time: time: "clock skew not known" first, then close to
    the local time.

    conat-sync §7.15: the clock.
    """

    async def check() -> None:
        loop = asyncio.get_running_loop()
        async with (
            clients(Broker(), None, None) as (one, two),
            time_service(one, loop.time),
            SynchronisedClock(two, "time.hub.api", clock=lambda: loop.time() + 3600) as clock,
        ):
            with pytest.raises(ClockSkewUnknown, match="clock skew not known"):
                clock.time_ms()
            await asyncio.sleep(1)

            assert clock.skew_ms == pytest.approx(3_600_000, abs=1)
            assert clock.time_ms() == pytest.approx(1_000, abs=1)

    virtual_time.run(check())


def test_a_server_without_a_time_service_leaves_the_local_clock() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None) as (one,),
            SynchronisedClock(one, "time.hub.api", clock=lambda: 7.0) as clock,
        ):
            await asyncio.sleep(11)

            assert (clock.skew_ms, clock.time_ms()) == (0, 7_000)

    virtual_time.run(check())


@pytest.mark.parametrize("answer", ["noon", True, None])
def test_an_answer_that_is_no_time_is_a_failure(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        nonsense = typed({"time": lambda _request: answer})
        async with (
            clients(Broker(), None, None) as (one, two),
            NamedService(one, "time.*.api", nonsense),
        ):
            clock = SynchronisedClock(two, "time.hub.api", clock=lambda: 7.0)
            await clock.synchronise()

            assert clock.time_ms() == 7_000

    virtual_time.run(check())
    assert "the time service answered" in caplog.text


def test_the_server_is_asked_again_and_again_until_the_clock_is_closed() -> None:
    async def check() -> None:
        questions: list[float] = []
        loop = asyncio.get_running_loop()

        def tell(_request: object) -> int:
            questions.append(loop.time())
            return 0

        async with (
            clients(Broker(), None, None) as (one, two),
            NamedService(one, "time.*.api", typed({"time": tell})),
        ):
            async with SynchronisedClock(two, "time.hub.api", clock=lambda: 0.0) as clock:
                clock.start()
                await asyncio.sleep(31)
                await clock.close()
            await asyncio.sleep(1_000)

            assert questions == pytest.approx([0, 10, 30], abs=0.1)

    virtual_time.run(check())


def test_a_fixed_skew_asks_nobody() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None) as (one,),
            SynchronisedClock(one, "time.hub.api", clock=lambda: 7.0, skew=NO_SKEW) as clock,
        ):
            assert clock.time_ms() == 7_000
            await asyncio.sleep(100)
            assert one.stats.send.messages == 0

    virtual_time.run(check())


def test_a_closed_client_ends_the_asking() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            clock = SynchronisedClock(one, "time.hub.api", clock=lambda: 7.0)
            clock.start()
            await one.close()
            await asyncio.sleep(20)
            tasks = {task.get_name() for task in asyncio.all_tasks()}

            assert "conat-clock" not in tasks
            await clock.close()

    virtual_time.run(check())
