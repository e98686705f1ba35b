"""conat-core §3, §8.1, §9; SPEC B3 to B7, B11 to B13, L3, L4."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker, BrokerIdentity
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.broker.peer import Peer
from cocalc_jupyter_ext.conat.errors import EventError
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.messages import (
    ClientEvent,
    Cluster,
    PermissionNotice,
    Publish,
    ReportStats,
    ServerEvent,
    Subscribe,
    SubscribeRequest,
    Subscriptions,
    Unsubscribe,
    WaitForInterest,
)
from cocalc_jupyter_ext.conat.types import JsonValue, MessageId, Subject, User

from ...support import virtual_time
from ...support.conat_peers import DenyPrefix, RecordingSink

HUB = User("hub", "hub")


def chunk(raw: bytes = b"x") -> Chunk:
    return Chunk(MessageId("m"), 0, True, 0, raw)


def subscribe(*subjects: str, batch: bool = False) -> Subscribe:
    return Subscribe(tuple(SubscribeRequest(each, "q") for each in subjects), batch)


async def tell(peer: Peer, *events: ClientEvent, first_ack_id: int = 0) -> None:
    """Give events in one burst, numbered, then let everything happen."""
    for number, event in enumerate(events, first_ack_id):
        hold = peer.receive(event, number)
        if hold is not None:
            await hold
    await virtual_time.settle()


def world(authorizer: Any = None, **limits: int) -> tuple[Broker, Peer, RecordingSink]:
    broker, sink = Broker(authorizer, limits=BrokerLimits(**limits)), RecordingSink()
    return broker, broker.connect(sink, None), sink


def test_a_publish_right_behind_a_subscribe_is_routed_before_it() -> None:
    """conat-core §20: a publish right behind an unconfirmed subscribe is not seen by it."""

    async def check() -> None:
        broker, peer, sink = world()
        await tell(peer, subscribe("x"), Publish("x", chunk(b"early")))
        await tell(peer, Publish("x", chunk(b"late")), first_ack_id=2)

        assert sink.answers == {0: {"status": "added"}, 1: {"count": 0}, 2: {"count": 1}}
        assert sink.deliveries == [("x", b"late")]
        await broker.stop()

    virtual_time.run(check())


def test_a_subscription_is_effective_for_others_before_it_is_confirmed() -> None:
    """§3.4: who hears of the confirmation and publishes elsewhere is heard."""

    class PublishesAtOnce(RecordingSink):
        other: Peer

        def acknowledge(self, ack_id: int, value: Any) -> None:
            super().acknowledge(ack_id, value)
            self.other.receive(Publish("x", chunk(b"at once")), 0)

    async def check() -> None:
        broker, sink, other_sink = Broker(), PublishesAtOnce(), RecordingSink()
        peer, sink.other = broker.connect(sink, None), broker.connect(other_sink, None)
        await tell(peer, subscribe("x"))

        assert other_sink.answers == {0: {"count": 1}}
        assert sink.deliveries == [("x", b"at once")]
        await broker.stop()

    virtual_time.run(check())


def test_a_wait_for_interest_does_not_block_what_comes_behind_it() -> None:
    async def check() -> None:
        broker, peer, sink = world()
        await tell(peer, WaitForInterest("x"), Publish("y", chunk()), Subscriptions())

        assert sink.answers == {1: {"count": 0}, 2: []}
        await broker.stop()

    virtual_time.run(check())


def test_control_events_keep_their_order() -> None:
    async def check() -> None:
        broker, peer, sink = world()
        await tell(peer, subscribe("x"), Subscriptions(), Unsubscribe(("x",)), Subscriptions())

        assert sink.answers == {0: {"status": "added"}, 1: ["x"], 2: None, 3: []}
        await broker.stop()

    virtual_time.run(check())


def test_a_failed_entry_of_a_batch_does_not_stop_the_others() -> None:
    async def check() -> None:
        broker, peer, sink = world(max_subscriptions_per_client=1)
        await tell(peer, subscribe("a..b", "info", "ok", "ok", "more", batch=True))
        results: Any = sink.answers[0]

        assert results[0] == {"error": "Error: invalid subject"}
        assert "reserved name" in results[1]["error"]
        assert results[2:4] == [{"status": "added"}, {"status": "already-added"}]
        assert results[4]["code"] == 429
        await broker.stop()

    virtual_time.run(check())


class InOrder(RecordingSink):
    """Keeps notices and answers in one list."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str | int] = []

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        super().send(event, on_ack)
        if isinstance(event, PermissionNotice):
            self.heard.append(event.operation)

    def acknowledge(self, ack_id: int, value: JsonValue) -> None:
        super().acknowledge(ack_id, value)
        self.heard.append(ack_id)


