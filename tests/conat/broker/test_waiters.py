"""conat-core §9.3; SPEC B7, R11."""

import time

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.broker.waiters import Waiter, Waiters
from cocalc_jupyter_ext.conat.protocol.subjects import matches
from cocalc_jupyter_ext.conat.types import ConnectionId, Pattern, Subject

A, B = ConnectionId("a"), ConnectionId("b")

words = st.sampled_from(["a", "b", "c"])
subjects = st.lists(words, min_size=1, max_size=4).map(".".join).map(Subject)
patterns = st.builds(
    lambda parts, end: Pattern(".".join([*parts, *end]) or "*"),
    st.lists(st.sampled_from(["a", "b", "c", "*"]), max_size=4),
    st.sampled_from([[], [">"]]),
)


def waiters_for(*subjects: str) -> Waiters:
    waiters = Waiters()
    for key, subject in enumerate(subjects):
        waiters.add(key, Waiter(A, Subject(subject)))
    return waiters


def test_those_whose_subject_matches_are_taken_once_and_in_order() -> None:
    waiters = waiters_for("x.y", "x.z", "x", "x.y.z", "x.y")

    assert waiters.take(Pattern("x.*")) == [0, 1, 4]
    assert waiters.take(Pattern("x.>")) == [3]
    assert waiters.take(Pattern("x.>")) == []
    assert len(waiters) == 1


def test_who_gave_up_is_not_found() -> None:
    waiters = waiters_for("x.y", "x.y")
    waiters.discard(0)
    waiters.discard(0)
    waiters.discard(7)

    assert waiters.take(Pattern("x.y")) == [1]


def test_a_connection_takes_its_waits_with_it() -> None:
    waiters = waiters_for("x", "y")
    waiters.add(2, Waiter(B, Subject("x")))
    waiters.discard_connection(A)
    waiters.discard_connection(A)

    assert waiters.take(Pattern("*")) == [2]


def test_nothing_is_left_of_those_who_are_gone() -> None:
    waiters = waiters_for("x.y.z", "x.y", "x")
    waiters.discard(0)
    waiters.take(Pattern("*.*"))
    waiters.discard_connection(A)

    assert not waiters._root.children
    assert not waiters._of_connection


@given(st.lists(subjects, max_size=20), st.lists(patterns, max_size=5))
def test_exactly_those_are_taken_that_match(waiting: list[Subject], news: list[Pattern]) -> None:
    waiters = waiters_for(*waiting)
    left = dict(enumerate(waiting))
    for pattern in news:
        expected = [key for key, subject in left.items() if matches(pattern, subject)]

        assert waiters.take(pattern) == expected
        for key in expected:
            del left[key]


def test_ten_thousand_waiters_cost_a_subscription_nothing() -> None:
    """Measured in time of this process, so that other load does not count."""

    def cost_s(count: int) -> float:
        waiters = waiters_for(*(f"_INBOX.{number}.x" for number in range(count)))
        began_s = time.process_time()
        for number in range(10_000):
            waiters.take(Pattern(f"_INBOX.other{number}.*"))
        return time.process_time() - began_s

    assert min(cost_s(10_000) for _ in range(3)) < 20 * min(cost_s(10) for _ in range(3))
