"""Replays: the same value as from the beginning, without doing it all again."""

import random
from typing import Any

from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot
from cocalc_jupyter_ext.documents.syncdoc.replay import KEPT_EVERY, MAX_KEPT, Replay
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind


class CountingKind(TextKind):
    """Appends, so that every order has its own value, and counts how often."""

    def __init__(self) -> None:
        self.applied = 0

    def apply(self, value: str, changes: list[Any]) -> str:
        self.applied += 1
        return value + changes[0]


def patches(count: int) -> dict[int, Patch]:
    return {time: Patch(time=time, changes=[f"{time},"], user_id=0) for time in range(count)}


def joined(times: list[int]) -> str:
    return "".join(f"{time}," for time in times)


def test_one_more_patch_at_the_end_costs_one_application() -> None:
    kind = CountingKind()
    replay = Replay(kind)
    known = patches(1001)
    replay.value(None, range(1000), known)
    kind.applied = 0

    assert replay.value(None, range(1001), known) == joined(list(range(1001)))
    assert kind.applied == 1


def test_a_late_patch_costs_no_more_than_what_follows_the_kept_value_before_it() -> None:
    kind = CountingKind()
    replay = Replay(kind)
    known = patches(1000)
    order = [time for time in range(1000) if time != 900]
    replay.value(None, order, known)
    kind.applied = 0

    assert replay.value(None, range(1000), known) == joined(list(range(1000)))
    assert kind.applied <= 100 + KEPT_EVERY


def test_going_back_and_forth_uses_what_was_computed() -> None:
    kind = CountingKind()
    replay = Replay(kind)
    known = patches(5000)
    replay.value(None, range(5000), known)
    kind.applied = 0

    for count in (4900, 300, 4900, 2500):
        assert replay.value(None, range(count), known) == joined(list(range(count)))

    assert kind.applied <= 4 * KEPT_EVERY


def test_a_snapshot_is_what_to_begin_with() -> None:
    replay = Replay(CountingKind())
    snapshot = Snapshot(time=5, text="S,", user_id=0, seq=6)
    known = patches(10)

    assert replay.value(snapshot, [5, 6, 7], known) == "S,6,7,"
    assert replay.value(None, [5, 6, 7], known) == "5,6,7,"
    assert replay.value(snapshot, [5], known) == "S,"
    assert replay.value(None, [], known) == ""


def test_any_sequence_of_questions_gets_the_right_answers() -> None:
    rng = random.Random(7)
    known = patches(600)
    replay = Replay(CountingKind())

    for _ in range(200):
        times = sorted(rng.sample(range(600), rng.randrange(600)))
        if rng.random() < 0.5:
            times = list(range(rng.randrange(600)))
        assert replay.value(None, times, known) == joined(times)


def test_what_is_kept_is_bounded() -> None:
    count = KEPT_EVERY * (MAX_KEPT + 20)
    replay = Replay(CountingKind())
    kept: dict[int, str] = replay._kept

    replay.value(None, range(count), patches(count))

    assert len(kept) <= MAX_KEPT + 1
