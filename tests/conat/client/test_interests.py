"""conat-core §8.3, §11.4; SPEC K3, K6. Subscriptions outlive connections and servers."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.interests import Interests
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import (
    Disconnected,
    LimitExceeded,
    RemoteError,
    RequestTimeout,
)
from cocalc_jupyter_ext.conat.protocol.messages import (
    ClientEvent,
    Subscribe,
    Subscriptions,
    Unsubscribe,
)
from cocalc_jupyter_ext.conat.types import Pattern, User

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, FlakyTransport, clients, make_ids


class ScriptedCaller:
    """A server that answers what the test says, and remembers what it was told."""

    def __init__(self, *answers: Any) -> None:
        self.is_signed_in = True
        self.sent: list[ClientEvent] = []
        self._answers = list(answers)

    def send(self, event: ClientEvent) -> None:
        self.sent.append(event)

    async def call(self, event: ClientEvent, timeout_s: float) -> Any:
        self.sent.append(event)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class KeepingSink:
    def __init__(self) -> None:
        self.ended: list[Any] = []

    def put(self, message: Message) -> None:
        raise AssertionError("nothing is delivered here")

    def end(self, error: Any = None) -> None:
        self.ended.append(error)


def test_one_pass_is_enough_when_the_server_agrees() -> None:
    """conat-core §21, Resync: if the server reports exactly what is wanted, one pass is stable."""

    async def check() -> None:
        caller = ScriptedCaller([])
        interests = Interests(caller, make_ids())
        interests.restore()
        await asyncio.sleep(100)

        assert caller.sent == [Subscriptions()]

    virtual_time.run(check())


def test_what_the_server_has_too_much_is_taken_away_and_checked_again() -> None:
    """conat-core §21, Resync: an extra subject is sent in an unsubscribe array and the pass is not
    stable.
    """

    async def check() -> None:
        caller = ScriptedCaller(["extra"], [None], [])
        Interests(caller, make_ids()).restore()
        await asyncio.sleep(100)

        assert caller.sent == [
            Subscriptions(),
            Unsubscribe(("extra",), batch=True),
            Subscriptions(),
        ]

    virtual_time.run(check())


def test_a_pass_that_times_out_is_repeated() -> None:
    async def check() -> None:
        caller = ScriptedCaller(RequestTimeout("slow"), [])
        Interests(caller, make_ids()).restore()
        await asyncio.sleep(100)

        assert caller.sent == [Subscriptions(), Subscriptions()]

    virtual_time.run(check())


def test_what_the_server_refuses_to_restore_ends_with_its_error() -> None:
    async def check() -> None:
        refusal = {"error": "Error: no", "code": 403}
        caller = ScriptedCaller({"status": "added"}, [], [refusal], [])
        interests = Interests(caller, make_ids())
        sink = KeepingSink()
        await interests.join(Pattern("x"), sink)
        interests.restore()
        await asyncio.sleep(100)

        assert [(str(error), error.code) for error in sink.ended] == [("Error: no", 403)]
        assert Pattern("x") not in interests
        interests.leave(Pattern("x"), sink)
        assert len(interests) == 0

    virtual_time.run(check())


def test_who_joins_while_the_server_is_asked_waits_for_the_same_answer() -> None:
    async def check() -> None:
        broker = Broker(DenyPrefix("secret", 5))
        async with clients(broker, None) as (one,):
            results = await asyncio.gather(
                *(one.subscribe("secret") for _ in range(3)), return_exceptions=True
            )

            assert all(isinstance(result, RemoteError) for result in results)

    virtual_time.run(check())


def test_a_cancelled_join_does_not_harm_the_others() -> None:
    async def check() -> None:
        broker = Broker(DenyPrefix("secret", 5))
        async with clients(broker, None) as (one,), asyncio.TaskGroup() as tasks:
            first = tasks.create_task(one.subscribe("x"))
            second = tasks.create_task(one.subscribe("x"))
            await virtual_time.settle()
            first.cancel()
            mine = await second
            await one.publish("x", 1)

            assert (await anext(mine)).data == 1

    virtual_time.run(check())


def test_subscriptions_survive_a_lost_connection_with_their_queue_groups() -> None:
    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker)
        async with Client(transport, rng=lambda: 0.5) as one, Client(FlakyTransport(broker)) as two:
            mine = await one.subscribe("x", queue="q")
            await two.subscribe("x", queue="q")
            await transport.cut()
            await virtual_time.settle()
            assert (await two.publish("x", "missed")).count == 1
            await asyncio.sleep(10)
            counts = [(await two.publish("x", number)).count for number in range(50)]

            assert counts == [1] * 50
            assert (await anext(mine)).data in range(50)
        await broker.stop()

    virtual_time.run(check())


def test_subscriptions_and_the_inbox_survive_a_new_server() -> None:
    async def check() -> None:
        old, new = Broker(), Broker()
        transport = FlakyTransport(old)
        async with Client(transport, rng=lambda: 0.5) as one, asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(one))
            await virtual_time.settle()
            assert (await one.request("echo", 1)).data == 1
            transport.broker = new
            await old.stop()
            await asyncio.sleep(10)

            assert (await one.request("echo", 2)).data == 2
            serving.cancel()
        await new.stop()

    virtual_time.run(check())


def test_an_inbox_belongs_to_the_user_of_its_connection() -> None:
    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker, User("account", "first"))
        async with (
            Client(transport, rng=lambda: 0.5) as one,
            Client(FlakyTransport(broker)) as two,
            asyncio.TaskGroup() as tasks,
        ):
            serving = tasks.create_task(serve(two))
            await virtual_time.settle()
            assert (await one.request("echo", 1)).data == 1
            transport.user = User("account", "second")
            await transport.cut()
            await asyncio.sleep(10)
            assert (await one.request("echo", 2)).data == 2

            inboxes = [each for peer in broker.peers for each in broker.subscriptions(peer)]
            assert [each.split(".")[1] for each in inboxes if each != "echo"] == ["account-second"]
            serving.cancel()
        await broker.stop()

    virtual_time.run(check())


async def serve(client: Client) -> None:
    async for request in await client.subscribe("echo"):
        await client.respond(request, request.data)


def test_a_restored_subscription_that_is_too_much_for_the_new_server_ends() -> None:
    async def check() -> None:
        old = Broker()
        transport = FlakyTransport(old)
        async with Client(transport, rng=lambda: 0.5) as one:
            first, second = await one.subscribe("a"), await one.subscribe("b")
            transport.broker = Broker(limits=BrokerLimits(max_subscriptions_per_client=1))
            await old.stop()
            with pytest.raises(RemoteError, match="limit"):
                await anext(second)
            await one.publish("a", 1)

            assert (await anext(first)).data == 1
        await transport.broker.stop()

    virtual_time.run(check())


def test_a_last_sink_that_leaves_is_told_to_the_server() -> None:
    async def check() -> None:
        caller = ScriptedCaller({"status": "added"})
        interests = Interests(caller, make_ids())
        sink = KeepingSink()
        await interests.join(Pattern("x"), sink)
        interests.leave(Pattern("x"), sink)
        interests.leave(Pattern("x"), sink)

        assert isinstance(caller.sent[0], Subscribe)
        assert caller.sent[1:] == [Unsubscribe(("x",))]

    virtual_time.run(check())


def test_a_client_that_leaves_takes_its_subscriptions_back() -> None:
    async def check() -> None:
        caller = ScriptedCaller({"status": "added"}, {"status": "added"})
        interests = Interests(caller, make_ids())
        interests.withdraw()
        await interests.join(Pattern("x"), KeepingSink())
        await interests.join(Pattern("y"), KeepingSink())
        interests.withdraw()
        assert caller.sent[2:] == [Unsubscribe(("x", "y"), batch=True)]
        caller.is_signed_in = False
        interests.withdraw()
        assert len(caller.sent) == 3

    virtual_time.run(check())


def test_an_unsubscribe_that_cannot_be_sent_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(ScriptedCaller):
        def send(self, event: ClientEvent) -> None:
            raise LimitExceeded("too much is unsent")

    async def check() -> None:
        interests = Interests(Full({"status": "added"}), make_ids())
        sink = KeepingSink()
        await interests.join(Pattern("x"), sink)
        interests.leave(Pattern("x"), sink)

        assert len(interests) == 0

    virtual_time.run(check())
    assert "still subscribed to ('x',) on the server: too much is unsent" in caplog.text


def test_who_subscribes_while_the_connection_is_lost_gets_it_on_the_next_one() -> None:
    async def check() -> None:
        slow, quick = Broker(DenyPrefix("secret", 5)), Broker()
        transport = FlakyTransport(slow)
        async with Client(transport, rng=lambda: 0.5) as one, asyncio.TaskGroup() as tasks:
            first = tasks.create_task(one.subscribe("x"))
            second = tasks.create_task(one.subscribe("x"))
            await asyncio.sleep(1)
            transport.broker = quick
            await transport.cut()
            for mine in (await first, await second):
                await one.publish("x", 1)
                assert (await anext(mine)).data == 1

            assert [list(quick.subscriptions(each)) for each in quick.peers] == [["x"]]
        await slow.stop()
        await quick.stop()

    virtual_time.run(check())


def test_who_waits_for_a_restored_pattern_is_told_when_it_is_given_up() -> None:
    async def check() -> None:
        caller = ScriptedCaller({"status": "added"}, RequestTimeout("slow"))
        interests = Interests(caller, make_ids())
        sink = KeepingSink()
        await interests.join(Pattern("x"), sink)
        interests.restore()
        waiting = asyncio.create_task(interests.wait_until_confirmed(Pattern("x")))
        await virtual_time.settle()
        interests.leave(Pattern("x"), sink)
        with pytest.raises(Disconnected):
            await waiting

    virtual_time.run(check())
