"""conat-core §8.3, §9, §10; SPEC K1 to K10. Through a real broker, in process."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import LinkListener
from cocalc_jupyter_ext.conat.client.subscription import Message, Subscription
from cocalc_jupyter_ext.conat.errors import (
    ClientClosed,
    CodecError,
    ConatError,
    Disconnected,
    InvalidSubject,
    NoSubscribers,
    RemoteError,
    RequestTimeout,
)
from cocalc_jupyter_ext.conat.protocol.codec import Encoding, encode
from cocalc_jupyter_ext.conat.protocol.messages import ClientEvent, Unsubscribe
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, FlakyTransport, clients, make_client

VALUES: list[object] = ["text", 7, 3.25, None, True, {"a": [1, {"b": "ž"}]}, [], ""]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_what_is_published_is_received_in_order(encoding: Encoding) -> None:
    """conat-core §21, Publish and subscribe: equal data, null, a second and distinct clients."""

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            mine = await one.subscribe("greet.*")
            for value in VALUES:
                await two.publish("greet.world", value, headers={"h": 1}, encoding=encoding)
            got = [await anext(mine) for _ in VALUES]

            assert [each.data for each in got] == VALUES
            assert {(each.subject, each.encoding) for each in got} == {("greet.world", encoding)}
            assert all(each.headers == {"h": 1} for each in got)

    virtual_time.run(check())


def test_publishes_started_at_once_arrive_in_order() -> None:
    """conat-core §21, Publish and subscribe: 15 publishes that nobody awaits arrive in order."""

    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            mine = await one.subscribe("x")
            await asyncio.gather(*(one.publish("x", number) for number in range(15)))

            assert [(await anext(mine)).data for _ in range(15)] == list(range(15))

    virtual_time.run(check())


def test_a_publisher_learns_bytes_and_count() -> None:
    """conat-core §21, Publish and subscribe: publishing "hi" gives bytes 3 and count 1."""

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            assert (await one.publish("x", "hi")).count == 0
            await two.subscribe("x")
            result = await one.publish("x", "hi")

            assert (result.bytes, result.count) == (3, 1)

    virtual_time.run(check())


def test_queue_groups_share_and_different_ones_do_not() -> None:
    """conat-core §21, Publish and subscribe: one queue group shares, different ones all receive."""

    async def check() -> None:
        async with clients(Broker(), None, None, None) as (one, two, three):
            await one.subscribe("work", queue="q")
            await two.subscribe("work", queue="q")
            assert (await three.publish("work")).count == 1
            await three.subscribe("work", queue="other")
            assert (await three.publish("work")).count == 2

    virtual_time.run(check())


def test_a_client_joins_one_queue_group_of_a_pattern() -> None:
    """conat-core §21, Publish and subscribe: a second queue group fails with "one queue group"
    until the first is stopped.
    """

    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            first = await one.subscribe("x", queue="q")
            with pytest.raises(ConatError, match="one queue group"):
                await one.subscribe("x", queue="r")
            first.close()
            await one.subscribe("x", queue="r")

    virtual_time.run(check())


def test_local_subscriptions_share_one_on_the_server_until_the_last_is_closed() -> None:
    """conat-core §21, Publish and subscribe: two subscriptions of one client each get every
    message; the last to leave ends it.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            first, second = await one.subscribe("x"), await one.subscribe("x")
            assert (await two.publish("x", 1)).count == 1
            assert (await anext(first)).data == (await anext(second)).data == 1
            first.close()
            assert (await two.publish("x", 2)).count == 1
            second.close()
            await virtual_time.settle()
            assert (await two.publish("x", 3)).count == 0

    virtual_time.run(check())


def test_large_messages_travel_in_chunks_that_stay_together() -> None:
    async def check() -> None:
        broker = Broker(limits=BrokerLimits(max_payload_bytes=101_000))
        async with clients(broker, None, None, None) as (one, two, three):
            shares = [await each.subscribe("x", queue="q") for each in (one, two)]
            for number in range(10):
                result = await three.publish("x", bytes([number]) * 5_000, headers={"n": number})
                assert result.count == 1
            received = [await drain(each) for each in shares]

            assert sorted(each.data[0] for share in received for each in share) == list(range(10))
            assert all(each.headers == {"n": each.data[0]} for share in received for each in share)

    virtual_time.run(check())


async def drain(subscription: Subscription) -> list[Message]:
    """Take what is there, and close."""
    await virtual_time.settle()
    subscription.end()
    return [each async for each in subscription]


