"""conat-core §21: connecting, publish and subscribe, requests, services, on both carriers.

The server is restarted and connections are cut while clients are at work.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import ClientState
from cocalc_jupyter_ext.conat.errors import (
    ConatError,
    NoSubscribers,
    RemoteError,
    RequestTimeout,
    SignInFailed,
)
from cocalc_jupyter_ext.conat.services import rpc
from cocalc_jupyter_ext.conat.services.clock import SynchronisedClock, time_service
from cocalc_jupyter_ext.conat.services.named import NamedService, ServiceClient, typed
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointMixin
from cocalc_jupyter_ext.conat.types import User

from ..support.conat_server import RestartableServer

LIMIT_S = 20.0
MakeClient = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def loopback() -> AsyncIterator[MakeClient]:
    broker = Broker()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.stop)

        async def make() -> Client:
            client = Client(LoopbackTransport(broker, None))
            return await stack.enter_async_context(client)

        yield make


@asynccontextmanager
async def websockets() -> AsyncIterator[MakeClient]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running())

        async def make() -> Client:
            return await stack.enter_async_context(client_of(server))

        yield make


@asynccontextmanager
async def running(handler: type[EndpointMixin] = EndpointMixin) -> AsyncIterator[RestartableServer]:
    server = RestartableServer(handler=handler)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def client_of(server: RestartableServer) -> Client:
    """Return a client that comes back quickly."""
    return Client(TornadoTransport(server.address), rng=lambda: 0.0)


@pytest.fixture(params=[loopback, websockets])
async def make_client(request: pytest.FixtureRequest) -> AsyncIterator[MakeClient]:
    async with request.param() as make, asyncio.timeout(LIMIT_S):
        yield make


async def reach(client: Client, wanted: ClientState) -> None:
    """Wait for a state."""
    reached = asyncio.Event()

    def note(state: ClientState) -> None:
        if state is wanted:
            reached.set()

    disconnect = client.states.connect(note)
    async with asyncio.timeout(LIMIT_S):
        if client.state is not wanted:
            await reached.wait()
    disconnect()


async def answer(client: Client, subject: str) -> None:
    """Answer every request with its own data."""
    async for request in await client.subscribe(subject):
        await client.respond(request, request.data)


# Publish and subscribe


async def test_fifteen_publishes_that_nobody_awaits_arrive_in_order(
    make_client: MakeClient,
) -> None:
    """conat-core §21, Publish and subscribe: 15 publishes that nobody awaits arrive in order."""
    one, two = await make_client(), await make_client()
    mine = await one.subscribe("x")
    await two.wait_until_signed_in()
    publishes = [asyncio.create_task(two.publish("x", number)) for number in range(15)]

    assert [(await anext(mine)).data for _ in range(15)] == list(range(15))
    assert [(await each).count for each in publishes] == [1] * 15


@pytest.mark.parametrize(
    "value",
    [
        None,
        "hi",
        b"\x00\xff" * 1_000,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC),
        {"deep": [{"binary": b"x", "date": datetime(2026, 1, 2, tzinfo=UTC)}]},
    ],
)
async def test_values_keep_their_types_there_and_back(
    make_client: MakeClient, value: object
) -> None:
    """conat-core §21, Publish and subscribe: equal data, null, a second client."""
    one, two = await make_client(), await make_client()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(answer(one, "same"))
        assert (await two.request("same", value, wait_for_interest=True)).data == value
        serving.cancel()


async def test_ten_megabytes_go_there_and_back_whole(make_client: MakeClient) -> None:
    """conat-core §21, Service framework and time: numbers, binary, dates and 10 MB strings in both
    directions.

    conat-sync §7.15: numbers, binary, dates, 10,000,000 characters.
    """
    one, two = await make_client(), await make_client()
    big = "ž" + "0123456789" * 1_000_000
    async with NamedService(one, "big", typed({"double": lambda _request, text: text + text[:9]})):
        assert await ServiceClient(two, "big").call("double", big) == big + big[:9]


async def test_a_pattern_in_the_middle_takes_what_it_should(make_client: MakeClient) -> None:
    """conat-core §21, Publish and subscribe: foo.*.bar.> ignores foo.x and receives foo.a.bar.b
    with data, headers, subject.
    """
    one, two = await make_client(), await make_client()
    mine = await one.subscribe("foo.*.bar.>")
    assert (await two.publish("foo.x", 1)).count == 0
    await two.publish("foo.a.bar.b", {"a": 1}, headers={"h": [1]})
    got = await anext(mine)

    assert (got.subject, got.data, got.headers) == ("foo.a.bar.b", {"a": 1}, {"h": [1]})


async def test_interest_waits_for_a_subscriber_who_comes_later(make_client: MakeClient) -> None:
    """conat-core §21, Wait for interest: publishing waits for a subscriber who comes 50 ms later;
    requests to nobody raise "no subscribers", with waiting they succeed later.
    """
    one, two = await make_client(), await make_client()
    assert (await two.publish("x", 1)).count == 0
    for work in (two.publish("x", 2, wait_for_interest=True), ask(two)):
        waiting = asyncio.ensure_future(work)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        mine = await one.subscribe("x")
        got = await anext(mine)
        one.respond_sync(got, got.data)
        mine.close()
        await waiting
        assert got.data == 2


async def ask(client: Client) -> None:
    assert (await client.request("x", 2, wait_for_interest=True)).data == 2


async def test_a_reply_to_an_asker_who_left_says_that_the_time_is_up(
    make_client: MakeClient,
) -> None:
    """conat-core §21, Wait for interest: a reply to an asker who left says "timed out"; without
    waiting it does not raise.
    """
    one, two = await make_client(), await make_client()
    mine = await one.subscribe("x")
    asking = asyncio.create_task(two.request("x"))
    request = await anext(mine)
    await two.close()
    with pytest.raises(ConatError):
        await asking
    with pytest.raises(RequestTimeout, match="timed out"):
        await one.respond(request, 1, timeout_s=0.5)


async def test_many_replies_with_markers_end_by_agreement(make_client: MakeClient) -> None:
    """conat-core §21, Request and reply: many replies with done and error headers, from both
    clients.
    """
    one, two = await make_client(), await make_client()

    async def count() -> None:
        async for request in await one.subscribe("count"):
            for number in range(request.data):
                one.respond_sync(request, number)
            one.respond_sync(request, None, headers={"done": True})

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(count())
        for client in (one, two):
            replies = client.request_many("count", 200, wait_for_interest=True)
            seen: list[Any] = []
            async with aclosing(replies):
                async for reply in replies:
                    if reply.headers:
                        break
                    seen.append(reply.data)
            assert seen == list(range(200))
        serving.cancel()


async def test_the_time_is_about_the_local_time(make_client: MakeClient) -> None:
    """conat-core §21, Service framework and time: time: "clock skew not known" first, then close to
    the local time.

    conat-sync §7.15: the clock.
    """
    one, two = await make_client(), await make_client()
    async with time_service(one):
        clock = SynchronisedClock(two, "time.hub.api")
        await clock.synchronise()

        assert clock.skew_ms is not None
        assert abs(clock.skew_ms) < 1_000


async def test_a_client_answers_itself(make_client: MakeClient) -> None:
    """conat-core §21, Request and reply: a responder answers correctly, also to itself."""
    one = await make_client()
    mine = await one.subscribe("eval")
    asking = asyncio.create_task(one.request("eval", [2, 3]))
    request = await anext(mine)
    await one.respond(request, sum(request.data))

    assert (await asking).data == 5


async def test_thousands_of_messages_pass_in_a_second(make_client: MakeClient) -> None:
    """conat-core §21, Publish and subscribe: speed floors, here ten times as high.

    Measured in time of this process, so that other load does not count.
    """
    one, two = await make_client(), await make_client()
    mine = await one.subscribe("x")
    for number in range(200):
        await one.subscribe(f"other.{number}")
    began_s = time.process_time()
    for number in range(2_000):
        two.publish_sync("x", number)
    assert [(await anext(mine)).data for _ in range(2_000)] == list(range(2_000))

    assert time.process_time() - began_s < 1


# Connections that come and go


async def test_nothing_connects_until_the_client_is_started() -> None:
    """conat-core §21, Connecting: without autoConnect nothing connects until told so."""
    async with running() as server:
        one = client_of(server)
        seen = [one.state]
        one.states.connect(seen.append)
        async with client_of(server) as two:
            await two.wait_until_signed_in()
            assert len(server.broker.peers) == 1
        one.start()
        assert (await one.wait_until_signed_in()).max_payload_bytes > 10_000
        await one.close()

        assert seen == [ClientState.DISCONNECTED, ClientState.CONNECTED, ClientState.CLOSED]


async def test_a_closed_responder_is_gone_for_good(make_client: MakeClient) -> None:
    """conat-core §21, Request and reply: 503 also after the responder closed."""
    one, two = await make_client(), await make_client()
    with pytest.raises(NoSubscribers) as nobody:
        await two.request("eval")
    assert nobody.value.code == 503
    before = one.stats.subs
    mine = await one.subscribe("eval")
    assert one.stats.subs == before + 1
    mine.close()
    assert one.stats.subs == before
    while await two.interest("eval"):
        await asyncio.sleep(0)

    with pytest.raises(NoSubscribers):
        await two.request("eval")


async def test_a_subscription_that_was_left_does_not_come_back_with_the_connection() -> None:
    """conat-core §21, Request and reply: the number of subscriptions stays after a resync."""
    async with running() as server, client_of(server) as one, client_of(server) as two:
        left, _kept = await one.subscribe("left"), await one.subscribe("kept")
        left.close()
        server.cut("kept")
        await two.wait_for_interest("kept", LIMIT_S)

        assert one.stats.subs == 1
        assert await two.interest("left") is False


async def test_a_client_may_be_there_before_its_server() -> None:
    """conat-core §21, Connecting: a client started before its server connects once it is up;
    subscribe and publish started before the server exists complete and deliver in order.
    """
    async with running() as server:
        await server.stop()
        async with client_of(server) as one:
            seen: list[ClientState] = []
            one.states.connect(seen.append)
            subscribing = asyncio.create_task(one.subscribe("x"))
            publishing = asyncio.create_task(one.publish("y", "hello"))
            await asyncio.sleep(0.05)
            assert one.state is ClientState.DISCONNECTED
            await server.start()
            mine = await subscribing
            assert (await publishing).bytes == 6
            assert (await one.publish("x", "back")).count == 1

            assert (await anext(mine)).data == "back"
            assert seen == [ClientState.CONNECTED]


async def test_a_server_that_is_restarted_gets_its_clients_and_their_subscriptions_back() -> None:
    """conat-core §21, Connecting: restarting the server gives disconnected, then connected; closing
    and starting the server on the same port reconnects.
    """
    async with running() as server, client_of(server) as one, client_of(server) as two:
        mine = await one.subscribe("x", queue="q")
        seen: list[ClientState] = []
        one.states.connect(seen.append)
        for round_number in range(2):
            await server.stop()
            await reach(one, ClientState.DISCONNECTED)
            await server.start()
            await reach(two, ClientState.CONNECTED)
            result = await two.publish("x", round_number, wait_for_interest=True)

            assert result.count == 1
            assert (await anext(mine)).data == round_number
        assert [each.value for each in seen] == ["disconnected", "connected"] * 2


async def test_requests_go_on_after_either_or_both_connections_were_cut() -> None:
    """conat-core §21, Service framework and time: works from two clients, after cutting either or
    both, and with a new server on the same port.

    conat-sync §7.15: disconnects of either or both, router restart.
    """
    async with (
        running() as server,
        client_of(server) as one,
        client_of(server) as two,
        rpc.RpcService(one, "arith.*", {"add": lambda _request, a, b: a + b}),
    ):
        assert await rpc.call(two, "arith.x", "add", [1, 2]) == 3
        marker = await two.subscribe("marker")
        for patterns in (["arith.*"], ["marker"], ["arith.*", "marker"]):
            for pattern in patterns:
                server.cut(pattern)
            assert await eventually(lambda: rpc.call(two, "arith.x", "add", [1, 2])) == 3
        marker.close()


async def test_a_service_goes_on_with_a_new_server_on_the_same_port() -> None:
    """conat-core §21, Service framework and time: works from two clients, after cutting either or
    both, and with a new server on the same port.

    conat-sync §7.15: disconnects of either or both, router restart.
    """
    async with (
        running() as server,
        client_of(server) as one,
        client_of(server) as two,
        NamedService(one, "s", typed({"same": lambda _request, value: value})),
    ):
        caller = ServiceClient(two, "s")
        await caller.wait_for(LIMIT_S)
        await server.stop()
        await server.start()
        await reach(two, ClientState.CONNECTED)

        assert await eventually(lambda: caller.call("same", b"x")) == b"x"


async def eventually(call: Callable[[], Awaitable[Any]]) -> Any:
    """Repeat a call until it succeeds: calls may fail until the subscriptions are restored."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await call()
            except ConatError:
                await asyncio.sleep(0.02)


