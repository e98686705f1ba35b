"""conat-core §2, §3, §8, §9; SPEC B1 to B10, P10. The recorded conversations, replayed."""

import asyncio
import json
import re
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker, BrokerIdentity, refuse
from cocalc_jupyter_ext.conat.broker.decisions import DecisionCache
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.errors import ConatError, LimitExceeded
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.messages import (
    Info,
    Publish,
    Subscribe,
    SubscribeRequest,
    WaitForInterest,
)
from cocalc_jupyter_ext.conat.protocol.socketio import Frame
from cocalc_jupyter_ext.conat.types import ConnectionId, MessageId, User

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, RecordingSink, WireClient
from ...support.vectors import ROUTED, Conversation, load, messages

ACCOUNT = User("account", "a")
PINGS = ("2", "3")


@pytest.mark.parametrize("scenario", ROUTED)
def test_a_recorded_conversation_goes_the_same_way(scenario: str) -> None:
    """Say what the recorded clients said, when they said it; compare all answers.

    conat-core §3.3: publish and subscribe not permitted: 403, told by permission first; invalid
    subject.
    """
    virtual_time.run(replay(load(scenario)))


async def replay(conversation: Conversation) -> None:
    broker = broker_like(conversation)
    clients: dict[int, WireClient] = {}
    for at_ms, step in timeline(conversation, broker, clients):
        await asyncio.sleep(max(0.0, at_ms / 1000 - asyncio.get_running_loop().time()))
        await step()
        await virtual_time.settle()
    await asyncio.sleep(1)
    for number, client in clients.items():
        said = normalized(client.frames)
        assert said == normalized(conversation.of(number, from_client=False))
    await broker.stop()


def broker_like(conversation: Conversation) -> Broker:
    """Return a broker with the options of the recorded server."""
    options = conversation.options
    limits = BrokerLimits(
        max_payload_bytes=options.get("maxPayload", 8_000_000),
        max_subscriptions_per_client=options.get("maxSubscriptionsPerClient", 500),
    )
    authorizer = DenyPrefix(options["deny"][0]["prefix"]) if "deny" in options else None
    turns = cycle([0, 1])
    return Broker(
        authorizer,
        limits=limits,
        clock=asyncio.get_running_loop().time,
        choose=lambda count: next(turns) % count,
    )


def timeline(
    conversation: Conversation, broker: Broker, clients: dict[int, WireClient]
) -> list[tuple[float, Callable[[], Any]]]:
    """Return when each client connects and speaks."""
    connects = [
        (entry["t_ms"], 0, connect_step(conversation, broker, clients, entry))
        for entry in conversation.connections
        if "request" in entry
    ]
    says = [
        (each.t_ms, 1, say_step(clients, each.connection, each.frame))
        for each in conversation.frames
        if each.is_from_client and each.frame not in PINGS
    ]
    leaves = [
        (entry["t_ms"], 2, leave_step(clients, entry["conn"]))
        for entry in conversation.connections
        if entry.get("closed_by") == "client"
    ]
    steps = sorted([*connects, *says, *leaves], key=lambda step: step[:2])
    return [(at_ms, step) for at_ms, _rank, step in steps]


def connect_step(
    conversation: Conversation,
    broker: Broker,
    clients: dict[int, WireClient],
    entry: dict[str, Any],
) -> Callable[[], Any]:
    async def authenticate() -> User | None:
        if "authFail" in conversation.options:
            raise ConatError(conversation.options["authFail"])
        user = conversation.options.get("user")
        return None if user is None else User("account", user["account_id"])

    async def step() -> None:
        clients[entry["conn"]] = WireClient(
            broker,
            authenticate=authenticate,
            max_payload=broker.limits.max_payload_bytes,
        )

    return step


def say_step(clients: dict[int, WireClient], number: int, frame: Frame) -> Callable[[], Any]:
    # The numbers of the server's acknowledgements are its own; ours begin at 0.
    ours = "430[]" if re.fullmatch(r"43\d+\[\]", str(frame)) else frame
    return lambda: clients[number].say(ours)


def leave_step(clients: dict[int, WireClient], number: int) -> Callable[[], Any]:
    async def step() -> None:
        clients[number].session.carrier_closed()

    return step


