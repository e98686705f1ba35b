"""All that was meant in branches is put together, each character once (SPEC B9)."""

import random
from itertools import count
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc import branches
from cocalc_jupyter_ext.documents.syncdoc.branches import Branches, TooManyBranches
from cocalc_jupyter_ext.documents.syncdoc.mending import Wanted
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema
from cocalc_jupyter_ext.documents.syncdoc.string_patch import make_string_patch
from cocalc_jupyter_ext.documents.syncdoc.values import RecordsKind, TextKind

KIND = TextKind()
CELLS = RecordsKind(RecordSchema(("type", "id"), frozenset({"input"})))


def patch(time: int, old: str, new: str, *parents: int) -> Patch:
    return Patch(time=time, changes=make_string_patch(old, new), user_id=0, parents=parents)


def united(start: str, *patches: Patch) -> str:
    replayed = start
    for each in patches:
        replayed = KIND.apply(replayed, each.changes)
    return KIND.mended(replayed, Branches(KIND, start, patches).wanted())


def cell_patch(time: int, changes: list[Any], *parents: int) -> Patch:
    return Patch(time=time, changes=changes, user_id=0, parents=parents)


def cell(**fields: Any) -> dict[str, Any]:
    return {"type": "cell", "id": "a", **fields}


def wanted_cell(start: dict[str, Any] | None, *patches: Patch) -> Wanted[Records]:
    records = Records(CELLS.schema, [] if start is None else [start])
    return Branches(CELLS, records, patches).wanted()["cell", "a"]


def test_what_one_typed_into_a_line_that_another_replaced_is_there() -> None:
    base = "a line that one person replaces"
    replaced = patch(11, base, "something else", 10)
    typed = patch(12, base, base.replace("person", "persXYZon"), 10)
    assert "XYZ" not in KIND.apply("something else", typed.changes)

    text = united(base, replaced, typed)

    assert "XYZ" in text
    assert not set("something else") - set(text)


def test_what_is_typed_into_a_replay_of_both_branches_counts_once() -> None:
    ann, bob = patch(11, "x", "x ann", 10), patch(12, "x", "x bob", 10)
    both = KIND.apply("x ann", bob.changes)

    assert sorted(united("x", ann, bob, patch(13, both, f"# {both}", 11, 12))) == sorted(
        "# x ann bob"
    )


def test_what_two_typed_at_one_place_is_not_mixed() -> None:
    text = united(
        "",
        patch(11, "", "he", 10),
        patch(12, "", "wor", 10),
        patch(13, "he", "hello", 11),
        patch(14, "wor", "world", 12),
    )

    assert text == "helloworld"


def test_who_erases_in_a_replay_of_another_order_erases_the_same_character() -> None:
    """The replay of both has bob's text last; ann has typed on meanwhile."""
    ann, bob = patch(11, "", "AN", 10), patch(12, "", "bo", 10)
    seen = KIND.apply("AN", bob.changes)
    text = united("", ann, bob, patch(13, "AN", "ANN", 11), patch(14, seen, "Abo", 11, 12))

    assert sorted(text) == sorted("ANbo")


def test_who_erases_what_an_inexact_patch_put_in_again_erases_what_was_typed() -> None:
    """Recorded: the fifth patch, put between others, replaces text by what its author had there."""
    hunks: list[tuple[tuple[int, ...], list[Any]]] = [
        ((0,), [[[[1, "🌁ﭒ七"]], 0, 0, 0, 4]]),
        ((0,), [[[[1, "🌄ﭕ"]], 0, 0, 0, 3]]),
        ((1, 2), [[[[0, "🌄ﭕ🌁ﭒ七"], [1, "丆"]], 0, 0, 7, 8]]),
        ((1,), [[[[0, "🌁ﭒ"], [1, "🌇"], [0, "七"]], 0, 0, 4, 6]]),
        ((1, 2), [[[[-1, "🌄ﭕ"], [0, "🌁ﭒ七"], [1, "🌄ﭕ"]], 0, 0, 7, 7]]),
        ((2, 4), [[[[0, "🌄ﭕ🌁ﭒ"], [-1, "🌇"], [1, "🌊🌇"], [0, "七"]], 0, 0, 9, 11]]),
        ((3, 5, 6), [[[[-1, "🌁"], [0, "ﭒ\ud83c🌄"]], 0, 0, 6, 4]]),
    ]
    patches = [
        Patch(time=time, changes=changes, user_id=0, parents=parents)
        for time, (parents, changes) in enumerate(hunks, 1)
    ]

    assert "🌁" in united("", *patches[:-1])
    assert "🌁" not in united("", *patches)


