"""conat-core §10.6, §15.2; SPEC V2, V3, V5, V18, V19."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.services.responder import (
    MAX_REPLY_BYTES,
    Responder,
    ServiceState,
    in_data,
    in_headers,
    invoke,
)

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, clients

REQUEST = Message("a.b", 0, encode(None))


async def echo(request: Message) -> object:
    return request.data


def test_errors_go_into_the_data_or_the_headers() -> None:
    assert in_data("no") == ({"error": "no"}, None)
    assert in_headers("no") == (None, {"error": "no"})


async def test_functions_see_the_request_and_may_be_awaited() -> None:
    async def later(request: Message, number: int) -> tuple[str, int]:
        return request.subject, number

    functions = {"now": lambda request, number: (request.subject, number), "later": later}

    assert await invoke(functions, REQUEST, "now", [1]) == ("a.b", 1)
    assert await invoke(functions, REQUEST, "later", [2]) == ("a.b", 2)


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("missing", [], "missing not defined"),
        ("__class__", [], "not defined"),
        (7, [], "name of a function"),
        ("missing", "ab", "list of arguments"),
        ("missing", None, "list of arguments"),
    ],
)
async def test_what_is_no_call_is_refused(name: object, args: object, text: str) -> None:
    with pytest.raises(ConatError, match=text):
        await invoke({}, REQUEST, name, args)


def test_a_service_tells_what_it_does() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            seen: list[ServiceState] = []
            service = Responder(one, "echo", echo, failure=in_data)
            service.states.connect(seen.append)
            async with service:
                assert service.state is ServiceState.RUNNING

            assert seen == [ServiceState.STARTING, ServiceState.RUNNING, ServiceState.CLOSED]

    virtual_time.run(check())


def test_a_service_that_may_not_subscribe_is_closed() -> None:
    async def check() -> None:
        async with clients(Broker(DenyPrefix("echo")), None) as (one,):
            service = Responder(one, "echo", echo, failure=in_data)
            with pytest.raises(RemoteError, match="permission denied"):
                await service.start()

            assert service.state is ServiceState.CLOSED

    virtual_time.run(check())


def test_a_reply_that_tells_no_error_has_the_headers_of_success() -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            Responder(one, "echo", echo, failure=in_headers, success={"done": True}),
        ):
            assert (await two.request("echo", 1)).headers == {"done": True}

    virtual_time.run(check())


def test_an_answer_that_cannot_be_encoded_is_told_as_an_error() -> None:
    async def nonsense(_request: Message) -> object:
        return object()

    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            Responder(one, "echo", nonsense, failure=in_headers),
        ):
            reply = await two.request("echo")

            assert reply.data is None
            assert "Error: " in reply.headers["error"]  # type: ignore[call-overload,index,operator]

    virtual_time.run(check())


@pytest.mark.parametrize("max_concurrent", [1, 100])
def test_an_asker_who_is_gone_does_not_hold_the_service_up(max_concurrent: int) -> None:
    async def check() -> None:
        async with (
            clients(Broker(), None, None, None) as (one, two, three),
            Responder(one, "echo", slow, failure=in_data, max_concurrent=max_concurrent) as service,
        ):
            asking = asyncio.create_task(ignore(two))
            await virtual_time.settle()
            await two.close()
            await asking

            assert (await three.request("echo", 1, timeout_s=3)).data == 1
            await asyncio.sleep(60)
            assert (await three.request("echo", 2)).data == 2
            assert service.state is ServiceState.RUNNING

    async def slow(request: Message) -> object:
        await asyncio.sleep(1)
        return request.data

    async def ignore(client: Client) -> None:
        with pytest.raises(ConatError):
            await client.request("echo", 0)

    virtual_time.run(check())


def test_a_service_that_drains_answers_what_has_come_and_then_nobody() -> None:
    async def check() -> None:
        release = asyncio.Event()

        async def slowly(request: Message) -> object:
            await release.wait()
            return request.data

        async with clients(Broker(), None, None) as (one, two):
            service = Responder(one, "echo", slowly, failure=in_data)
            await service.start()
            asking = asyncio.create_task(two.request("echo", 1))
            await asyncio.sleep(0.1)
            draining = asyncio.create_task(service.drain())
            await asyncio.sleep(0.1)
            assert not await two.interest("echo")
            release.set()

            assert (await asking).data == 1
            await draining
            assert service.state is ServiceState.CLOSED

    virtual_time.run(check())


def test_an_answer_that_is_too_large_is_an_error_and_the_asker_stays_connected() -> None:
    async def large(request: Message) -> object:
        return "x" * request.data

    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            Responder(one, "large", large, failure=in_data),
        ):
            reply = await two.request("large", MAX_REPLY_BYTES)
            assert "at most 50 MB can be sent; ask for less" in reply.data["error"]
            assert (await two.request("large", 3)).data == "xxx"

    virtual_time.run(check())
