"""Which server holds whose data, and who tells (conat-sync §1.3, §8.1; conat-core §14.9)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.errors import NoSubscribers, RemoteError
from cocalc_jupyter_ext.conat.persist.server.balancer import (
    RESUBSCRIBE_DELAY_S,
    Balancer,
    hash_of,
    server_of,
)
from tests.support import virtual_time
from tests.support.conat_peers import clients

VECTORS = [
    ("hub", 103669, "1114"),
    ("account-00000000-0000-4000-8000-000000000000", 185767524, "0004"),
    ("project-00000000-0000-4000-8000-000000000000", 1786132728, "0003"),
    ("project-3fa218e5-7196-4020-8b30-e2127847cc4f", -1180636593, "1013"),
]


@pytest.mark.parametrize(("scope", "value", "_indexes"), VECTORS)
def test_scopes_are_hashed_like_java_hashes_strings(scope: str, value: int, _indexes: str) -> None:
    assert hash_of(scope) == value


def test_characters_beyond_16_bits_count_as_two() -> None:
    assert hash_of("\U0001f600") == 0xD83D * 31 + 0xDE00


@pytest.mark.parametrize(("scope", "_value", "indexes"), VECTORS)
def test_the_hash_chooses_among_the_ids(scope: str, _value: int, indexes: str) -> None:
    chosen = [server_of(scope, [str(n) for n in range(count)]) for count in (2, 3, 4, 5)]

    assert "".join(chosen) == indexes


def test_there_must_be_a_server_to_choose() -> None:
    with pytest.raises(ValueError, match="no persist servers"):
        server_of("hub", [])


async def test_the_balancer_answers_with_the_bare_id() -> None:
    """conat-sync §8.3: the id as a plain string."""
    async with clients(Broker(), None, None) as (server, client):
        balancer = Balancer(server, "persist", ["0", "1", "2", "3", "4"])
        await balancer.start()

        reply = await client.request("persist.hub.id")

        assert (reply.raw, reply.headers) == (b"\xa14", None)
        await balancer.close()


def test_who_asks_before_its_inbox_is_there_again_is_answered_when_it_is() -> None:
    """conat-core §10.4, §11.4: a client that comes back asks before it has subscribed again."""

    async def scenario() -> None:
        async with clients(Broker(), None, None) as (server, client):
            balancer = Balancer(server, "persist", ["7"])
            await balancer.start()
            await client.publish("persist.hub.id", headers={"CN-Reply": "_INBOX.x.1"})
            await asyncio.sleep(1)
            inbox = await client.subscribe("_INBOX.x.*")

            assert (await anext(inbox)).data == "7"
            await balancer.close()

    virtual_time.run(scenario())


async def test_without_a_balancer_the_question_fails_at_once() -> None:
    async with clients(Broker(), None, None) as (server, client):
        balancer = Balancer(server, "persist", ["0"])
        await balancer.start()
        await balancer.close()
        await balancer.close()

        with pytest.raises(NoSubscribers):
            await client.request("persist.hub.id")


async def test_several_balancers_all_answer() -> None:
    async with clients(Broker(), None, None, None) as (first, second, client):
        balancers = [Balancer(each, "persist", ["0"]) for each in (first, second)]
        for balancer in balancers:
            await balancer.start()

        assert (await client.publish("persist.hub.id")).count == 2

        for balancer in balancers:
            await balancer.close()


@pytest.mark.parametrize("error", [None, RemoteError("permission denied", 403)])
def test_a_balancer_whose_subscription_ends_subscribes_again_after_3_seconds(
    error: RemoteError | None,
) -> None:
    async def scenario() -> None:
        broker = Broker()
        async with clients(broker, None, None) as (server, client):
            balancer = Balancer(server, "persist", ["7"])
            await balancer.start()
            assert balancer._requests is not None
            balancer._requests.end(error)

            await asyncio.sleep(RESUBSCRIBE_DELAY_S + 0.01)

            assert (await client.request("persist.hub.id")).data == "7"
            await balancer.close()

    virtual_time.run(scenario())
