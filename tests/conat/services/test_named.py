"""conat-core §15.1 to §15.3, §21 (service framework); SPEC V7 to V10."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import (
    ConatError,
    InvalidSubject,
    NoSubscribers,
    RemoteError,
    RequestTimeout,
)
from cocalc_jupyter_ext.conat.services.named import (
    NamedService,
    ServiceClient,
    service_subject,
    typed,
)
from cocalc_jupyter_ext.conat.services.responder import Function

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, clients

FUNCTIONS: Mapping[str, Function] = {
    "add": lambda _request, a, b: a + b,
    "same": lambda _request, value: value,
    "fail": lambda _request: 1 // 0,
}


async def echo(request: Message) -> object:
    return request.data


async def wait(request: Message) -> object:
    await asyncio.sleep(request.data)
    return request.data


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        ({}, "public.s"),
        ({"path": "a"}, "public.s"),
        ({"account_id": "A"}, "services.account-A._._._.s"),
        (
            {"account_id": "A", "browser_id": "B", "project_id": "P", "path": "a/ž"},
            "services.account-A.B.P.YS/Fvg==.s",
        ),
        ({"project_id": "P"}, "services.project-P._.s._"),
        ({"project_id": "P", "compute_server_id": 0, "path": ""}, "services.project-P.0.s."),
        ({"project_id": "P", "compute_server_id": 3, "path": "x"}, "services.project-P.3.s.eA=="),
    ],
)
def test_the_subject_tells_where_a_service_is(arguments: dict[str, str], subject: str) -> None:
    if subject.endswith("."):
        with pytest.raises(InvalidSubject):
            service_subject("s", **arguments)  # type: ignore[arg-type]
    else:
        assert service_subject("s", **arguments) == subject  # type: ignore[arg-type]


def test_a_service_answers_and_is_gone_once_it_is_stopped() -> None:
    """conat-core §21, Service framework and time: a service answers; after close a call fails in
    time.

    conat-sync §7.15: echo; after closing "time".
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            caller = ServiceClient(two, "public.echo")
            async with NamedService(one, "public.echo", echo):
                assert await caller.request({"a": 1}) == {"a": 1}
                assert await caller.request() is None
            await virtual_time.settle()
            with pytest.raises(RequestTimeout, match="time"):
                await caller.request(1, timeout_s=0.75)
            with pytest.raises(NoSubscribers):
                await caller.request(1, wait=False)

    virtual_time.run(check())


def test_a_call_made_before_the_service_exists_is_answered_when_it_appears() -> None:
    """conat-core §21, Service framework and time: a call made before the service exists is answered
    when it appears.

    conat-sync §7.15: a call before the service exists.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(ServiceClient(two, "public.echo").request("early"))
            await asyncio.sleep(5)
            async with NamedService(one, "public.echo", echo):
                assert await answer == "early"

    virtual_time.run(check())


def test_requests_are_answered_one_at_a_time_and_in_order() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        done: list[float] = []

        async def ask(caller: ServiceClient, seconds: float) -> None:
            done.append(await caller.request(seconds))

        async with clients(Broker(), None, None) as (one, two), NamedService(one, "s", wait):
            caller = ServiceClient(two, "s")
            await asyncio.gather(*(ask(caller, seconds) for seconds in (3, 2, 1)))

            assert done == [3, 2, 1]
            assert loop.time() == pytest.approx(6)

    virtual_time.run(check())


def test_a_shorter_time_than_the_handler_takes_ends_the_call() -> None:
    """conat-core §21, Service framework and time: a slow handler delays its answer; a shorter
    timeout raises "imeout".

    conat-sync §7.15: a slow handler; "imeout".
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), NamedService(one, "s", wait):
            caller = ServiceClient(two, "s")
            with pytest.raises(RequestTimeout, match="imeout"):
                await caller.request(2, timeout_s=1)
            assert await caller.request(2, timeout_s=5) == 2

    virtual_time.run(check())


def test_errors_come_in_the_data_and_are_raised() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            NamedService(one, "s", typed(FUNCTIONS)),
        ):
            reply = await two.request("s", "no call")
            assert reply.data["error"].startswith("Error: a call must be an object")
            with pytest.raises(RemoteError, match=r"^Error: a call must be an object"):
                await ServiceClient(two, "s").request("no call")

    virtual_time.run(check())


