"""Design §5: the holes of the original, each shown to be closed from where it would be used.

(a), (b), (c), (e) and (h) are here; (f) is in ``authentication/test_checks.py``, because a
clock cannot show it; (g) is here and, with its races, in ``broker/test_decisions.py`` and
``broker/test_peer.py``.
"""

import asyncio
from typing import Any

import pytest
import websockets

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.decisions import DecisionCache
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.broker.permissions import IfCollaborator, Verdict, policy
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Subscription
from cocalc_jupyter_ext.conat.errors import PermissionDenied, RemoteError
from cocalc_jupyter_ext.conat.services.clock import time_service
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport, socket_url
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointSettings
from cocalc_jupyter_ext.conat.types import Operation, ProjectId, User
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher
from cocalc_jupyter_ext.server.authorizer import ProjectAuthorizer

from ..support import virtual_time
from ..support.conat_peers import WireClient, clients
from ..support.conat_server import serve

A = User("account", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
B = User("account", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
P = ProjectId("cccccccc-cccc-4ccc-8ccc-cccccccccccc")
HUB = User("hub", "hub")
PLACEHOLDER = '{"_placeholder":true,"num":0}'


@pytest.mark.parametrize("targets", ['["{sid}"]', '{{"x":["{sid}"]}}', '"{sid}"', "[[0]]"])
def test_a_receivers_that_a_client_names_are_not_looked_at(targets: str) -> None:
    """conat-core §20: targets are ignored."""

    async def check() -> None:
        broker = Broker()
        attacker, victim, reader = (WireClient(broker) for _ in range(3))
        for client in (attacker, victim, reader):
            await client.say("40")
        await reader.say('420["subscribe",{"subject":"x","queue":"q"}]')
        await virtual_time.settle()
        before = len(victim.frames)
        named = targets.format(sid=list(broker.peers)[1])
        await attacker.say(f'451-0["publish",["x","m",0,1,0,{PLACEHOLDER},null,{named}]]')
        await attacker.say(b"\xc0")

        assert len(victim.frames) == before
        assert attacker.frames[-1] == '430[{"count":1}]'
        assert reader.frames[-2:] == [
            f'451-["x",{{"subject":"x","data":["m",0,1,0,{PLACEHOLDER}]}}]',
            b"\xc0",
        ]
        await broker.stop()

    virtual_time.run(check())


@pytest.mark.parametrize(
    "pattern", [f"_INBOX.project-{P}.x.*", f"*.project-{P}.>", "_INBOX.>", "_INBOX.*.x.*", ">"]
)
def test_b_a_collaborator_does_not_read_the_inbox_of_the_project(pattern: str) -> None:
    async def check() -> None:
        project = User("project", P)
        async with clients(Broker(ProjectAuthorizer(P)), A, project) as (member, owner):
            await owner.subscribe(f"_INBOX.project-{P}.x.*")
            await owner.subscribe(f"*.project-{P}.>")
            with pytest.raises((PermissionDenied, RemoteError), match="permission denied"):
                await member.subscribe(pattern)

    virtual_time.run(check())


async def test_c_who_asks_is_not_what_the_request_says() -> None:
    """A request has a name and arguments; an identity beside them reaches no function."""
    seen: list[tuple[Any, ...]] = []

    async def function(*args: Any) -> None:
        seen.append(args)

    async def strict() -> str:
        return "done"

    dispatch = Dispatcher({"any": function, "strict": strict}, frozenset())
    identity = {"account_id": "somebody else", "project_id": "another"}
    await dispatch({"name": "any", "args": [1], **identity})

    assert seen == [(1,)]
    assert await dispatch({"name": "strict", "args": [identity]}) == "done"
    with pytest.raises(ApiError, match="must be an array"):
        await dispatch({"name": "any", "args": identity})
    assert seen == [(1,)]


async def test_e_who_does_not_read_is_disconnected_and_others_miss_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = EndpointSettings(max_write_buffer_bytes=1_000_000)
    broker = Broker()
    async with (
        serve(broker, settings) as address,
        Client(TornadoTransport(address)) as publisher,
        Client(TornadoTransport(address)) as reader,
        websockets.connect(socket_url(address), max_queue=1, close_timeout=0.1) as slow,
        asyncio.timeout(60),
    ):
        heard = await reader.subscribe("x")
        for said in ("40", '420["subscribe",{"subject":"x","queue":"q"}]'):
            await slow.send(said)
        await publisher.wait_for_interest("x")
        published = 0
        while len(broker.peers) > 2 or published == 0:
            await publisher.publish("x", bytes(400_000))
            published += 1
            assert len((await anext(heard)).data) == 400_000
            assert published < 1_000

        assert (await publisher.publish("x", "last")).count == 1
        assert (await anext(heard)).data == "last"
    assert "left more than 1000000 bytes unread" in caplog.text


class Collaborators:
    """The members of projects, in a database that takes its time."""

    def __init__(self, *members: User) -> None:
        self.members = set(members)

    def allows(self, user: User | None, subject: str, operation: Operation) -> Any:
        match policy(user, subject, operation):
            case Verdict() as verdict:
                return verdict is Verdict.ALLOW
            case IfCollaborator():
                return self._is_member(user)
            case _:
                return False

    async def _is_member(self, user: User | None) -> bool:
        await asyncio.sleep(0.1)
        return user in self.members


def test_g_a_removed_collaborator_hears_and_says_nothing_more() -> None:
    async def check() -> None:
        collaborators = Collaborators(A)
        broker = Broker(DecisionCache(collaborators, clock=asyncio.get_running_loop().time))
        async with clients(broker, A, HUB) as (member, hub):
            heard = await member.subscribe(f"project.{P}.news")
            assert (await hub.publish(f"project.{P}.news", 1)).count == 1
            assert (await anext(heard)).data == 1
            await member.publish(f"project.{P}.0.api.-", "a word")
            collaborators.members.clear()

            assert await broker.recheck(A) == 1
            assert (await hub.publish(f"project.{P}.news", 2)).count == 0
            with pytest.raises((PermissionDenied, RemoteError), match="permission denied"):
                await member.publish(f"project.{P}.0.api.-", "a word")
            with pytest.raises((PermissionDenied, RemoteError), match="permission denied"):
                await member.subscribe(f"project.{P}.other")

    virtual_time.run(check())


async def test_h_all_chunks_of_a_message_reach_the_same_member() -> None:
    messages = [bytes([number]) * 20_000 for number in range(40)]
    broker = Broker(limits=BrokerLimits(max_payload_bytes=102_000))
    async with (
        serve(broker) as address,
        Client(TornadoTransport(address)) as publisher,
        Client(TornadoTransport(address)) as one,
        Client(TornadoTransport(address)) as two,
        asyncio.timeout(30),
        asyncio.TaskGroup() as tasks,
    ):
        received: asyncio.Queue[tuple[Client, bytes]] = asyncio.Queue()
        members = [await client.subscribe("big", queue="q") for client in (one, two)]
        for client, member in zip((one, two), members, strict=True):
            tasks.create_task(collect(client, member, received))
        for message in messages:
            assert (await publisher.publish("big", message)).count == 1
        got = [await received.get() for _ in messages]

        assert sorted(data for _member, data in got) == messages
        assert {client for client, _data in got} == {one, two}
        for member in members:
            member.close()


@pytest.mark.parametrize("subject", [f"account.{B.id}.news", f"hub.account.{B.id}.api", "x"])
def test_nobody_makes_a_service_speak_where_they_may_not(subject: str) -> None:
    """conat-core §10.1: replies go to inboxes. A service of the hub may publish everywhere."""

    async def check() -> None:
        async with (
            clients(Broker(ProjectAuthorizer(P)), A, B, HUB) as (attacker, victim, hub),
            time_service(hub),
        ):
            told = [await hub.subscribe(subject)]
            if subject.startswith("account."):
                told.append(await victim.subscribe(subject))
            clock = f"time.account-{A.id}.api"
            ask = {"name": "time", "args": []}
            with pytest.raises((PermissionDenied, RemoteError), match="permission denied"):
                await attacker.publish(subject, ask)
            await attacker.publish(clock, ask, headers={"CN-Reply": subject})

            assert (await attacker.request(clock, ask)).data > 0  # what came before is answered
            await hub.publish(subject, "later")
            assert [(await anext(each)).data for each in told] == ["later"] * len(told)

    virtual_time.run(check())


async def collect(
    client: Client, member: Subscription, received: asyncio.Queue[tuple[Client, bytes]]
) -> None:
    """Put what a member of the queue group receives into the queue."""
    async for message in member:
        received.put_nowait((client, message.data))
