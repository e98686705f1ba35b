"""conat-core §7, §8, §9; SPEC R1 to R9. Events in, effects out; no sockets, no clock."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.broker.router import (
    Deliver,
    Effect,
    InterestFound,
    Joined,
    Left,
    Published,
    RouterEvent,
    Subscribed,
    Superseded,
    Unsubscribed,
    WaitAbandoned,
    WaitStarted,
    apply,
    has_interest,
)
from cocalc_jupyter_ext.conat.broker.state import BrokerState
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.types import (
    ConnectionId,
    MessageId,
    Pattern,
    QueueGroup,
    Subject,
)

A, B, C = (ConnectionId(name) for name in "abc")


class World:
    """A router whose random choices are made in turn."""

    def __init__(self, *connections: ConnectionId) -> None:
        self.state = BrokerState()
        self.chosen = 0
        for connection in connections:
            self.apply(Joined(connection))

    def apply(self, event: RouterEvent) -> list[Effect]:
        return apply(self.state, event, self._choose)

    def subscribe(self, connection: ConnectionId, pattern: str, queue: str) -> list[Effect]:
        return self.apply(Subscribed(connection, Pattern(pattern), QueueGroup(queue)))

    def publish(
        self, subject: str, *, seq: int = 0, done: bool = True, message: str = "m", now_s: float = 0
    ) -> list[tuple[str, str, bool]]:
        chunk = Chunk(MessageId(message), seq, done, 0, b"x")
        effects = self.apply(Published(A, Subject(subject), chunk, now_s))
        assert all(isinstance(effect, Deliver) for effect in effects)
        return [
            (each.to, each.delivery.pattern, each.counts)
            for each in effects
            if isinstance(each, Deliver)
        ]

    def _choose(self, count: int) -> int:
        self.chosen += 1
        return (self.chosen - 1) % count


def test_a_message_reaches_one_member_of_each_queue_group_of_each_pattern() -> None:
    """conat-core §21, Publish and subscribe: one queue group shares, different ones all receive."""
    world = World(A, B, C)
    world.subscribe(A, "x.y", "q")
    world.subscribe(B, "x.y", "q")
    world.subscribe(C, "x.y", "other")
    world.subscribe(C, "x.*", "q")

    assert world.publish("x.y") == [(C, "x.*", True), (A, "x.y", True), (C, "x.y", True)]
    assert (B, "x.y", True) in world.publish("x.y")


def test_nobody_is_reached_without_a_subscription() -> None:
    assert World(A).publish("x") == []


def test_a_publisher_receives_its_own_message() -> None:
    world = World(A)
    world.subscribe(A, "x", "q")

    assert world.publish("x") == [(A, "x", True)]


def test_a_tap_receives_and_is_not_counted() -> None:
    world = World(A, B)
    world.subscribe(B, ">", "q")

    assert world.publish("x") == [(B, ">", False)]


def test_subscribing_twice_changes_nothing() -> None:
    world = World(A)
    world.subscribe(A, "x", "q")
    world.subscribe(A, "x", "other")

    assert world.state.subscriptions[A] == {"x": "q"}
    assert world.publish("x") == [(A, "x", True)]


def test_an_inbox_on_a_newer_connection_tells_which_one_is_left_behind() -> None:
    """SPEC R12: an inbox and its queue group are random ids of one client (conat-core §10.1)."""
    world = World(A, B, C)
    world.subscribe(A, "_INBOX.account-x.id.*", "random")
    world.subscribe(A, "x", "q")
    world.subscribe(C, "_INBOX.account-x.id.*", "another")

    assert world.subscribe(B, "_INBOX.account-x.id.*", "random") == [Superseded(A, by=B)]
    assert world.subscribe(B, "_INBOX.account-x.id.*", "random") == []
    assert world.subscribe(B, "x", "q") == []


def test_all_chunks_of_a_message_reach_the_same_member() -> None:
    """conat-core §20: all chunks go to one queue member."""
    world = World(A, B, C)
    for connection in (A, B, C):
        world.subscribe(connection, "x", "q")
    receivers = [world.publish("x", seq=seq, done=seq == 4) for seq in range(5)]

    assert len({receiver[0] for (receiver,) in receivers}) == 1
    assert world.state.assignments == {}


def test_chunks_of_different_messages_do_not_share_a_member() -> None:
    world = World(A, B)
    world.subscribe(A, "x", "q")
    world.subscribe(B, "x", "q")
    first = world.publish("x", done=False, message="1")
    second = world.publish("x", done=False, message="2")

    assert first != second
    assert world.publish("x", seq=1, message="1") == first
    assert world.publish("x", seq=1, message="2") == second


def test_a_member_that_joins_in_the_middle_of_a_message_gets_none_of_it() -> None:
    world = World(A, B)
    world.subscribe(A, "x", "q")
    world.publish("x", done=False)
    world.subscribe(B, "x", "q")

    assert world.publish("x", seq=1) == [(A, "x", True)]


def test_another_member_takes_over_from_one_that_left() -> None:
    world = World(A, B)
    world.subscribe(A, "x", "q")
    world.subscribe(B, "x", "q")
    (first,) = world.publish("x", done=False)
    world.apply(Left(first[0] if first[0] == A else B))  # type: ignore[arg-type]  # a connection

    assert world.publish("x", seq=1) != [first]


def test_assignments_expire_after_two_minutes() -> None:
    world = World(A, B)
    world.subscribe(A, "x", "q")
    world.subscribe(B, "x", "q")
    world.publish("x", done=False, message="old", now_s=0)
    world.publish("x", done=False, message="new", now_s=120)

    assert [key[-1] for key in world.state.assignments] == ["new"]


def test_assignments_are_bounded_in_number() -> None:
    world = World(A, B)
    world.subscribe(A, "x", "q")
    world.subscribe(B, "x", "q")
    for number in range(10_001):
        world.publish("x", done=False, message=str(number))

    assert len(world.state.assignments) == 10_000


def test_everything_of_a_connection_vanishes_with_it() -> None:
    world = World(A, B)
    world.subscribe(B, "x.>", "q")
    world.apply(WaitStarted(1, B, Subject("late")))
    world.apply(Left(B))

    assert world.publish("x.y") == []
    assert not has_interest(world.state, Subject("x.y"))
    assert B not in world.state.subscriptions
    assert len(world.state.waiters) == 0


def test_a_removed_prefix_is_of_no_interest() -> None:
    """conat-core §20: a stale prefix is no interest."""
    world = World(A)
    world.subscribe(A, "a", "q")
    world.subscribe(A, "a.b", "q")
    world.apply(Unsubscribed(A, Pattern("a")))

    assert not has_interest(world.state, Subject("a"))
    assert has_interest(world.state, Subject("a.b"))


def test_unknown_subscriptions_and_connections_are_ignored() -> None:
    world = World(A)

    assert world.apply(Unsubscribed(A, Pattern("x"))) == []
    assert world.apply(Left(B)) == []
    assert world.subscribe(B, "x", "q") == []
    assert world.publish("x") == []


def test_a_waiter_is_told_as_soon_as_somebody_subscribes() -> None:
    world = World(A, B)

    assert world.apply(WaitStarted(1, A, Subject("x.y"))) == []
    assert world.subscribe(B, "z", "q") == []
    assert world.subscribe(B, "x.*", "q") == [InterestFound(1)]
    assert world.subscribe(B, "x.y", "q") == []


def test_a_waiter_is_told_at_once_when_there_is_interest() -> None:
    world = World(A)
    world.subscribe(A, "x", "q")

    assert world.apply(WaitStarted(1, A, Subject("x"))) == [InterestFound(1)]


def test_a_tap_is_no_interest() -> None:
    """conat-core §20: the tap is no interest."""
    world = World(A)
    world.subscribe(A, ">", "q")

    assert world.apply(WaitStarted(1, A, Subject("x"))) == []
    world.apply(Unsubscribed(A, Pattern(">")))
    assert world.subscribe(A, ">", "q") == []


def test_an_abandoned_wait_is_not_answered() -> None:
    world = World(A)
    world.apply(WaitStarted(1, A, Subject("x")))
    world.apply(WaitAbandoned(1))

    assert world.subscribe(A, "x", "q") == []


connections = st.sampled_from([A, B, C])
patterns = st.sampled_from([Pattern(text) for text in ("a", "a.b", "a.*", "a.>", ">", "*")])
queues = st.sampled_from([QueueGroup("q"), QueueGroup("r")])
events = st.one_of(
    st.builds(Joined, connections),
    st.builds(Left, connections),
    st.builds(Subscribed, connections, patterns, queues),
    st.builds(Unsubscribed, connections, patterns),
)


@given(st.lists(events, max_size=40))
def test_routes_and_subscriptions_say_the_same(history: list[RouterEvent]) -> None:
    world = World(A)
    for event in history:
        if not (isinstance(event, Joined) and event.connection in world.state.subscriptions):
            world.apply(event)
    state = world.state

    expected = {
        (pattern, queue, connection)
        for connection, own in state.subscriptions.items()
        for pattern, queue in own.items()
    }
    actual = [
        (pattern, queue, member)
        for pattern in {pattern for pattern, _queue, _connection in expected}
        for queue, members in (state.routes.get(pattern) or {}).items()
        for member in members
    ]
    assert sorted(actual) == sorted(expected)
    assert len(state.routes) == len({pattern for pattern, _queue, _connection in expected})
