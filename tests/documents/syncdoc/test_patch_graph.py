"""Which value a set of patches has (syncdoc-jupyter §1.8, §13 "Patch list")."""

import random

import pytest

from cocalc_jupyter_ext.documents.syncdoc.patch_graph import (
    NO_TIME,
    HistoryMissing,
    PatchGraph,
    UnknownVersion,
)
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot
from cocalc_jupyter_ext.documents.syncdoc.string_patch import make_string_patch
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind


def make_graph(*items: Patch | Snapshot) -> PatchGraph[str]:
    graph = PatchGraph(TextKind())
    graph.add(items)
    return graph


def patch(time: int, old: str, new: str, *parents: int, user_id: int = 0) -> Patch:
    return Patch(time=time, changes=make_string_patch(old, new), user_id=user_id, parents=parents)


ONE = patch(1, "", "one")
TWO = patch(2, "one", "one two", 1)
THREE = patch(3, "one two", "one two three", 2)


def test_an_empty_graph_has_the_empty_value_and_no_versions() -> None:
    graph = make_graph()

    assert graph.value() == ""
    assert (graph.times, graph.heads, len(graph)) == ([], [], 0)
    assert graph.has_full_history
    assert graph.next_version == 1
    with pytest.raises(UnknownVersion, match="no version with the time 5"):
        graph.value_at(5)
    with pytest.raises(UnknownVersion):
        graph.patch(5)


def test_each_version_can_be_seen() -> None:
    graph = make_graph(ONE, TWO, THREE)

    assert [graph.value_at(time) for time in graph.times] == ["one", "one two", "one two three"]
    assert graph.value() == "one two three"
    assert graph.heads == [3]
    assert graph.newest_time == 3


def test_patches_come_in_any_order_and_more_than_once() -> None:
    graph = make_graph()

    assert graph.add([THREE, THREE]) == []
    assert graph.missing_times == {2}
    assert graph.newest_time == 3
    assert graph.value() == ""
    assert graph.add([TWO]) == []
    assert graph.add([ONE, TWO]) == [ONE, TWO, THREE]
    assert graph.value() == "one two three"
    assert graph.missing_times == set()
    assert len(graph) == 3


def test_a_staged_patch_waits_with_the_head_that_needs_more() -> None:
    """Only the ancestry of a head moves, and only as a whole (§1.8 step 4)."""
    head = patch(9, "one", "one!", 1, 4)
    graph = make_graph()

    assert graph.add([head, ONE]) == []
    assert not graph.has_usable_start
    assert graph.value() == ""
    assert graph.add([patch(4, "", "", 1)]) == [ONE, graph.patch(4), head]


def test_the_first_of_two_patches_with_one_time_wins() -> None:
    graph = make_graph(ONE, patch(1, "", "other"))

    assert graph.value() == "one"


def test_simultaneous_patches_are_applied_in_the_order_of_their_times() -> None:
    base = patch(10, "", "middle")
    before = patch(12, "middle", "first middle", 10, user_id=1)
    after = patch(11, "middle", "middle last", 10)
    graph = make_graph(base, before, after)

    assert graph.value() == "first middle last"
    assert graph.heads == [11, 12]
    graph.add([patch(13, "first middle last", "done", 11, 12)])
    assert graph.heads == [13]
    assert graph.value() == "done"


def test_a_patch_in_the_past_changes_the_value_now() -> None:
    graph = make_graph(patch(10, "", "a\n\n\n\n\n\n\n\nz"))
    graph.add([patch(30, "a\n\n\n\n\n\n\n\nz", "a\n\n\n\n\n\n\n\nz end", 10)])
    assert graph.value() == "a\n\n\n\n\n\n\n\nz end"

    graph.add([patch(20, "a\n\n\n\n\n\n\n\nz", "start a\n\n\n\n\n\n\n\nz", 10, user_id=1)])

    assert graph.value() == "start a\n\n\n\n\n\n\n\nz end"
    assert make_graph(*map(graph.patch, graph.times)).value() == graph.value()


def test_a_patch_can_take_the_place_of_another() -> None:
    graph = make_graph(ONE, TWO, THREE)
    assert graph.value() == "one two three"

    graph.replace(patch(2, "one", "one and two", 1, user_id=1))

    assert graph.value_at(2) == "one and two"
    assert graph.value() == "one and two three"
    assert (graph.times, graph.heads) == ([1, 2, 3], [3])


def test_a_patch_without_parents_counts_as_a_root() -> None:
    graph = make_graph(ONE, patch(2, "", "two "))

    assert graph.value() == "onetwo "
    assert graph.heads == [1, 2]


def test_own_patches_can_be_left_out() -> None:
    graph = make_graph(ONE, TWO, THREE)

    assert graph.value_without({2, 3}) == "one"
    assert graph.value_without({3}) == "one two"
    assert graph.value_without(set()) == "one two three"


