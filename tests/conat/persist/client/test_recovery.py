"""What readers get when a connection comes and goes (conat-sync §1.10)."""

from itertools import islice

from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.client.recovery import (
    MAX_QUEUED,
    STABLE_S,
    ReconnectDelays,
    Timeline,
    recovery_delays,
)
from cocalc_jupyter_ext.conat.persist.messages import (
    Deleted,
    Inventory,
    Stored,
    StoredMessage,
    Update,
)


def stored(seq: int) -> StoredMessage:
    return StoredMessage(seq=seq, time_ms=1, raw=b"\xc0")


def update(seq: int) -> Update:
    return Stored(stored(seq))


def inventory(count: int, seq: int) -> Inventory:
    return Inventory(bytes=0, count=count, seq=seq)


def test_the_waits_grow_are_capped_and_are_never_below_the_first() -> None:
    delays = ReconnectDelays(lambda: 0.5)

    assert [round(delays.next_s(), 3) for _ in range(7)] == [
        1.5, 2.7, 4.86, 8.748, 15.746, 28.344, 30.0
    ]  # fmt: skip


def test_the_waits_are_spread_by_a_quarter() -> None:
    assert ReconnectDelays(lambda: 0.0).next_s() == 1.5
    assert ReconnectDelays(lambda: 1.0).next_s() == 1.5 * 1.25


def test_a_socket_that_was_ready_for_a_minute_makes_the_next_wait_short() -> None:
    delays = ReconnectDelays(lambda: 0.5)
    delays.next_s()
    assert delays.next_s(STABLE_S - 1) > 1.5

    assert delays.next_s(STABLE_S) == 1.5


def test_the_waits_stay_finite_for_ever() -> None:
    delays = ReconnectDelays(lambda: 0.5)

    assert [delays.next_s() for _ in range(5000)][-1] == 30.0


def test_the_waits_between_attempts_to_fetch() -> None:
    assert [round(each, 2) for each in islice(recovery_delays(), 4)] == [2.7, 4.86, 8.75, 15.75]


def test_changes_are_given_as_they_come() -> None:
    timeline = Timeline()
    timeline.start(inventory(0, 0))

    assert timeline.take([update(1), Deleted([1])]) == [[update(1), Deleted([1])]]
    assert timeline.take([]) == []


def test_what_was_there_at_the_start_is_not_fetched_again() -> None:
    timeline = Timeline()

    assert timeline.start_seq is None
    timeline.start(inventory(3, 7))

    assert timeline.start_seq == 8


def test_missed_messages_come_first_and_what_came_twice_comes_once() -> None:
    """conat-sync §8.4: a new socket after a disconnect, recovery from the watermark."""
    timeline = Timeline()
    timeline.start(inventory(0, 0))
    timeline.take([update(1)])
    timeline.begin()
    assert timeline.has_gap
    assert timeline.take([update(3), Deleted([1]), update(4)]) == []

    assert timeline.start_seq == 2
    assert timeline.fetched([stored(2), stored(3)]) == [[update(2), update(3)]]
    end = timeline.end(inventory(3, 4))

    assert end == [Reset(inventory(3, 4)), [Deleted([1]), update(4)]]
    assert not timeline.has_gap
    assert timeline.take([update(5)]) == [[update(5)]]


def test_fetching_that_failed_goes_on_behind_what_was_given() -> None:
    timeline = Timeline()
    timeline.start(inventory(0, 0))
    timeline.begin()
    timeline.fetched([stored(1), stored(2)])

    assert timeline.start_seq == 3


def test_an_ephemeral_stream_may_have_begun_anew_so_nothing_holds() -> None:
    timeline = Timeline(ephemeral=True)
    timeline.start(inventory(9, 9))
    timeline.begin()
    timeline.take([update(1)])

    assert timeline.end(inventory(1, 1)) == [Reset(), [update(1)]]
    assert timeline.take([update(2)]) == [[update(2)]]
    assert timeline.start_seq == 3


def test_numbers_that_went_back_mean_that_nothing_holds() -> None:
    timeline = Timeline()
    timeline.start(inventory(9, 9))
    timeline.begin()
    timeline.take([update(3)])

    assert timeline.end(inventory(2, 2)) == [Reset(), [update(3)]]
    assert timeline.start_seq == 4


def test_too_much_that_comes_while_fetching_makes_readers_start_over() -> None:
    timeline = Timeline()
    timeline.start(inventory(0, 0))
    timeline.begin()
    timeline.take([update(seq) for seq in range(1, MAX_QUEUED + 2)])
    timeline.take([update(MAX_QUEUED + 2)])

    end = timeline.end(inventory(1, MAX_QUEUED + 2))

    assert end[0] == Reset()
    assert timeline.start_seq == MAX_QUEUED + 3


def test_without_readers_nothing_is_missed() -> None:
    timeline = Timeline()
    timeline.start(inventory(5, 5))
    timeline.begin()

    timeline.forget()

    assert timeline.start_seq is None
    assert not timeline.has_gap
