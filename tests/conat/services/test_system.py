"""conat-core §17; SPEC Y1 to Y6."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker, BrokerIdentity
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import NoSubscribers, RemoteError, SignInFailed
from cocalc_jupyter_ext.conat.services.rpc import call, call_many
from cocalc_jupyter_ext.conat.services.system import SystemService, system_subject
from cocalc_jupyter_ext.conat.types import User

from ...support import virtual_time
from ...support.conat_peers import RecordingSink, clients

ACCOUNT = User("account", "a")
SYSTEM = User("hub", "system")
ALL = "sys.conat.default"
NODE = "sys.conat.default.0"
ADDRESS = "http://localhost:3000"


@asynccontextmanager
async def system(
    identity: BrokerIdentity | None = None,
) -> AsyncIterator[tuple[Broker, Client, SystemService]]:
    """Give a broker, a client of it, and the system service beside it."""
    broker = Broker(
        identity=identity or BrokerIdentity(addresses=(ADDRESS,)), wall_clock=lambda: 1_000.5
    )
    async with (
        clients(broker, SYSTEM, SYSTEM) as (server, client),
        SystemService(broker, server) as service,
    ):
        yield broker, client, service


@pytest.mark.parametrize("subject", [ALL, NODE])
def test_statistics_of_each_connection_under_the_name_of_the_server(subject: str) -> None:
    async def check() -> None:
        async with system() as (broker, client, _service):
            peer = broker.connect(RecordingSink(), ACCOUNT, address="1.2.3.4")
            stats = await call(client, subject, "stats")

            assert list(stats) == ["0"]
            assert set(stats["0"]) == set(broker.peers)
            assert stats["0"][peer.id] == {
                "user": {"account_id": "a"},
                "send": {"messages": 0, "bytes": 0},
                "recv": {"messages": 0, "bytes": 0},
                "subs": 0,
                "connected": 1_000_500,
                "active": 1_000_500,
                "address": "1.2.3.4",
            }

    virtual_time.run(check())


@pytest.mark.parametrize("subject", [ALL, NODE])
def test_usage_by_user(subject: str) -> None:
    async def check() -> None:
        async with system() as (broker, client, _service):
            for user in (ACCOUNT, ACCOUNT, None):
                broker.connect(RecordingSink(), user)

            assert await call(client, subject, "usage") == {
                "0": {
                    "total": 5,
                    "perUser": {'{"hub_id":"system"}': 2, '{"account_id":"a"}': 2, "null": 1},
                }
            }

    virtual_time.run(check())


@pytest.mark.parametrize("subject", [ALL, NODE])
def test_connections_are_ended_by_their_ids_and_do_not_come_back(subject: str) -> None:
    async def check() -> None:
        async with system() as (broker, client, _service):
            sinks = [RecordingSink() for _ in range(3)]
            ids = [broker.connect(sink, ACCOUNT).id for sink in sinks]

            assert await call(client, subject, "disconnect", [ids[0]]) is None
            assert await call(client, subject, "disconnect", [[ids[1], "unknown"]]) is None
            assert [[may_return for _, may_return in sink.closed] for sink in sinks] == [
                [False],
                [False],
                [],
            ]
            for wrong in (None, 7, [7], {"id": ids[2]}):
                with pytest.raises(RemoteError, match="needs the id of a connection"):
                    await call(client, subject, "disconnect", [wrong])

    virtual_time.run(check())


def test_a_client_that_is_ended_gets_no_answer_any_more() -> None:
    async def check() -> None:
        async with system() as (broker, client, _service):
            (own,) = [key for key in list(broker.stats()) if broker.peers[key].user == SYSTEM][1:]
            with pytest.raises(SignInFailed, match="ended the connection on purpose"):
                await call(client, NODE, "disconnect", [own])

    virtual_time.run(check())


@pytest.mark.parametrize("name", ["join", "unjoin", "clusterTopology", "clusterAddresses"])
def test_all_servers_together_are_the_wrong_ones_to_ask_about_a_cluster(name: str) -> None:
    async def check() -> None:
        async with system() as (_broker, client, _service):
            with pytest.raises(RemoteError, match=r"^Error: wrong service$"):
                await call(client, ALL, name, ["http://elsewhere"])

    virtual_time.run(check())


@pytest.mark.parametrize("name", ["join", "unjoin"])
def test_a_server_alone_says_that_it_cannot_be_linked(name: str) -> None:
    """conat-core §21, Cluster: all lines."""

    async def check() -> None:
        async with system() as (_broker, client, _service):
            with pytest.raises(RemoteError, match=f"'{name}' is not supported"):
                await call(client, NODE, name, ["http://elsewhere"])

    virtual_time.run(check())


@pytest.mark.parametrize(
    ("identity", "node", "topology"),
    [
        (BrokerIdentity(addresses=(ADDRESS,)), NODE, {"default": {"0": ADDRESS}}),
        (
            BrokerIdentity("n1", "east", (ADDRESS,)),
            "sys.conat.east.n1",
            {"east": {"n1": ADDRESS}},
        ),
        (BrokerIdentity("n1"), "sys.conat.default.n1", {"default": {"n1": ""}}),
    ],
)
def test_a_cluster_of_one_is_the_server_itself(
    identity: BrokerIdentity, node: str, topology: dict[str, Any]
) -> None:
    """conat-core §21, Cluster: all lines."""

    async def check() -> None:
        async with system(identity) as (_broker, client, _service):
            own = list(identity.addresses)

            assert await call(client, node, "clusterTopology") == topology
            assert await call(client, node, "clusterAddresses") == own
            assert await call(client, node, "clusterAddresses", list(topology)) == own
            assert await call(client, node, "clusterAddresses", ["other"]) == []

    virtual_time.run(check())


def test_every_server_answers_what_is_asked_of_all() -> None:
    """§17: the queue groups of two servers differ, so both of them hear."""

    async def check() -> None:
        async with system() as (_broker, client, _service):
            others = Broker(identity=BrokerIdentity("1"))
            second = SystemService(others, client)
            await second.start()
            answers = [each async for each in call_many(client, ALL, "usage", max_messages=2)]

            assert {next(iter(each)) for each in answers} == {"0", "1"}
            await second.stop()

    virtual_time.run(check())


def test_the_groups_are_those_of_the_original() -> None:
    async def check() -> None:
        for identity, queue in (
            (BrokerIdentity(), "undefined-0"),
            (BrokerIdentity("n1", "east"), "east-n1"),
        ):
            async with system(identity) as (broker, _client, _service):
                groups = {
                    pattern: queue
                    for peer in broker.peers
                    for pattern, queue in broker.subscriptions(peer).items()
                }
                cluster, server = identity.cluster_name, identity.server_id

                assert groups[system_subject(cluster)] == queue  # type: ignore[index]  # a pattern too
                assert groups[system_subject(cluster, server)] == "0"  # type: ignore[index]  # as above

    virtual_time.run(check())


def test_what_is_stopped_does_not_answer() -> None:
    async def check() -> None:
        async with system() as (_broker, client, service):
            await service.stop()
            await service.stop()
            for subject in (ALL, NODE):
                with pytest.raises(NoSubscribers):
                    await call(client, subject, "usage")
            assert not [each for each in asyncio.all_tasks() if "sys.conat" in each.get_name()]

    virtual_time.run(check())


def test_an_unknown_function_is_named() -> None:
    async def check() -> None:
        async with system() as (_broker, client, _service):
            with pytest.raises(RemoteError, match="Error: shutdown not defined"):
                await call(client, NODE, "shutdown")

    virtual_time.run(check())