def test_a_snapshot_after_its_patch_decorates_it() -> None:
    graph = make_graph(ONE, TWO, THREE)

    graph.add([Snapshot(time=2, text="one two", user_id=0, seq=2)])

    assert len(graph) == 3
    assert graph.snapshot(2) is not None
    assert graph.snapshot(3) is None
    assert graph.has_full_history
    assert graph.value() == "one two three"
    assert graph.value_at(1) == "one"


def test_a_snapshot_before_its_patch_waits_for_it() -> None:
    graph = make_graph(Snapshot(time=2, text="one two", user_id=0, seq=2))
    assert (len(graph), graph.value(), graph.snapshot(2)) == (0, "", None)

    graph.add([TWO])

    assert len(graph) == 1
    assert graph.value() == "one two"
    assert not graph.has_full_history
    assert graph.has_usable_start


def test_older_versions_than_the_snapshot_need_older_patches() -> None:
    graph = make_graph(Snapshot(time=2, text="one two", user_id=0, seq=2), TWO, THREE)
    late = patch(4, "one", "ONE", 1, user_id=1)

    graph.add([late])
    assert graph.missing_times == {1}
    assert graph.value() == "one two three"

    graph.add([ONE])
    assert graph.missing_times == set()
    assert graph.value_at(1) == "one"


def test_a_walk_stops_at_a_snapshot_even_when_older_history_is_loaded() -> None:
    """As all participants do it; a snapshot in the middle of what was collected is not used."""
    snapshot = Snapshot(time=2, text="zero one two", user_id=0, seq=2)
    graph = make_graph(ONE, TWO, THREE, snapshot)

    assert graph.value() == "zero one two three"
    late = patch(4, "one", "late one", 1, user_id=1)
    graph.add([late])
    assert graph.value() == make_graph(snapshot, late, THREE, TWO, ONE).value()


def test_a_version_whose_ancestors_are_unknown_says_that_more_must_be_loaded() -> None:
    graph = make_graph(Snapshot(time=2, text="one two", user_id=0, seq=2), TWO)
    graph._snapshots.clear()

    with pytest.raises(HistoryMissing, match="load more history") as caught:
        graph.value_at(2)

    assert caught.value.times == {1}


def test_a_snapshot_counts_also_when_it_comes_before_its_patch() -> None:
    """Else the value would depend on the order in which messages come."""
    snapshot = Snapshot(time=2, text="as stored", user_id=0, seq=2)
    early = make_graph(ONE, snapshot)
    assert early.value() == "one"

    early.add([TWO])

    assert early.value() == make_graph(ONE, TWO, snapshot).value() == "as stored"


def test_versions_are_numbered_on_from_the_last_or_by_count() -> None:
    assert make_graph(ONE).next_version == 2
    numbered = Patch(time=9, changes=[], user_id=0, parents=(1,), version=41)
    assert make_graph(ONE, numbered).next_version == 42


def test_patches_of_one_time_order_by_version_and_user() -> None:
    """Symmetric, and equal compares equal (§13 "String patches")."""
    first = Patch(time=1, changes=[], user_id=0, version=1)
    second = Patch(time=1, changes=[], user_id=1, version=1)
    later = Patch(time=2, changes=[], user_id=0)

    assert first.order < second.order < later.order
    assert first.order == Patch(time=1, changes=[[]], user_id=0, version=1).order


@pytest.mark.parametrize("seed", range(40))
def test_everybody_who_knows_the_same_messages_has_the_same_value(seed: int) -> None:
    rng = random.Random(seed)
    author: PatchGraph[str] = make_graph()
    messages: list[Patch | Snapshot] = []
    for time in range(1, 60):
        heads = author.heads
        parents = tuple(rng.sample(heads, rng.randrange(1, len(heads) + 1))) if heads else ()
        old = author.value()
        place = rng.randrange(len(old) + 1)
        new = old[:place] + rng.choice(["a🐍", "b\n", "é"]) + old[place + rng.randrange(2) :]
        messages.append(
            Patch(
                time=time,
                changes=make_string_patch(old, new),
                user_id=time % 3,
                parents=parents,
            )
        )
        author.add(messages[-1:])
        if rng.random() < 0.05:
            text = author.value_at(time)
            messages.append(Snapshot(time=time, text=text, user_id=0, seq=time))
            author.add(messages[-1:])

    for most in (1, 8, 200):
        rng.shuffle(messages)
        reader: PatchGraph[str] = make_graph()
        rest = list(messages)
        while rest:
            count = rng.randint(1, most)
            reader.add(rest[:count])
            reader.value()
            rest = rest[count:]
        assert reader.value() == author.value()
        assert reader.times == author.times
        assert reader.heads == author.heads


def test_it_is_known_whether_all_of_some_times_are_live() -> None:
    graph = make_graph(ONE, TWO, patch(9, "", "", 8))

    assert graph.knows([1, 2])
    assert graph.knows([NO_TIME, 1])
    assert graph.knows([])
    assert not graph.knows([1, 9])
    assert not graph.knows([3])