def normalized(frames: list[Frame]) -> list[tuple[Frame, ...]]:
    """Drop what is random; sort, because the order between answers is no promise."""
    spoken = [each for each in messages(frames) if each[0] not in PINGS]
    return sorted(
        (re.sub(r'"sid":"[^"]*"|^42\d+(?=\["info")', "", str(text)), *attachments)
        for text, *attachments in spoken
    )


def test_an_authorizer_that_looks_empty_is_asked_all_the_same() -> None:
    class Empty(DenyPrefix):
        def __len__(self) -> int:
            return 0

    authorizer = Empty("")

    assert Broker(authorizer).authorizer is authorizer


def test_info_names_the_server_and_the_user() -> None:
    async def check() -> None:
        broker, sink = Broker(identity=BrokerIdentity("node", "cluster")), RecordingSink()
        broker.connect(sink, ACCOUNT)
        await virtual_time.settle()

        assert sink.events == [Info(8_000_000, "node", {"account_id": "a"}, "cluster")]
        await broker.stop()

    virtual_time.run(check())


def test_info_is_repeated_until_it_is_acknowledged_or_two_minutes_have_passed() -> None:
    async def check() -> None:
        broker, sink = Broker(), RecordingSink(acknowledges=False)
        broker.connect(sink, None)
        await asyncio.sleep(7.5 + 5 - 0.1)
        assert len(sink.events) == 1
        await asyncio.sleep(0.2)
        assert len(sink.events) == 2
        await asyncio.sleep(600)
        assert len(sink.events) == 6
        assert sink.closed == []
        await broker.stop()

    virtual_time.run(check())


def test_one_connection_too_many_is_refused_like_a_wrong_password() -> None:
    async def check() -> None:
        broker = Broker(limits=BrokerLimits(max_connections_per_user=1))
        first = broker.connect(RecordingSink(), ACCOUNT)
        sink = RecordingSink()
        with pytest.raises(LimitExceeded) as refusal:
            broker.connect(sink, ACCOUNT)
        await refuse(sink, broker, refusal.value)

        (info,) = sink.events
        assert isinstance(info, Info)
        assert info.user is not None
        assert info.user["code"] == 429
        assert str(info.user["error"]).startswith("Error: there is a per user limit of 1")
        assert [may_return for _reason, may_return in sink.closed] == [False]
        first.close()
        broker.connect(sink, ACCOUNT)
        await broker.stop()

    virtual_time.run(check())


def test_a_refused_client_leaves_nothing_behind() -> None:
    """conat-core §21, Authentication failure: a refused client is disconnected promptly, told the
    reason, and leaves nothing.
    """

    async def check() -> None:
        async def refuse_all() -> User | None:
            raise ConatError("no")

        broker = Broker()
        client = WireClient(broker, authenticate=refuse_all)
        await client.say("40")

        assert not broker.peers
        assert not broker.stats()
        assert not broker.usage().per_user
        assert client.closed is not None
        assert client.frames[-1] == "41"

    virtual_time.run(check())


def test_removing_a_user_ends_all_their_connections_for_good() -> None:
    async def check() -> None:
        broker = Broker()
        sinks = [RecordingSink() for _ in range(3)]
        broker.connect(sinks[0], ACCOUNT)
        broker.connect(sinks[1], ACCOUNT)
        broker.connect(sinks[2], User("account", "b"))

        assert broker.disconnect_user(ACCOUNT) == 2
        assert [sink.closed for sink in sinks] == [[("access was removed", False)]] * 2 + [[]]
        await broker.stop()

    virtual_time.run(check())


def test_g_a_removed_collaborator_is_checked_again_on_all_connections() -> None:
    async def check() -> None:
        members = DenyPrefix("nothing", 1.0)
        broker = Broker(DecisionCache(members, clock=asyncio.get_running_loop().time))
        sinks = [RecordingSink() for _ in range(3)]
        users = [ACCOUNT, ACCOUNT, User("account", "b")]
        peers = [broker.connect(sink, user) for sink, user in zip(sinks, users, strict=True)]
        for peer in peers:
            peer.receive(Subscribe((SubscribeRequest("secret", "q"),)), 0)
        await asyncio.sleep(2)
        members.prefix = "secret"

        assert await broker.recheck(ACCOUNT) == 2
        assert [len(broker.subscriptions(peer.id)) for peer in peers] == [0, 0, 1]
        peers[0].receive(Subscribe((SubscribeRequest("secret", "q"),)), 1)
        await asyncio.sleep(2)
        answer: Any = sinks[0].answers[1]
        assert answer["code"] == 403
        await broker.stop()

    virtual_time.run(check())


