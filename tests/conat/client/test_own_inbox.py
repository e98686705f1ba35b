"""Where the replies to a client come to (conat-core §10.1, §10.2). Through a real broker."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import NoSubscribers, RemoteError
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, FlakyTransport, make_client


def inboxes(broker: Broker) -> list[str]:
    """Return what the one peer of a broker subscribes to, without the ids."""
    (peer,) = broker.peers
    return [".".join(each.split(".")[:2]) for each in broker.subscriptions(peer)]


def test_the_first_request_on_a_new_connection_finds_the_inbox_restored() -> None:
    """§10.2 step 2: the answer would come before the server knows the inbox again."""

    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker)
        async with Client(transport, rng=lambda: 0.5) as one, make_client(broker, "two") as two:
            questions = await two.subscribe("q")

            async def serve() -> None:
                async for question in questions:
                    two.respond_sync(question, question.data)

            serving = asyncio.create_task(serve())
            assert (await one.request("q", 1)).data == 1
            await transport.cut()
            assert (await one.request("q", 2, timeout_s=5)).data == 2
            serving.cancel()
        await broker.stop()

    virtual_time.run(check())


def test_a_request_says_when_the_inbox_is_not_restored() -> None:
    async def check() -> None:
        old, new = Broker(), Broker(DenyPrefix("_INBOX"))
        transport = FlakyTransport(old)
        async with Client(transport, rng=lambda: 0.5) as one:
            with pytest.raises(NoSubscribers):
                await one.request("nobody")
            transport.broker = new
            await old.stop()
            with pytest.raises(RemoteError, match="permission denied"):
                await one.request("nobody")
        await new.stop()

    virtual_time.run(check())


def test_an_inbox_has_the_prefix_that_was_chosen_and_it_must_be_one() -> None:
    async def check() -> None:
        broker = Broker()
        async with Client(LoopbackTransport(broker, None), prefix="_INBOX.hub-hub") as one:
            with pytest.raises(NoSubscribers):
                await one.request("nobody")

            assert inboxes(broker) == ["_INBOX.hub-hub"]
        await broker.stop()
        with pytest.raises(ValueError, match="begins with _INBOX"):
            Client(LoopbackTransport(broker, None), prefix="inbox")

    virtual_time.run(check())


def test_one_inbox_serves_all_requests() -> None:
    async def check() -> None:
        broker = Broker()
        async with Client(LoopbackTransport(broker, User("account", "ann"))) as one:
            for _ in range(3):
                with pytest.raises(NoSubscribers):
                    await one.request("nobody")

            assert inboxes(broker) == ["_INBOX.account-ann"]
        await broker.stop()

    virtual_time.run(check())


def test_who_is_somebody_else_after_a_reconnect_gets_another_inbox() -> None:
    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker, User("account", "ann"))
        async with Client(transport, rng=lambda: 0.5) as one:
            with pytest.raises(NoSubscribers):
                await one.request("nobody")
            transport.user = User("account", "bob")
            await transport.cut()
            with pytest.raises(NoSubscribers):
                await one.request("nobody", timeout_s=5)

            assert inboxes(broker) == ["_INBOX.account-bob"]
        await broker.stop()

    virtual_time.run(check())