def test_what_was_given_back_by_a_commit_counts_once() -> None:
    base = "a line that one person replaces"
    replaced = patch(11, base, "something else", 10)
    typed = patch(12, base, base.replace("person", "persXYZon"), 10)
    right = united(base, replaced, typed)
    given_back = patch(13, "something else", right, 11, 12)
    late = patch(14, "something else", "something else!", 11, 12)

    text = united(base, replaced, typed, given_back, late)

    assert text == f"{right}!"


def test_a_cell_that_one_deletes_stays_whole_when_another_types_into_it() -> None:
    deleted = cell_patch(11, [-1, [cell()]], 10)
    typed = cell_patch(12, [1, [cell(input=make_string_patch("one", "one more"))]], 10)

    for order in ((deleted, typed), (typed, deleted)):
        wanted = wanted_cell(cell(input="one", pos=3), *order)

        assert wanted.texts == {"input": "one more"}
        assert wanted.model is not None
        assert wanted.model.get() == [cell(input="one more", pos=3)]


def test_a_deleted_cell_that_only_ran_meanwhile_stays_deleted() -> None:
    deleted = cell_patch(11, [-1, [cell()]], 10)
    ran = cell_patch(12, [1, [cell(state="busy")]], 10)

    assert wanted_cell(cell(input="one"), deleted, ran).texts is None


def test_a_new_cell_is_there() -> None:
    made = cell_patch(11, [1, [cell(input="new", pos=2)]], 10)
    other = cell_patch(12, [1, [{"type": "cell", "id": "b", "input": "x"}]], 10)

    assert wanted_cell(None, made, other).texts == {"input": "new"}


def test_so_much_that_it_would_take_too_long_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(branches, "MAX_APPLIED", 3)
    patches = [patch(time, "", "x", 10) for time in (11, 12, 13)]
    assert united("", *patches) == "xxx"

    with pytest.raises(TooManyBranches):
        united("", *patches, patch(14, "", "x", 10))


@pytest.mark.parametrize("seed", range(150))
def test_each_character_is_there_once_unless_somebody_erased_it(seed: int) -> None:
    """Authors type into replays of any heads, and the project gives back in between."""
    rng = random.Random(seed)
    start = "".join(map(chr, range(0x5E00, 0x5E0C)))
    graph: PatchGraph[str] = PatchGraph(KIND)
    graph.add([patch(1, "", start)])
    patches: list[Patch] = []
    alive, erased, tokens = set(start), set[str](), count(0x4E00)
    for time in range(2, 40):
        parents = tuple(rng.sample(graph.times[-5:], min(len(graph), rng.choice([1, 1, 2]))))
        old = graph.value_of(parents)
        place, end = sorted(rng.choices(range(len(old) + 1), k=2))
        if rng.random() < 0.2:
            parents = tuple(graph.heads)
            old = graph.value()
            new = KIND.mended(old, Branches(KIND, start, patches).wanted())
        elif rng.random() < 0.25:
            new = old[:place] + old[min(end, place + 3) :]
            erased |= set(old) - set(new)
        else:
            typed = "".join(chr(next(tokens)) for _ in range(rng.randint(1, 3)))
            alive |= set(typed)
            new = old[:place] + typed + old[place:]
        patches.append(patch(time, old, new, *parents))
        graph.add(patches[-1:])

    text = KIND.mended(graph.value(), Branches(KIND, start, patches).wanted())

    assert sorted(text) == sorted(alive - erased)
