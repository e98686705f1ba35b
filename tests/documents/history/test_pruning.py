"""Which patches may go."""

import random

import pytest

from cocalc_jupyter_ext.documents.history import pruning
from cocalc_jupyter_ext.documents.history.pruning import Limits, Plan, keeps_newest, plan_pruning
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.histories import MadeHistory

KIND = TextKind()


@pytest.fixture(autouse=True)
def everything_is_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "WORTHWHILE_COUNT", 1)


def chain(count: int) -> MadeHistory:
    """Make versions at the times 1000, 1001, …"""
    history = MadeHistory(KIND)
    for number in range(count):
        history.commit("".join(f"line {each}\n" for each in range(number + 1)))
    return history


def younger_than(time: int) -> tuple[Limits, float]:
    """Return limits and a now that keep what was stored at that time and later."""
    return Limits(max_age_ms=100), time + 100


def left_after(history: MadeHistory, plan: Plan) -> PatchGraph[str]:
    """Return what a new reader knows afterwards."""
    graph = PatchGraph(KIND)
    graph.add(stored.item for stored in history.stored if stored.seq not in plan.seqs)
    if plan.snapshot is not None:
        graph.add([plan.snapshot])
    return graph


def pruned(history: MadeHistory, limits: Limits, now_ms: float) -> Plan:
    plan = plan_pruning(history.stored, KIND, limits, now_ms)
    assert plan is not None
    return plan


def test_without_limits_everything_stays() -> None:
    assert Limits().keep_everything
    assert plan_pruning(chain(10).stored, KIND, Limits(), 10**15) is None


def test_versions_that_are_too_old_go() -> None:
    history = chain(10)
    plan = pruned(history, *younger_than(1006))

    assert (plan.first, plan.first_seq, plan.seqs) == (1006, 7, (1, 2, 3, 4, 5, 6))


def test_a_snapshot_takes_their_place() -> None:
    history = chain(10)
    plan = pruned(history, *younger_than(1006))
    left = left_after(history, plan)

    assert plan.snapshot is not None
    assert plan.snapshot.text == history.graph.value_at(1006)
    assert left.times == [1006, 1007, 1008, 1009]
    assert all(left.value_at(time) == history.graph.value_at(time) for time in left.times)


def test_a_snapshot_that_exists_is_used() -> None:
    history = chain(10)
    history.snapshot(1006)

    plan = pruned(history, *younger_than(1006))

    assert plan.snapshot is None
    assert 11 not in plan.seqs


def test_snapshots_of_what_goes_go_too() -> None:
    history = chain(10)
    history.snapshot(1003)

    assert 11 in pruned(history, *younger_than(1006)).seqs


def test_the_newest_state_stays_however_old_it_is() -> None:
    history = chain(10)
    plan = pruned(history, Limits(max_age_ms=1), 10**15)

    assert left_after(history, plan).times == [1009]
    assert left_after(history, plan).value() == history.graph.value()


def test_the_newest_state_stays_however_large_it_is() -> None:
    history = chain(10)
    plan = pruned(history, Limits(max_bytes=0), 10**15)

    assert left_after(history, plan).value() == history.graph.value()


def test_the_oldest_versions_go_until_the_rest_is_small_enough() -> None:
    history = chain(100)
    total = sum(stored.bytes for stored in history.stored)
    plan = pruned(history, Limits(max_bytes=total // 2), 0)
    left = [stored for stored in history.stored if stored.seq not in plan.seqs]

    size = sum(stored.bytes for stored in left)
    assert size <= total // 2 < size + history.stored[len(plan.seqs) - 1].bytes


def test_what_both_limits_allow_to_keep_is_kept() -> None:
    history = chain(10)
    limits, now_ms = younger_than(1006)

    by_both = pruned(history, Limits(limits.max_age_ms, max_bytes=10**9), now_ms)

    assert by_both.first == 1006


def test_little_is_left_for_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "WORTHWHILE_COUNT", 100)
    history = chain(50)

    assert plan_pruning(history.stored, KIND, *younger_than(1004)) is None
    assert plan_pruning(history.stored, KIND, *younger_than(1040)) is not None


def test_nothing_goes_on_which_a_younger_branch_builds() -> None:
    history = chain(5)
    history.commit("line 0\nbranch\n", parents=[1002], user_id=1)  # 1005, beside 1003 and 1004
    history.commit("merged\n")

    plan = pruned(history, *younger_than(1004))

    assert plan.first == 1002
    assert left_after(history, plan).value() == history.graph.value()


def test_a_merge_of_all_branches_can_be_the_first_version_that_stays() -> None:
    history = chain(5)
    history.commit("line 0\nbranch\n", parents=[1002], user_id=1)
    merge = history.commit("merged\n")

    assert pruned(history, *younger_than(merge)).first == merge


def test_an_old_head_stays() -> None:
    history = chain(3)
    history.commit("line 0\nforgotten\n", parents=[1001], user_id=1)
    for number in range(30):
        history.commit(f"other\n{number}", parents=[1002 if number == 0 else 1003 + number])
    assert 1003 in history.graph.heads

    plan = pruned(history, Limits(max_age_ms=1), 10**15)

    assert plan.first == 1001
    assert left_after(history, plan).heads == history.graph.heads


def test_patches_that_wait_for_others_stay_and_so_does_what_they_build_on() -> None:
    history = chain(10)
    waiting = Patch(time=500, changes=[], user_id=1, parents=(1003, 499))
    history.put(waiting)

    plan = pruned(history, *younger_than(1008))

    assert plan.first == 1003
    assert 11 not in plan.seqs


def test_nothing_goes_when_a_new_reader_would_have_another_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "keeps_newest", lambda *_: False)

    assert plan_pruning(chain(10).stored, KIND, *younger_than(1006)) is None


def test_an_empty_history_is_left_alone() -> None:
    assert plan_pruning([], KIND, Limits(max_bytes=0), 0) is None


def test_a_commit_that_comes_in_between_is_noticed() -> None:
    history = chain(10)
    plan = pruned(history, *younger_than(1006))
    assert keeps_newest(history.stored, KIND, plan)

    history.commit("from long ago\n", parents=[1002], user_id=1)

    assert not keeps_newest(history.stored, KIND, plan)


def test_whatever_the_history_the_newest_state_stays() -> None:
    rng = random.Random(3)
    plans = 0
    for _ in range(150):
        history = MadeHistory(KIND)
        for number in range(rng.randrange(2, 25)):
            times = history.graph.times
            parents = rng.sample(times[-4:], k=min(len(times), 1)) if rng.random() < 0.3 else None
            value = history.graph.value_of(parents or history.graph.heads) if times else ""
            place = rng.randrange(len(value) + 1)
            text = f"{value[:place]}<{number}>\n{value[place:]}"
            time = history.commit(text, parents=parents, user_id=rng.randrange(3))
            if rng.random() < 0.1:
                history.snapshot(time)
        limits, now_ms = younger_than(1000 + rng.randrange(25))
        plan = plan_pruning(history.stored, KIND, limits, now_ms)
        if plan is None:
            continue
        plans += 1
        left = left_after(history, plan)
        assert left.value() == history.graph.value()
        assert left.heads == history.graph.heads
        assert all(left.value_at(time) == history.graph.value_at(time) for time in left.times)

    assert plans > 50