def test_connections_are_ended_by_their_ids_for_good() -> None:
    async def check() -> None:
        broker = Broker()
        sinks = [RecordingSink() for _ in range(3)]
        ids = [broker.connect(sink, ACCOUNT).id for sink in sinks]

        assert broker.disconnect([ids[0], ids[0], ConnectionId("unknown"), ids[2]]) == 2
        assert [sink.closed for sink in sinks] == [
            [("disconnected by the server", False)],
            [],
            [("disconnected by the server", False)],
        ]
        assert list(broker.stats()) == [ids[1]]
        await broker.stop()

    virtual_time.run(check())


INBOX = "_INBOX.account-a.tX9.*"


async def listen(broker: Broker, user: User | None) -> tuple[RecordingSink, ConnectionId]:
    """Connect, and subscribe as one client does that has an inbox and listens to ``x``."""
    sink = RecordingSink()
    peer = broker.connect(sink, user)
    requests = (SubscribeRequest("x", "q7"), SubscribeRequest(INBOX, "q8"))
    peer.receive(Subscribe(requests, batch=True), 1)
    await virtual_time.settle()
    assert sink.answers[1] == [{"status": "added"}] * 2
    return sink, peer.id


@pytest.mark.parametrize("user", [ACCOUNT, None])
def test_a_client_that_has_come_back_loses_nothing_to_its_dead_connection(
    user: User | None,
) -> None:
    """SPEC R12. After a sleep or in another network the old connection seems to live for 45 s."""

    async def check() -> None:
        broker = Broker()
        old, _old_id = await listen(broker, user)
        new, new_id = await listen(broker, user)

        assert old.closed == [("the client has a newer connection", True)]
        assert list(broker.peers) == [new_id]
        chunk = Chunk(MessageId("m"), 0, True, 0, b"x")
        for subject in ("x", INBOX.replace("*", "1")) * 10:
            asker = broker.connect(RecordingSink(), None)
            asker.receive(Publish(subject, chunk), 1)
            asker.close()
        assert len(new.deliveries) == 20
        await broker.stop()

    virtual_time.run(check())


def test_nobody_ends_the_connection_of_somebody_else_by_its_inbox() -> None:
    async def check() -> None:
        broker = Broker()
        sinks = [(await listen(broker, user))[0] for user in (ACCOUNT, User("hub", "hub"), None)]

        assert [sink.closed for sink in sinks] == [[], [], []]
        await broker.stop()

    virtual_time.run(check())


def test_statistics_show_each_connection_by_the_id_its_client_knows() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        broker = Broker(wall_clock=lambda: 1_000 + loop.time())
        client = WireClient(broker, address="1.2.3.4")
        await client.say("40")
        await asyncio.sleep(1)
        await client.say('420["subscribe",{"subject":"x","queue":"q"}]')
        await asyncio.sleep(1)
        await client.say('42["stats",{"recv0":{"messages":3,"bytes":4}}]')
        sid = json.loads(str(client.frames[1])[2:])["sid"]
        peer = broker.connect(RecordingSink(), ACCOUNT)

        shown = broker.stats()
        assert set(shown) == {sid, peer.id}
        assert shown[sid].to_wire() == {
            "user": None,
            "send": {"messages": 0, "bytes": 0},
            "recv": {"messages": 3, "bytes": 4},
            "subs": 1,
            "connected": 1_000_000,
            "active": 1_001_000,
            "address": "1.2.3.4",
        }
        assert broker.usage().per_user == {None: 1, ACCOUNT: 1}
        await broker.stop()
        assert not broker.stats()
        assert not broker.usage().per_user

    virtual_time.run(check())


def test_stopping_answers_waits_with_false_and_lets_clients_come_back() -> None:
    """conat-core §21, Cluster: server-side waits for interest can be aborted, with the answer
    false.
    """

    async def check() -> None:
        broker, sink = Broker(), RecordingSink()
        peer = broker.connect(sink, None)
        peer.receive(WaitForInterest("x"), 7)
        await virtual_time.settle()
        await broker.stop()
        await broker.stop()

        assert sink.answers == {7: False}
        assert sink.closed == [("server shutting down", True)]
        with pytest.raises(LimitExceeded, match="shutting down"):
            broker.connect(sink, None)

    virtual_time.run(check())
