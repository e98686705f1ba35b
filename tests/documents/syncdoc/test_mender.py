"""Commits are looked at from where nothing was amiss, and only those made at once (SPEC B9)."""

import logging

import pytest

from cocalc_jupyter_ext.documents.syncdoc import mender as mender_module
from cocalc_jupyter_ext.documents.syncdoc.mender import Mender
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot
from cocalc_jupyter_ext.documents.syncdoc.string_patch import make_string_patch
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

KIND = TextKind()


def patch(time: int, old: str, new: str, *parents: int) -> Patch:
    return Patch(time=time, changes=make_string_patch(old, new), user_id=0, parents=parents)


class Followed:
    """A graph whose commits a mender follows; ``known`` is where it began."""

    def __init__(self, *known: Patch) -> None:
        self.graph: PatchGraph[str] = PatchGraph(KIND)
        self.graph.add(known)
        self.mender = Mender(KIND, self.graph)
        self.mender.begin(self.graph.heads)

    def add(self, *patches: Patch) -> str:
        """Return the value that everything should have with these commits."""
        self.mender.came(self.graph.add(patches))
        return self.mender.mended(self.graph.value())


BASE = "a line that one person replaces"
ROOT = patch(10, "", BASE)
REPLACED = patch(11, BASE, "something else", 10)
TYPED = patch(12, BASE, BASE.replace("person", "persXYZon"), 10)


@pytest.fixture
def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        pytest.fail("looked at commits that were not made at the same time")

    monkeypatch.setattr(mender_module, "Branches", fail)


@pytest.mark.usefixtures("no_look")
def test_where_all_build_on_each_other_nothing_is_looked_at() -> None:
    followed = Followed(patch(1, "", "one"))

    assert followed.add(patch(2, "one", "one two", 1)) == "one two"
    assert followed.add(patch(3, "one two", "one two three", 2)) == "one two three"


def test_of_two_made_at_the_same_time_neither_is_lost() -> None:
    followed = Followed(ROOT)

    assert "XYZ" in followed.add(REPLACED, TYPED)


def test_what_comes_late_is_put_together_with_what_was_there() -> None:
    followed = Followed(ROOT)
    followed.add(REPLACED)
    followed.mender.is_right()

    assert "XYZ" in followed.add(TYPED)


def test_who_comes_back_after_many_commits_of_others_loses_nothing() -> None:
    followed = Followed(ROOT)
    text, last = BASE, 10
    for time in range(11, 700):
        text, old = f"{text}.", text
        assert followed.add(patch(time, old, text, last)) == text
        followed.mender.is_right()
        last = time

    late = patch(701, BASE, BASE.replace("person", "persXYZon"), 10)

    assert followed.add(late) == text.replace("person", "persXYZon")


def test_one_who_builds_on_what_was_before_the_beginning_is_looked_at_as_well() -> None:
    """Of a history each commit that knew all before it will do."""
    followed = Followed(ROOT, REPLACED, patch(20, "something else", "something else again", 11))

    text = followed.add(TYPED)

    assert "XYZ" in text
    assert "again" in "".join(character for character in text if character not in "XYZ")


def test_what_the_shared_types_hold_is_put_together_with_what_came_meanwhile() -> None:
    followed = Followed(ROOT, REPLACED)
    followed.mender.begin([10])
    shared = patch(21, BASE, f"{BASE}!", 10)

    replayed = KIND.apply(followed.graph.value(), shared.changes)

    assert followed.mender.mended(replayed, [shared]) == "something else!"


def test_history_that_is_not_loaded_is_left_to_the_replay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    graph: PatchGraph[str] = PatchGraph(KIND)
    snapshot = Snapshot(time=11, text="something else", user_id=0, seq=1)
    graph.add([snapshot, REPLACED])
    mender = Mender(KIND, graph)
    mender.begin(graph.heads)
    mender.came(graph.add([patch(13, "x", "y")]))

    with caplog.at_level(logging.WARNING):
        assert mender.mended(graph.value()) == graph.value()

    assert "long ago" in caplog.text


def test_a_commit_in_the_place_of_another_is_looked_at_anew() -> None:
    followed = Followed(ROOT)
    followed.add(REPLACED)
    followed.mender.is_right()
    winner = patch(11, BASE, BASE.replace("line", "LINE"), 10)
    followed.graph.replace(winner)
    followed.mender.changed([11])

    text = followed.add(patch(13, BASE, "something else", 10))

    assert "LINE" in "".join(character for character in text if character in "LINE")
