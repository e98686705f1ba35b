"""conat-core §2.3, §11; SPEC K1, K2, K5, K8."""

import asyncio
import gc
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import ClientState, LinkListener, user_from_info
from cocalc_jupyter_ext.conat.errors import (
    ClientClosed,
    Disconnected,
    RequestTimeout,
    SignInFailed,
)
from cocalc_jupyter_ext.conat.protocol.messages import ClientEvent, Info, Subscriptions
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import FlakyTransport, clients, make_ids


def client_over(transport: Any) -> Client:
    loop = asyncio.get_running_loop()
    return Client(transport, clock=loop.time, make_id=make_ids("c"), rng=lambda: 0.5)


class ScriptedTransport:
    """Opens links that say what the script holds, and then nothing."""

    def __init__(self, *events: Info, closed: str | None = None) -> None:
        self.attempts = 0
        self._events = events
        self._closed = closed

    async def open(self, listener: LinkListener) -> "ScriptedTransport":
        self.attempts += 1
        loop = asyncio.get_running_loop()
        for event in self._events:
            loop.call_soon(listener.on_event, event)
        if self._closed is not None:
            loop.call_soon(listener.on_closed, self._closed)
        return self

    def send(self, event: ClientEvent, on_ack: Any = None) -> None:
        """Never answer."""

    async def close(self) -> None:
        """Say nothing."""


def test_a_client_connects_as_soon_as_the_server_lets_it() -> None:
    async def check() -> None:
        transport = FlakyTransport(Broker())
        transport.refusals = 3
        async with client_over(transport) as client:
            info = await client.wait_until_signed_in()

            assert info.max_payload_bytes == 8_000_000
            assert transport.attempts_s == [0, 0.5, 1.5, 3.5]
        await transport.broker.stop()

    virtual_time.run(check())


def test_the_pauses_begin_anew_after_a_connection() -> None:
    async def check() -> None:
        transport = FlakyTransport(Broker())
        async with client_over(transport) as client:
            for _ in range(3):
                await client.wait_until_signed_in()
                await transport.cut()
            await client.wait_until_signed_in()

            assert transport.attempts_s == [0, 0.5, 1, 1.5]
        await transport.broker.stop()

    virtual_time.run(check())


def test_who_waits_for_an_answer_learns_that_the_connection_is_lost() -> None:
    """conat-core §20: a disconnect during an ack is an error."""

    async def check() -> None:
        transport = FlakyTransport(Broker())
        async with client_over(transport) as client, asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(outcome(client.wait_for_interest("x", 60)))
            await asyncio.sleep(1)
            await transport.cut()

            assert isinstance(await waiting, Disconnected)
        await transport.broker.stop()

    virtual_time.run(check())


async def outcome(work: Any) -> Any:
    try:
        return await work
    except Disconnected as error:
        return error


@pytest.mark.parametrize(
    ("transport", "reason"),
    [
        (ScriptedTransport(Info(1, "0", {"error": "Error: no", "code": 429})), "Error: no"),
        (ScriptedTransport(Info(1, "0", {})), "without an id"),
        (ScriptedTransport(closed="io server disconnect"), "on purpose"),
    ],
)
def test_a_refused_client_does_not_come_back(transport: ScriptedTransport, reason: str) -> None:
    async def check() -> None:
        async with client_over(transport) as client:
            with pytest.raises(SignInFailed, match=reason):
                await client.wait_until_signed_in()
            await asyncio.sleep(1000)

            assert transport.attempts == 1

    virtual_time.run(check())


def test_nothing_is_sent_before_the_sign_in() -> None:
    """conat-core §21, Connecting: what is published before the server exists is lost.

    conat-core §20: events before authentication: clients wait for info.
    """

    async def check() -> None:
        async with client_over(ScriptedTransport()) as client:
            await asyncio.sleep(1)
            with pytest.raises(Disconnected):
                client.publish_sync("x", 1)

    virtual_time.run(check())


