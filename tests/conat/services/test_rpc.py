"""conat-core §10.6, §21 (client services); SPEC V5, V6; vector service-call."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import NoSubscribers, RemoteError
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.services.responder import Function
from cocalc_jupyter_ext.conat.services.rpc import RpcService, call, call_many

from ...support import virtual_time
from ...support.conat_peers import FlakyTransport, clients


def broken(_request: Message) -> None:
    raise ValueError("broken")


async def slowly(_request: Message, seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


ARITHMETIC: Mapping[str, Function] = {
    "mul": lambda _request, a, b: a * b,
    "subject": lambda request: request.subject,
    "broken": broken,
    "slowly": slowly,
}


def test_a_call_and_its_errors_are_as_recorded() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            RpcService(one, "arith", ARITHMETIC),
        ):
            requests = await one.subscribe("arith")
            assert await call(two, "arith", "mul", [6, 7]) == 42
            assert (await anext(requests)).raw == encode(["mul", [6, 7]])
            with pytest.raises(RemoteError, match=r"^Error: broken$"):
                await call(two, "arith", "broken")
            with pytest.raises(RemoteError, match=r"^Error: missing not defined$"):
                await call(two, "arith", "missing")
            reply = await two.request("arith", ["missing", []])
            assert (reply.data, reply.headers) == (None, {"error": "Error: missing not defined"})

    virtual_time.run(check())


@pytest.mark.parametrize("request_data", [None, "mul", ["mul"], ["mul", 1], {"name": "mul"}])
def test_what_is_no_call_is_answered(request_data: object) -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            RpcService(one, "arith", ARITHMETIC),
        ):
            reply = await two.request("arith", request_data)

            assert "a call" in reply.headers["error"]  # type: ignore[call-overload,index,operator]

    virtual_time.run(check())


def test_a_function_sees_the_subject_it_was_called_on() -> None:
    """conat-core §21, Client services: a service on arith.* sees the concrete subject;
    disconnected, calls raise "no subscribers".
    """

    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            RpcService(one, "arith.*", ARITHMETIC),
        ):
            assert await call(two, "arith.alice", "subject") == "arith.alice"

    virtual_time.run(check())


def test_calls_run_concurrently_and_members_of_the_group_share_them() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None, None) as (one, two, three),
            RpcService(one, "arith", ARITHMETIC),
            RpcService(two, "arith", ARITHMETIC),
        ):
            assert (await three.publish("arith", ["mul", [1, 1]])).count == 1
            await asyncio.gather(*(call(three, "arith", "slowly", [10]) for _ in range(20)))

            assert asyncio.get_running_loop().time() < 11

    virtual_time.run(check())


def test_a_service_whose_client_is_disconnected_is_not_there() -> None:
    """conat-core §21, Client services: a service on arith.* sees the concrete subject;
    disconnected, calls raise "no subscribers".
    """

    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker)
        async with (
            Client(transport, rng=lambda: 0.5) as one,
            clients(broker, None) as (two,),
            RpcService(one, "arith", ARITHMETIC),
        ):
            await transport.cut()
            with pytest.raises(NoSubscribers, match="no subscribers"):
                await call(two, "arith", "mul", [2, 3])
            assert await call(two, "arith", "mul", [2, 3], wait_for_interest=True) == 6

    virtual_time.run(check())


def two_services(one: Client, two: Client) -> tuple[RpcService, RpcService]:
    async def wait(_request: Message) -> str:
        await asyncio.sleep(1)
        return "slow"

    return (
        RpcService(one, "who", {"name": lambda _request: "quick"}),
        RpcService(two, "who", {"name": wait}, queue="other"),
    )


def test_the_quicker_of_two_services_answers_a_plain_call() -> None:
    """conat-core §21, Client services: of two services the quicker answers; callMany ends by time
    or number.
    """

    async def check() -> None:
        async with clients(Broker(), None, None, None) as (one, two, three):
            quick, slow = two_services(one, two)
            async with quick, slow:
                assert await call(three, "who", "name") == "quick"

    virtual_time.run(check())


@pytest.mark.parametrize(("max_messages", "lasts_s"), [(None, 2.5), (2, 1)])
def test_a_call_of_many_ends_when_nothing_comes_or_enough_has(
    max_messages: int | None, lasts_s: float
) -> None:
    """conat-core §21, Client services: of two services the quicker answers; callMany ends by time
    or number.
    """

    async def check() -> None:
        loop = asyncio.get_running_loop()
        async with clients(Broker(), None, None, None) as (one, two, three):
            quick, slow = two_services(one, two)
            async with quick, slow:
                began_s = loop.time()
                results = call_many(three, "who", "name", max_wait_s=1.5, max_messages=max_messages)
                async with aclosing(results):
                    assert [each async for each in results] == ["quick", "slow"]

                assert loop.time() - began_s == pytest.approx(lasts_s)

    virtual_time.run(check())


def test_a_call_of_many_yields_errors_with_their_code() -> None:
    """conat-core §21, Request and reply: many replies with done and error headers, from both
    clients.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            requests = await one.subscribe("who")

            async def answer() -> None:
                request = await anext(requests)
                await one.respond(request, None, headers={"error": "Error: no", "code": 403})

            tasks.create_task(answer())
            results = [each async for each in call_many(two, "who", "name", max_messages=1)]

            assert [(str(each), each.code) for each in results] == [("Error: no", 403)]

    virtual_time.run(check())
