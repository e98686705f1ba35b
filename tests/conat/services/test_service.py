"""conat-core §15.2, §15.5; hub-project-api §3.1; SPEC V1 to V4."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ConatError, NoSubscribers, RemoteError
from cocalc_jupyter_ext.conat.services.service import Service, call

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, FlakyTransport, clients


async def calculate(request: Message) -> object:
    name, args = request.data["name"], request.data["args"]
    if name == "add":
        return sum(args)
    if name == "sleep":
        await asyncio.sleep(args[0])
        return args[0]
    if name == "crash":
        raise ZeroDivisionError("division by zero")
    raise ConatError(f"unknown function '{name}'")


@asynccontextmanager
async def calculator(*, max_concurrent: int = 100) -> AsyncIterator[Client]:
    async with clients(Broker(), None, None) as (one, two):
        service = Service(one, "calc", calculate, max_concurrent=max_concurrent)
        await service.start()
        yield two
        await service.stop()
        await service.stop()


def test_a_call_returns_the_result() -> None:
    async def check() -> None:
        async with calculator() as client:
            assert await call(client, "calc", "add", [1, 2, 3]) == 6
            assert await call(client, "calc", "add") == 0

    virtual_time.run(check())


def test_an_error_comes_back_in_the_data_and_is_raised_without_its_prefix() -> None:
    async def check() -> None:
        async with calculator() as client:
            reply = await client.request("calc", {"name": "nothing", "args": []})
            assert reply.data == {"error": "Error: unknown function 'nothing'"}
            with pytest.raises(RemoteError, match=r"^unknown function 'nothing'$"):
                await call(client, "calc", "nothing")

    virtual_time.run(check())


def test_a_function_that_crashes_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with calculator() as client:
            with pytest.raises(RemoteError, match="division by zero"):
                await call(client, "calc", "crash")
            assert await call(client, "calc", "add", [1]) == 1

    with caplog.at_level(logging.ERROR):
        virtual_time.run(check())
    assert "ZeroDivisionError" in caplog.text


def test_bytes_that_cannot_be_decoded_are_answered() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            service = Service(one, "calc", calculate)
            await service.start()
            reply = await two.request("calc", "not a call")

            assert str(reply.data["error"]).startswith("Error: ")
            await service.stop()

    virtual_time.run(check())


def test_calls_run_concurrently() -> None:
    async def check() -> None:
        async with calculator() as client:
            await asyncio.gather(*(call(client, "calc", "sleep", [10]) for _ in range(50)))

            assert asyncio.get_running_loop().time() < 11

    virtual_time.run(check())


def test_calls_that_are_too_many_wait() -> None:
    async def check() -> None:
        async with calculator(max_concurrent=2) as client:
            await asyncio.gather(*(call(client, "calc", "sleep", [1]) for _ in range(6)))

            assert 3 <= asyncio.get_running_loop().time() < 4

    virtual_time.run(check())


def test_a_stopped_service_is_not_there_any_more() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            service = Service(one, "calc", calculate)
            await service.start()
            await service.stop()
            await virtual_time.settle()
            with pytest.raises(NoSubscribers):
                await call(two, "calc", "add", wait_for_interest=False)

    virtual_time.run(check())


def test_a_service_that_is_not_there_yet_is_waited_for() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            result = tasks.create_task(call(two, "calc", "add", [1, 2]))
            await asyncio.sleep(10)
            service = Service(one, "calc", calculate)
            await service.start()

            assert await result == 3
            await service.stop()

    virtual_time.run(check())


def test_members_of_a_queue_group_share_the_calls() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None, None) as (one, two, three):
            services = [Service(each, "calc", calculate, queue="0") for each in (one, two)]
            for service in services:
                await service.start()

            assert (await three.publish("calc", {"name": "add", "args": []})).count == 1
            for service in services:
                await service.stop()

    virtual_time.run(check())


def test_a_service_that_loses_its_subscription_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        old, new = Broker(), Broker(DenyPrefix("calc"))
        transport = FlakyTransport(old)
        async with Client(transport, rng=lambda: 0.5) as one:
            service = Service(one, "calc", calculate)
            await service.start()
            transport.broker = new
            await old.stop()
            await asyncio.sleep(10)
            await service.stop()
        await new.stop()

    virtual_time.run(check())
    assert "the service on 'calc' has ended" in caplog.text
    assert "permission denied subscribing to 'calc'" in caplog.text