def test_publishing_without_an_answer() -> None:
    async def check() -> None:
        broker = Broker()
        async with clients(broker, None) as (one,):
            mine = await one.subscribe("x")
            assert one.publish_sync("x", "hello") == 6
            assert (await anext(mine)).data == "hello"
        with pytest.raises(ClientClosed):
            one.publish_sync("x", 1)
        with pytest.raises(Disconnected):
            make_client(broker, "new").publish_sync("x", 1)

    virtual_time.run(check())


@pytest.mark.parametrize("subject", ["a.*", "a..b", "", "a b"])
def test_invalid_subjects_are_refused_before_anything_is_sent(subject: str) -> None:
    async def check() -> None:
        client = make_client(Broker(), "c")
        for call in (client.publish(subject), client.wait_for_interest(subject)):
            with pytest.raises(InvalidSubject):
                await call
        if subject != "a.*":
            with pytest.raises(InvalidSubject, match="subscribe"):
                await client.subscribe(subject)

    virtual_time.run(check())


def test_what_cannot_be_encoded_is_refused() -> None:
    async def check() -> None:
        with pytest.raises(CodecError):
            await make_client(Broker(), "c").publish("x", object())

    virtual_time.run(check())


def test_refusals_carry_the_servers_code_and_are_remembered() -> None:
    async def check() -> None:
        async with clients(Broker(DenyPrefix("secret")), None) as (one,):
            for _ in range(2):
                with pytest.raises(RemoteError, match="permission denied publishing") as refusal:
                    await one.publish("secret.a")
                assert refusal.value.code == 403
            with pytest.raises(RemoteError, match="permission denied subscribing") as refusal:
                await one.subscribe("secret.b")
            assert refusal.value.code == 403
            one.publish_sync("secret.c")
            await virtual_time.settle()
            with pytest.raises(RemoteError, match=r"secret\.c"):
                one.publish_sync("secret.c")

    virtual_time.run(check())


def test_too_many_subscriptions_are_refused_with_429() -> None:
    """conat-core §21, Limits: with a limit of 3 subscriptions the next fails with "limit"."""

    async def check() -> None:
        broker = Broker(limits=BrokerLimits(max_subscriptions_per_client=1))
        async with clients(broker, None) as (one,):
            await one.subscribe("x")
            with pytest.raises(RemoteError, match="limit of at most 1") as refusal:
                await one.subscribe("y")
            assert refusal.value.code == 429

    virtual_time.run(check())


async def answer(client: Client, subject: str, *, delay_s: float = 0, times: int = 1) -> None:
    """Double what is asked."""
    async for request in await client.subscribe(subject):
        await asyncio.sleep(delay_s)
        for _ in range(times):
            await client.respond(request, request.data * 2, headers={"done": True})


@pytest.mark.parametrize("user", [None, User("account", "a"), User("hub", "hub")])
def test_a_request_gets_the_first_reply(user: User | None) -> None:
    """conat-core §21, Request and reply: a responder answers correctly, also to itself."""

    async def check() -> None:
        async with clients(Broker(), user, None) as (one, two), asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(answer(two, "double", times=2))
            await virtual_time.settle()
            replies = await asyncio.gather(*(one.request("double", each) for each in range(5)))

            assert [reply.data for reply in replies] == [0, 2, 4, 6, 8]
            assert replies[0].headers == {"done": True}
            serving.cancel()

    virtual_time.run(check())


def test_a_request_to_nobody_fails_with_503() -> None:
    """conat-core §21, Request and reply: a request to nobody has code 503, also after the responder
    closed; its subscription is gone for good.

    conat-core §21, Wait for interest: requests to nobody raise "no subscribers", with waiting they
    succeed later.
    """

    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            with pytest.raises(NoSubscribers, match=r"no subscribers matching 'nobody.home'"):
                await one.request("nobody.home")

    virtual_time.run(check())


def test_a_request_without_a_reply_fails_with_408() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            await two.subscribe("silent")
            with pytest.raises(RequestTimeout, match="timeout") as refusal:
                await one.request("silent", timeout_s=5)

            assert refusal.value.code == 408
            assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.01)

    virtual_time.run(check())