@pytest.mark.parametrize("delay_s", [None, 3.0])
def test_what_is_denied_is_told_before_it_is_answered(delay_s: float | None) -> None:
    """conat-core §3.3: publish and subscribe not permitted: 403, told by permission first."""

    async def check() -> None:
        broker, sink = Broker(DenyPrefix("secret", delay_s)), InOrder()
        peer = broker.connect(sink, None)
        await tell(peer, Publish("secret", chunk()), subscribe("secret.>"))
        await asyncio.sleep(5)
        notices = [each for each in sink.events if isinstance(each, PermissionNotice)]

        assert sink.heard == ["pub", 0, "sub", 1]
        message = "permission denied publishing to 'secret' from null"
        assert notices[0] == PermissionNotice(message, "secret", "pub")
        assert (notices[1].subject, notices[1].operation) == ("secret.>", "sub")
        assert sink.answers[0] == {"error": f"Error: {message}", "code": 403}
        await broker.stop()

    virtual_time.run(check())


def test_publishes_stay_in_order_while_permissions_are_looked_up() -> None:
    async def check() -> None:
        broker, peer, sink = world(DenyPrefix("secret", 1.0))
        await tell(peer, subscribe("x"))
        await asyncio.sleep(2)
        await tell(peer, *(Publish("x", chunk(bytes([number]))) for number in range(5)))

        assert [raw for _pattern, raw in sink.deliveries] == [bytes([each]) for each in range(5)]
        await broker.stop()

    virtual_time.run(check())


def test_a_slow_permission_check_of_a_subscribe_does_not_block_publishes() -> None:
    class SlowSubscribe:
        def allows(self, user: User | None, subject: str, operation: str) -> Any:
            return True if operation == "pub" else asyncio.sleep(60, result=True)

    async def check() -> None:
        broker, peer, sink = world(SlowSubscribe())
        await tell(peer, subscribe("x"), Publish("y", chunk()))

        assert sink.answers == {1: {"count": 0}}
        await broker.stop()

    virtual_time.run(check())


def test_a_failing_permission_check_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def allows(self, user: User | None, subject: str, operation: str) -> bool:
            raise RuntimeError("the database is gone")

    async def check() -> None:
        broker, peer, sink = world(Broken())
        await tell(peer, Publish("x", chunk()))

        assert sink.closed == [("internal error", True)]
        await broker.stop()

    with caplog.at_level(logging.ERROR):
        virtual_time.run(check())
    assert "the database is gone" in caplog.text


def test_a_flood_of_subscribes_is_held_back() -> None:
    async def check() -> None:
        broker, peer, sink = world(max_pending_control_events=2)
        events = [subscribe(f"s{number}") for number in range(5)]
        held = [peer.receive(event, number) for number, event in enumerate(events)]

        assert [hold is None for hold in held] == [True, True, False, False, False]
        for hold in held:
            if hold is not None:
                await hold
        await virtual_time.settle()
        assert sorted(sink.answers) == [0, 1, 2, 3, 4]
        await broker.stop()

    virtual_time.run(check())


@pytest.mark.parametrize(
    "event", [subscribe("a", "b", "c", batch=True), Unsubscribe(("a", "b", "c"), batch=True)]
)
def test_a_batch_is_bounded(event: ClientEvent) -> None:
    async def check() -> None:
        broker, peer, sink = world(max_batch=2)
        await tell(peer, event)

        assert sink.answers == {0: {"error": "Error: at most 2 subscriptions fit into one event"}}
        await broker.stop()

    virtual_time.run(check())