async def test_messages_to_a_subscriber_who_was_cut_off_count_nothing_until_it_is_back() -> None:
    """conat-core §21, Client services: a subscriber who is cut off counts 0 until it is back."""
    async with running() as server, client_of(server) as one, client_of(server) as two:
        await one.subscribe("x")
        assert (await two.publish("x", 1)).count == 1
        server.cut("x")
        assert (await two.publish("x", 2)).count == 0
        with pytest.raises(NoSubscribers, match="no subscribers"):
            await rpc.call(two, "x", "anything")
        await two.wait_for_interest("x", LIMIT_S)

        assert (await two.publish("x", 3)).count == 1


async def test_a_server_that_lets_nobody_in_ends_its_clients_and_keeps_nothing() -> None:
    """conat-core §21, Authentication failure: a refused client is disconnected promptly, told the
    reason, and leaves nothing.
    """

    class Refuse(EndpointMixin):
        async def authenticate(self) -> User | None:
            raise ConatError("no way in")

    async with running(Refuse) as server, client_of(server) as one:
        with pytest.raises(SignInFailed, match="Error: no way in"):
            await one.wait_until_signed_in()
        with pytest.raises(SignInFailed):
            await one.publish("x", 1)
        with pytest.raises(SignInFailed):
            await one.subscribe("x")

        assert one.state is ClientState.CLOSED
        assert not server.broker.peers


async def test_a_client_that_closes_is_gone_at_once() -> None:
    async with running() as server, client_of(server) as two:
        async with client_of(server) as one:
            await one.subscribe("x")
            assert await two.interest("x")
        assert await two.interest("x") is False
        assert len(server.broker.peers) == 1


async def test_a_thousand_requests_at_once_are_all_answered(make_client: MakeClient) -> None:
    one, two = await make_client(), await make_client()
    async with rpc.RpcService(one, "x", {"same": lambda _request, value: value}):
        results = await asyncio.gather(
            *(rpc.call(two, "x", "same", [number]) for number in range(1_000))
        )
        assert results == list(range(1_000))
        with pytest.raises(RemoteError, match="not defined"):
            await rpc.call(two, "x", "other")