def test_a_request_that_waits_for_interest_reaches_a_late_responder() -> None:
    """conat-core §21, Wait for interest: requests to nobody raise "no subscribers", with waiting
    they succeed later.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            reply = tasks.create_task(one.request("double", 21, wait_for_interest=True))
            await asyncio.sleep(10)
            serving = tasks.create_task(answer(two, "double"))

            assert (await reply).data == 42
            serving.cancel()

    virtual_time.run(check())


def test_publishing_to_nobody_in_time_fails_with_408() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            with pytest.raises(ConatError, match="time"):
                await one.publish("x", wait_for_interest=True, timeout_s=3)

    virtual_time.run(check())


def test_all_replies_of_a_request_are_yielded() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(answer(two, "double", times=3))
            await virtual_time.settle()
            replies = one.request_many("double", 1)
            got = [(await anext(replies)).data for _ in range(3)]
            await replies.aclose()

            assert got == [2, 2, 2]
            serving.cancel()

    virtual_time.run(check())


def test_a_reply_to_somebody_who_left_fails_in_time() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            gone = Message("x", 0, b"\xc0", {"CN-Reply": "_INBOX.gone.1"})
            with pytest.raises(ConatError, match="time"):
                await one.respond(gone, 1, timeout_s=1)

    virtual_time.run(check())


def test_responding_to_what_is_no_request_does_nothing() -> None:
    async def check() -> None:
        result = await make_client(Broker(), "c").respond(Message("x", 0, b"\xc0"), 1)

        assert (result.bytes, result.count) == (0, 0)

    virtual_time.run(check())


def test_interest_is_asked_for_now_or_waited_for() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            assert await one.wait_for_interest("x", 0) is False
            waiting = tasks.create_task(one.wait_for_interest("x", 60))
            await asyncio.sleep(30)
            await two.subscribe("x")

            assert await waiting is True
            assert await one.wait_for_interest("x", 0) is True

    virtual_time.run(check())


def test_a_closed_client_ends_its_iterations_and_refuses_work() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            mine = await one.subscribe("x")
            await one.close()
            await one.close()

            assert [each async for each in mine] == []
            with pytest.raises(ClientClosed):
                await one.publish("x")
            with pytest.raises(ClientClosed):
                await one.subscribe("x")

    virtual_time.run(check())


def test_payloads_that_are_encoded_already_are_sent_as_they_are() -> None:
    async def check() -> None:
        raw = encode({"a": 1}, Encoding.JSON)
        async with clients(Broker(), None, None) as (one, two):
            mine = await one.subscribe("x")
            await two.publish("x", "ignored", raw=raw, encoding=Encoding.JSON)
            two.publish_sync("x", raw=raw, encoding=Encoding.JSON)
            asking = asyncio.create_task(two.request("x", raw=raw, encoding=Encoding.JSON))
            got = [await anext(mine) for _ in range(3)]
            await one.respond(got[2], raw=raw, encoding=Encoding.JSON)
            got.append(await asking)

            assert all((each.raw, each.encoding) == (raw, Encoding.JSON) for each in got)
            assert all(each.data == {"a": 1} for each in got)

    virtual_time.run(check())


def test_an_answer_can_be_given_without_waiting() -> None:
    """conat-core §21, Wait for interest: a reply to an asker who left says "timed out"; without
    waiting it does not raise.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            mine = await one.subscribe("x")
            asking = asyncio.create_task(two.request("x"))
            request = await anext(mine)

            assert one.respond_sync(request, "hi", headers={"h": 1}) == 3
            assert ((await asking).data, (await asking).headers) == ("hi", {"h": 1})
            assert one.respond_sync(Message("x", 0, b"\xc0"), "nobody asked") == 0

    virtual_time.run(check())


def test_a_subscription_can_end_by_itself_and_leaves_nothing() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            mine = await one.subscribe("x", max_messages=2)
            idle = await one.subscribe("y", max_wait_s=1)
            for value in range(3):
                await two.publish("x", value)

            assert [each.data async for each in mine] == [0, 1]
            assert [each async for each in idle] == []
            await virtual_time.settle()
            assert await two.interest("x") is False
            assert await two.interest("y") is False

    virtual_time.run(check())


def test_leaving_a_subscription_ends_it_and_a_new_one_works() -> None:
    """conat-core §21, Publish and subscribe: breaking out of the iteration ends the subscription, a
    new one works.
    """

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            async with await one.subscribe("x") as mine:
                await two.publish("x", 1)
                async for each in mine:
                    assert each.data == 1
                    break
            assert mine.is_ended
            with pytest.raises(StopAsyncIteration):
                await anext(mine)
            again = await one.subscribe("x")
            assert (await two.publish("x", 2)).count == 1
            assert (await anext(again)).data == 2

    virtual_time.run(check())


@pytest.mark.parametrize(("limits", "lasts_s"), [({"max_messages": 3}, 2), ({"max_wait_s": 3}, 5)])
def test_the_replies_of_a_request_end_when_enough_came_or_none_for_a_while(
    limits: dict[str, Any], lasts_s: float
) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        async with clients(Broker(), None, None) as (one, two), asyncio.TaskGroup() as tasks:
            mine = await one.subscribe("x")

            async def answer() -> None:
                request = await anext(mine)
                for number in range(3):
                    await one.respond(request, number)
                    await asyncio.sleep(1)

            tasks.create_task(answer())
            replies = [each.data async for each in two.request_many("x", **limits)]

            assert replies == [0, 1, 2]
            assert loop.time() == pytest.approx(lasts_s)

    virtual_time.run(check())