def test_a_wait_for_interest_ends_with_the_subscription_or_the_time() -> None:
    """conat-core §3.3: the wait timed out."""

    async def check() -> None:
        broker, peer, sink = world()
        await tell(
            peer,
            WaitForInterest("now", 0),
            WaitForInterest("never", 5_000),
            WaitForInterest("soon", 5_000),
            WaitForInterest("a..b", 5_000),
        )
        assert sink.answers == {0: False, 3: {"error": "invalid subject"}}
        await tell(peer, subscribe("soon"), first_ack_id=10)
        assert sink.answers[2] is True
        await asyncio.sleep(6)
        assert sink.answers[1] == {"error": "Error: timeout"}
        await broker.stop()

    virtual_time.run(check())


def test_waits_for_interest_are_bounded_in_number() -> None:
    async def check() -> None:
        broker, peer, sink = world(max_interest_waits_per_client=1)
        await tell(peer, WaitForInterest("x"), WaitForInterest("y"))
        refusal: Any = sink.answers[1]

        assert refusal["code"] == 429
        await tell(peer, subscribe("x"), first_ack_id=5)
        await tell(peer, WaitForInterest("y"), first_ack_id=6)
        assert sorted(sink.answers) == [0, 1, 5]
        await broker.stop()

    virtual_time.run(check())


def test_a_million_subscriptions_are_answered_and_not_kept() -> None:
    async def check() -> None:
        broker, sink = Broker(), RecordingSink()
        peer = broker.connect(sink, HUB)
        for batch in range(50):
            names = [f"s.{batch}.{number}" for number in range(20_000)]
            await tell(peer, subscribe(*names, batch=True), first_ack_id=batch)
            while batch not in sink.answers:
                await asyncio.sleep(0)
            results: Any = sink.answers[batch]
            sink.answers[batch] = sum("status" in result for result in results)
            assert len(results) == 20_000
            assert results[-1]["code"] == 429

        assert [sink.answers[batch] for batch in range(50)] == [15_000] + [0] * 49
        assert broker.stats()[peer.id].subscriptions == 15_000
        await broker.stop()

    virtual_time.run(check())


def test_a_large_batch_lets_others_be_served_in_between() -> None:
    async def check() -> None:
        broker, sink, other_sink = Broker(), RecordingSink(), RecordingSink()
        peer, other = broker.connect(sink, HUB), broker.connect(other_sink, None)
        peer.receive(subscribe(*(f"s{number}" for number in range(10_000)), batch=True), 0)
        await tell(other, Subscriptions())

        assert other_sink.answers == {0: []}
        assert sink.answers == {}
        await broker.stop()

    virtual_time.run(check())


def test_all_waits_together_are_bounded() -> None:
    async def check() -> None:
        broker, peer, sink = world(max_interest_waits=2)
        await tell(peer, WaitForInterest("a"), WaitForInterest("b"), WaitForInterest("c"))

        assert sink.answers == {
            2: {"error": "the server has 2 waits for interest; try again later", "code": 429}
        }
        await tell(peer, subscribe("a"), first_ack_id=3)
        await tell(peer, WaitForInterest("c"), first_ack_id=4)
        assert sorted(sink.answers) == [0, 2, 3]
        await broker.stop()

    virtual_time.run(check())


@pytest.mark.parametrize("timeout_ms", [10**9, 1e308, 10**300])
def test_a_wait_for_interest_lasts_at_most_90_seconds(timeout_ms: float) -> None:
    """conat-core §20: a wait is always answered."""

    async def check() -> None:
        broker, peer, sink = world()
        await tell(peer, WaitForInterest("x", timeout_ms))
        await asyncio.sleep(89)
        assert sink.answers == {}
        await asyncio.sleep(2)
        assert sink.answers == {0: {"error": "Error: timeout"}}
        await broker.stop()

    virtual_time.run(check())


def test_a_denied_wait_is_answered_once_and_without_prefix() -> None:
    """conat-core §3.3: waiting not permitted: 403 without prefix, answered once."""

    async def check() -> None:
        broker, peer, sink = world(DenyPrefix("secret"))
        await tell(peer, WaitForInterest("secret"))
        text = "permission denied waiting for interest in 'secret' from null"

        assert sink.answers == {0: {"error": text, "code": 403}}
        await broker.stop()

    virtual_time.run(check())