@pytest.mark.parametrize(
    "value",
    [7, 2.5, b"\x00\xff", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), None, ["ž", {"a": []}]],
)
def test_values_of_typed_calls_keep_their_types(value: object) -> None:
    """conat-core §21, Service framework and time: numbers, binary, dates and 10 MB strings in both
    directions.

    conat-sync §7.15: numbers, binary, dates, 10,000,000 characters.
    """

    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            NamedService(one, "s", typed(FUNCTIONS)),
        ):
            assert await ServiceClient(two, "s").call("same", value) == value
            assert await ServiceClient(two, "s").call("add", 2, 3) == 5

    virtual_time.run(check())


def test_errors_of_typed_calls_name_the_function() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            NamedService(one, "s", typed(FUNCTIONS)),
        ):
            caller = ServiceClient(two, "s")
            with pytest.raises(RemoteError, match=r"^calling remote function 'fail': Error: "):
                await caller.call("fail")
            with pytest.raises(RemoteError, match="'missing': Error: missing not defined"):
                await caller.call("missing")
            with pytest.raises(RequestTimeout, match="calling remote function 'add': timeout"):
                await ServiceClient(two, "nobody", timeout_s=1).call("add", 1, 2)
            with pytest.raises(NoSubscribers):
                await ServiceClient(two, "nobody").call("add", 1, 2, wait=False)

    virtual_time.run(check())


def test_with_all_every_server_answers_and_the_first_reply_wins() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None, None) as (one, two, three),
            NamedService(one, "s", wait, answers_all=True),
            NamedService(two, "s", echo, answers_all=True),
        ):
            assert (await three.publish("s", 0)).count == 2
            began_s = asyncio.get_running_loop().time()
            assert await ServiceClient(three, "s").request(5) == 5
            assert asyncio.get_running_loop().time() - began_s < 1

    virtual_time.run(check())


def test_without_all_one_server_answers() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None, None) as (one, two, three),
            NamedService(one, "s", echo),
            NamedService(two, "s", echo),
        ):
            assert (await three.publish("s", 0)).count == 1

    virtual_time.run(check())


def test_ping_is_answered_without_the_handler() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            caller = ServiceClient(two, "s")
            with pytest.raises(NoSubscribers):
                await caller.ping()
            async with NamedService(one, "s", typed({})):
                await caller.ping()
                assert (await two.request("s", "ping")).data == "pong"

    virtual_time.run(check())


def test_a_service_that_answers_a_ping_wrongly_is_none() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            requests = await one.subscribe("s")

            async def answer() -> None:
                await one.respond(await anext(requests), "what?")

            tasks.create_task(answer())
            with pytest.raises(ConatError, match="does not answer"):
                await ServiceClient(two, "s").ping()

    virtual_time.run(check())


def test_a_service_is_waited_for_until_it_answers() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            caller = ServiceClient(two, "s")
            waiting = tasks.create_task(caller.wait_for())
            await asyncio.sleep(20)
            assert not waiting.done()
            async with NamedService(one, "s", echo):
                await waiting
                assert asyncio.get_running_loop().time() < 31

    virtual_time.run(check())


def test_a_slow_service_gets_more_time_with_each_ping() -> None:
    """conat-sync §6.1: pings with growing limits."""

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            requests = await one.subscribe("s")
            answering: set[asyncio.Task[None]] = set()

            async def pong_after_5_s(request: Message) -> None:
                await asyncio.sleep(5)
                one.respond_sync(request, "pong")

            async def serve() -> None:
                async for request in requests:
                    answering.add(tasks.create_task(pong_after_5_s(request)))

            serving = tasks.create_task(serve())
            await ServiceClient(two, "s").wait_for()
            serving.cancel()

    virtual_time.run(check())


def test_waiting_for_a_service_ends() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            with pytest.raises(RequestTimeout, match=r"no service has answered on 's' within 60 s"):
                await ServiceClient(one, "s").wait_for()
            assert asyncio.get_running_loop().time() == pytest.approx(60)

    virtual_time.run(check())


def test_what_waiting_cannot_change_is_raised_at_once() -> None:
    async def check() -> None:
        async with clients(Broker(DenyPrefix("s")), None) as (one,):
            with pytest.raises(RemoteError, match="permission denied"):
                await ServiceClient(one, "s").wait_for()

    virtual_time.run(check())