def test_a_removed_user_is_gone_for_good() -> None:
    async def check() -> None:
        user = User("account", "a")
        transport = FlakyTransport(Broker(), user)
        async with client_over(transport) as client:
            await client.wait_until_signed_in()
            transport.broker.disconnect_user(user)
            with pytest.raises(SignInFailed):
                await client.publish("x")
        await transport.broker.stop()

    virtual_time.run(check())


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, None),
        ({"account_id": "a"}, User("account", "a")),
        ({"project_id": "p"}, User("project", "p")),
        ({"hub_id": "hub"}, User("hub", "hub")),
    ],
)
def test_info_tells_a_client_who_it_is(user: Any, expected: User | None) -> None:
    """conat-core §21, Connecting: info arrives, max_payload is greater than 10,000."""
    assert user_from_info(Info(1, "0", user)) == expected


def test_the_state_is_told_at_each_change() -> None:
    """conat-core §21, Connecting: a new client is not connected, after waiting it is, after close
    it is not.
    """

    async def check() -> None:
        transport = FlakyTransport(Broker())
        client = client_over(transport)
        seen: list[ClientState] = []
        client.states.connect(seen.append)
        assert client.state is ClientState.DISCONNECTED
        async with client:
            for _ in range(2):
                await client.wait_until_signed_in()
                assert client.state is ClientState.CONNECTED
                await transport.cut()
                assert client.state is ClientState.DISCONNECTED

        assert [each.value for each in seen] == [*["connected", "disconnected"] * 2, "closed"]
        await transport.broker.stop()

    virtual_time.run(check())


def test_a_disconnection_is_told_before_the_answers_fail() -> None:
    async def check() -> None:
        transport = FlakyTransport(Broker())
        seen: list[str] = []
        async with client_over(transport) as client, asyncio.TaskGroup() as tasks:
            client.states.connect(lambda state: seen.append(state.value))
            waiting = tasks.create_task(outcome(client.wait_for_interest("x", 60)))
            waiting.add_done_callback(lambda _task: seen.append("answer"))
            await asyncio.sleep(1)
            await transport.cut()
            await waiting

        assert seen[:3] == ["connected", "disconnected", "answer"]
        await transport.broker.stop()

    virtual_time.run(check())


def test_who_waits_for_an_answer_when_the_client_is_closed_is_told_so() -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(closed(one.wait_for_interest("x", 60)))
            await asyncio.sleep(1)
            await one.close()
            await waiting

    async def closed(work: Any) -> None:
        with pytest.raises(ClientClosed):
            await work

    virtual_time.run(check())


def test_a_greeting_after_the_end_is_ignored() -> None:
    async def check() -> None:
        transport = ScriptedTransport()
        async with client_over(transport) as client:
            await asyncio.sleep(1)
            await client.close()
            client.on_signed_in = raise_always  # type: ignore[method-assign]
            client._session.on_event(Info(1, "0", None))

            assert client.state is ClientState.CLOSED
            assert client.info is None

    def raise_always() -> None:
        raise AssertionError("a closed client is not signed in")

    virtual_time.run(check())


def test_a_server_that_accepts_and_drops_is_not_stormed() -> None:
    async def check() -> None:
        transport = ScriptedTransport(closed="transport close")
        async with client_over(transport):
            await asyncio.sleep(60)

            assert transport.attempts < 10

    virtual_time.run(check())


def test_an_answer_in_vain_is_a_timeout_and_is_not_reported_as_lost() -> None:
    async def check() -> None:
        complaints: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        async with client_over(ScriptedTransport(Info(1, "0", None))) as client:
            await client.wait_until_signed_in()
            client._session.ask(Subscriptions(), 5)  # nobody waits for it
            with pytest.raises(RequestTimeout, match="operation has timed out"):
                await client._session.call(Subscriptions(), 10)
        gc.collect()

        assert complaints == []

    virtual_time.run(check())