def test_addresses_and_statistics() -> None:
    async def check() -> None:
        sink = RecordingSink()
        broker = Broker(identity=BrokerIdentity(addresses=("http://a",)))
        peer = broker.connect(sink, HUB)
        await tell(peer, Cluster(), ReportStats(3, 4), subscribe("x"), Publish("x", chunk()))
        await tell(peer, Publish("x", chunk(b"abc")), first_ack_id=9)

        assert sink.answers[0] == ["http://a"]
        assert 1 not in sink.answers
        assert (peer.stats.received.messages, peer.stats.received.bytes) == (3, 4)
        assert (peer.stats.sent.messages, peer.stats.sent.bytes) == (1, 3)
        await broker.stop()

    virtual_time.run(check())


def test_events_that_make_no_sense_are_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        broker, peer, sink = world()
        peer.reject(3, EventError("what?\n\ud800"))
        peer.reject(4, EventError("what?"))
        peer.reject(None, EventError("nobody asked"))

        assert sink.answers == {3: {"error": "Error: what?\n\ud800"}, 4: {"error": "Error: what?"}}
        await broker.stop()

    virtual_time.run(check())
    (record,) = caplog.records
    assert record.getMessage().endswith(r"sent what is refused: 'what?\n\ud800'")


@pytest.mark.parametrize("delay_s", [None, 1.0])
def test_g_subscriptions_end_with_the_right_to_them(delay_s: float | None) -> None:
    async def check() -> None:
        authorizer = DenyPrefix("nothing", delay_s)
        broker, peer, sink = world(authorizer)
        other_sink = RecordingSink()
        other = broker.connect(other_sink, HUB)
        await tell(peer, subscribe("secret.>", "open", batch=True))
        await asyncio.sleep(5)
        authorizer.prefix = "secret"
        await tell(other, subscribe("secret.x"))
        assert await peer.recheck() == 1
        broker.publish(other.id, Publish("secret.a", chunk()), Subject("secret.a"))
        broker.publish(other.id, Publish("open", chunk()), Subject("open"))

        assert [pattern for pattern, _raw in sink.deliveries] == ["open"]
        assert sink.events[1] == PermissionNotice(
            "permission denied subscribing to 'secret.>' from null", "secret.>", "sub"
        )
        assert await peer.recheck() == 0
        await broker.stop()

    virtual_time.run(check())


def test_g_a_subscribe_that_was_under_way_is_checked_too() -> None:
    async def check() -> None:
        authorizer = DenyPrefix("nothing", 10.0)
        broker, peer, sink = world(authorizer)
        await tell(peer, subscribe("secret"))
        await asyncio.sleep(5)
        authorizer.prefix = "secret"

        assert await peer.recheck() == 1
        assert sink.answers == {0: {"status": "added"}}
        assert broker.subscriptions(peer.id) == {}
        await broker.stop()

    virtual_time.run(check())


def test_g_who_cannot_be_checked_keeps_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        authorizer = DenyPrefix("nothing")
        broker, peer, sink = world(authorizer)
        await tell(peer, subscribe("secret"))
        authorizer.allows = None  # type: ignore[assignment, method-assign]  # as if it were broken

        assert await peer.recheck() == 0
        assert sink.closed == [("internal error", True)]
        assert broker.peers == {}
        await broker.stop()

    virtual_time.run(check())
    assert "could not be checked again" in caplog.text


def test_a_closed_peer_neither_takes_nor_answers() -> None:
    async def check() -> None:
        broker, peer, sink = world()
        await tell(peer, WaitForInterest("x"), subscribe("x"))
        peer.close()
        peer.close()
        await tell(peer, Publish("x", chunk()), first_ack_id=5)
        await peer.wait_closed()

        assert 5 not in sink.answers
        assert len(sink.closed) == 1
        await broker.stop()

    virtual_time.run(check())


def test_a_subject_has_a_greatest_length() -> None:
    async def check() -> None:
        broker, peer, sink = world(max_subject_length=5)
        await tell(peer, Publish("x" * 6, chunk()), subscribe("x" * 6))
        expected = {"error": "Error: a subject may have at most 5 characters"}

        assert sink.answers == {0: expected, 1: expected}
        await broker.stop()

    virtual_time.run(check())
