"""SPEC T11. A client and a broker in one process."""

import asyncio

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, clients


def test_events_keep_their_order_while_the_broker_holds_them_back() -> None:
    async def check() -> None:
        async with clients(Broker(DenyPrefix("secret", 1.0)), None) as (one,):
            mine = await one.subscribe("x")
            for number in range(5):
                one.publish_sync("x", number)

            assert [(await anext(mine)).data for _ in range(5)] == list(range(5))

    virtual_time.run(check())


def test_a_client_that_closes_leaves_the_broker() -> None:
    async def check() -> None:
        broker = Broker()
        async with clients(broker, None) as (one,):
            await one.subscribe("x")
            assert len(broker.peers) == 1
            await one.close()
            await virtual_time.settle()
            assert broker.peers == {}

    virtual_time.run(check())


def test_a_closed_link_hears_nothing() -> None:
    class Listener:
        def __init__(self) -> None:
            self.closed: list[str] = []

        def on_event(self, event: object) -> None:
            assert self.closed == []

        def on_closed(self, reason: str) -> None:
            self.closed.append(reason)

    async def check() -> None:
        broker, listener = Broker(), Listener()
        link = await LoopbackTransport(broker, None).open(listener)
        await link.close()
        await link.close()
        await asyncio.sleep(10)

        assert listener.closed == ["client namespace disconnect"]
        await broker.stop()

    virtual_time.run(check())


def test_who_awaits_answers_gives_the_others_a_turn() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            await one.wait_until_signed_in()
            turns: list[None] = []
            asyncio.get_running_loop().call_soon(turns.append, None)
            await one.publish("x", 1)

            assert turns == [None]

    virtual_time.run(check())
