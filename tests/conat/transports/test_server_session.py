"""conat-core §1.2, §2; SPEC T8, T9, B1, B2."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import WireClient

ACCOUNT = User("account", "a")


def test_the_user_is_known_after_the_sign_in() -> None:
    async def check() -> None:
        async def slowly() -> User:
            await asyncio.sleep(3)
            return ACCOUNT

        broker = Broker()
        client = WireClient(broker, authenticate=slowly)
        assert client.session.user is None
        await client.say("40")

        assert client.session.user == ACCOUNT
        await broker.stop()

    virtual_time.run(check())


def test_who_leaves_during_the_sign_in_is_not_let_in() -> None:
    async def check() -> None:
        async def slowly() -> User:
            await asyncio.sleep(3)
            return ACCOUNT

        broker = Broker()
        client = WireClient(broker, authenticate=slowly)
        joining = asyncio.ensure_future(client.say("40"))
        await asyncio.sleep(1)
        client.session.carrier_closed()
        await joining

        assert broker.peers == {}
        assert not broker.usage().per_user

    virtual_time.run(check())


def test_a_failing_sign_in_lets_nobody_in_and_may_be_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        async def fail() -> User:
            raise RuntimeError("the database is gone")

        broker = Broker()
        client = WireClient(broker, authenticate=fail)
        await client.say("40")

        assert client.closed == (1000, "internal error")
        assert client.frames[-1] != "41"
        assert not any("database" in str(frame) for frame in client.frames)
        assert broker.peers == {}

    virtual_time.run(check())
    assert "the database is gone" in caplog.text


def test_a_sign_in_that_takes_too_long_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker, authenticate=lambda: asyncio.sleep(1_000))
        joining = asyncio.ensure_future(client.say("40"))
        await asyncio.sleep(29)
        assert client.closed is None
        await client.say("3")
        await joining

        assert client.closed == (1000, "internal error")
        assert broker.peers == {}

    virtual_time.run(check())
    assert "it cannot be found out who it is" in caplog.text


def test_a_client_that_does_not_join_is_cut_off() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await asyncio.sleep(25)
        assert client.frames[-1] == "2"
        await client.say("3")
        await asyncio.sleep(21)

        assert client.closed == (1000, "connect timeout")

    virtual_time.run(check())


def test_a_dead_client_is_noticed_by_its_silence_and_leaves_the_broker() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        await asyncio.sleep(46)

        assert client.closed == (1000, "ping timeout")
        assert broker.peers == {}
        assert "2" in client.frames

    virtual_time.run(check())


def test_a_client_that_answers_pings_stays() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        for _ in range(10):
            await asyncio.sleep(25.5)
            await client.say("3")

        assert client.closed is None
        assert client.frames.count("2") == 10
        await broker.stop()

    virtual_time.run(check())


def test_broken_framing_closes_with_a_protocol_error() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        await client.say("nonsense")

        assert client.closed == (1002, "parse error")
        assert broker.peers == {}

    virtual_time.run(check())


def test_nonsense_in_an_event_is_answered_and_the_connection_stays() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        await virtual_time.settle()
        await client.say('427["publish",{}]')
        await client.say('428["subscriptions",null]')
        await virtual_time.settle()

        assert client.frames[-2:] == [
            '437[{"error":"Error: a message needs a subject, and is an array"}]',
            "438[[]]",
        ]
        await broker.stop()

    virtual_time.run(check())


@pytest.mark.parametrize(("may_return", "last"), [(True, None), (False, "41")])
def test_who_may_return_is_not_told_to_stay_away(may_return: bool, last: str | None) -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        await virtual_time.settle()
        client.session.close("over", may_return=may_return)

        assert (client.frames[-1] == "41") is (last == "41")
        assert client.closed == (1000, "over")
        assert broker.peers == {}

    virtual_time.run(check())


def test_a_carrier_that_is_gone_ends_everything() -> None:
    async def check() -> None:
        broker = Broker()
        client = WireClient(broker)
        await client.say("40")
        client.session.carrier_closed()
        client.session.carrier_closed()

        assert broker.peers == {}
        await asyncio.sleep(1000)

    virtual_time.run(check())