def test_who_answers_apart_from_the_inbox_notices_that_nobody_listens_any_more() -> None:
    async def check() -> None:
        async with clients(Broker(), None, User("account", "A")) as (one, two):
            requests = await one.subscribe("x")
            replies = two.request_many("x", apart=True)
            first = asyncio.create_task(anext(replies))
            request = await anext(requests)
            assert (await one.respond(request, 1)).count == 1
            assert (await first).data == 1
            await replies.aclose()
            await virtual_time.settle()

            assert request.reply_subject is not None
            assert (await one.publish(request.reply_subject, 2)).count == 0

    virtual_time.run(check())


def test_replies_apart_from_the_inbox_end_when_the_connection_is_lost() -> None:
    """What was sent meanwhile is lost, and nothing else would tell."""

    async def check() -> None:
        broker = Broker()
        flaky = FlakyTransport(broker)
        async with clients(broker, None) as (one,), Client(flaky, rng=lambda: 0.0) as two:
            requests = await one.subscribe("x")
            replies = two.request_many("x", apart=True)
            first = asyncio.create_task(anext(replies))
            request = await anext(requests)
            await flaky.cut()
            with pytest.raises(Disconnected):
                await first
            await two.wait_until_signed_in()
            await asyncio.sleep(5)

            assert request.reply_subject is not None
            assert not await one.interest(request.reply_subject)

    virtual_time.run(check())


def test_three_groups_give_three_answers_and_a_plain_request_the_first() -> None:
    """conat-core §21, Request and reply: three groups give three answers, a plain request the
    first.
    """

    async def check() -> None:
        async with clients(Broker(), *[None] * 4) as (*many, asker):
            for number, each in enumerate(many):
                await answer_after(each, number)

            replies = [each.data async for each in asker.request_many("who", max_messages=3)]
            assert replies == [0, 1, 2]
            assert (await asker.request("who")).data == 0

    async def answer_after(client: Client, seconds: int) -> None:
        mine = await client.subscribe("who")

        async def answer() -> None:
            async for request in mine:
                await asyncio.sleep(seconds)
                client.respond_sync(request, seconds)

        background.add(asyncio.create_task(answer()))

    background: set[asyncio.Task[None]] = set()
    virtual_time.run(check())


def test_requests_that_fail_leave_nothing_behind() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            with pytest.raises(NoSubscribers):
                await one.request("nobody")
            with pytest.raises(NoSubscribers):
                await anext(one.request_many("nobody"))
            mine = await one.subscribe("x")
            with pytest.raises(RequestTimeout):
                await one.request("x", timeout_s=1)
            mine.close()
            await virtual_time.settle()
            with pytest.raises(NoSubscribers):
                await one.request("x")

            assert one.stats.subs == 1  # the inbox
            assert (await one._inbox.open())._waiting == {}

    virtual_time.run(check())


def test_what_the_server_refuses_without_being_asked_is_told() -> None:
    async def check() -> None:
        async with clients(Broker(DenyPrefix("secret")), None) as (one,):
            refused: list[tuple[str, str]] = []
            one.refusals.connect(lambda each: refused.append((each.operation, each.subject)))
            await one.wait_until_signed_in()
            one.publish_sync("secret.x", 1)
            await virtual_time.settle()
            with pytest.raises(RemoteError, match="permission denied") as refusal:
                one.publish_sync("secret.x", 1)

            assert refusal.value.code == 403
            assert refused == [("pub", "secret.x")]

    virtual_time.run(check())


class RecordingTransport:
    """A loopback that remembers what the client sent."""

    def __init__(self, broker: Broker) -> None:
        self.sent: list[ClientEvent] = []
        self._loopback = LoopbackTransport(broker, None)
        self._link: Any = None

    async def open(self, listener: LinkListener) -> "RecordingTransport":
        self._link = await self._loopback.open(listener)
        return self

    def send(self, event: ClientEvent, on_ack: Any = None) -> None:
        self.sent.append(event)
        self._link.send(event, on_ack)

    async def close(self) -> None:
        await self._link.close()


def test_a_client_that_closes_says_so_for_its_subscriptions() -> None:
    async def check() -> None:
        broker = Broker()
        transport = RecordingTransport(broker)
        async with Client(transport) as one:
            await one.subscribe("x")
            await one.subscribe("y")
        await broker.stop()

        assert transport.sent[-1] == Unsubscribe(("x", "y"), batch=True)
        assert not broker.peers

    virtual_time.run(check())
