"""Characters keep their names, whoever types and erases around them (SPEC B9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.weave import ERASED, KEPT, NOBODYS, Weave, text_edits

NOBODY = 0
ANN, BOB, EVE = 0, 1, 2


def read(weave: Weave, *commits: int) -> str:
    return weave.text(weave.visible(sum(1 << commit for commit in commits)))


def test_the_start_belongs_to_everybody() -> None:
    assert read(Weave("abc")) == "abc"


def test_what_was_typed_is_read_by_whoever_knows_it() -> None:
    weave = Weave("ac")
    weave.type("b", weave.start[0], ANN, NOBODY)

    assert read(weave) == "ac"
    assert read(weave, ANN) == "abc"


def test_what_two_type_at_one_place_stays_in_one_piece_each() -> None:
    weave = Weave("ab")
    ann = weave.type("12", weave.start[0], ANN, NOBODY)
    weave.type("xy", weave.start[0], BOB, NOBODY)
    weave.type("34", ann[-1], EVE, 1 << ANN)

    assert read(weave, ANN, BOB, EVE) == "a1234xyb"


def test_what_is_typed_before_something_known_stays_before_it() -> None:
    weave = Weave()
    weave.type("second", None, ANN, NOBODY)
    weave.type("first ", None, BOB, 1 << ANN)

    assert read(weave, ANN, BOB) == "first second"


def test_what_one_erases_stays_erased_and_what_another_types_behind_it_stays() -> None:
    weave = Weave("abc")
    weave.erase([weave.start[1]], ANN)
    weave.type("x", weave.start[1], BOB, NOBODY)

    assert read(weave, ANN, BOB) == "axc"
    assert read(weave, BOB) == "abxc"


def test_a_text_that_went_takes_along_what_was_known_of_it() -> None:
    weave = Weave("abc")
    weave.type("x", weave.start[-1], ANN, NOBODY)
    weave.type("y", weave.start[-1], BOB, NOBODY)

    assert weave.text(weave.visible(0b11, buried=1 << ANN)) == "y"


def test_halves_of_characters_are_typed_by_nobody() -> None:
    weave = Weave()

    names = weave.type("a\udf34b", None, ANN, NOBODY)

    assert names[1] == NOBODYS
    assert read(weave, ANN) == "ab"
    weave.erase(names, BOB)
    assert read(weave, ANN, BOB) == ""


def test_a_text_is_traced_to_characters_in_their_order_and_each_once() -> None:
    weave = Weave("abcab")
    first, second, third, fourth, fifth = weave.start

    assert weave.trace("ab", weave.start, ()) == [first, second]
    assert weave.trace("ab", weave.start, {first}) == [fourth, fifth]
    assert weave.trace("cxb", weave.start, ()) == [third, NOBODYS, fifth]


@pytest.mark.parametrize(
    ("old", "new"), [("one\ntwo\n", "one\nnew\ntwo\n"), ("", "a"), ("a", ""), ("🐍", "🐍🐢")]
)
def test_edits_lead_from_one_text_to_the_other(old: str, new: str) -> None:
    edits = text_edits(old, new)

    assert "".join(piece for operation, piece in edits if operation != ERASED) == new
    kept = "".join(piece for operation, piece in edits if operation == KEPT)
    assert len(kept) == min(len(old), len(new))


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.text("abc", min_size=1, max_size=3)),
        max_size=12,
    )
)
def test_two_who_do_not_know_each_other_read_together_what_each_reads(
    steps: list[tuple[bool, int, str]],
) -> None:
    """Of both, in the order of each: no character is lost, none is double."""
    weave = Weave("0123456789")
    known = [0, 0]
    for number, (is_ann, place, text) in enumerate(steps):
        names = weave.visible(known[is_ann])
        behind = names[place % len(names)]
        weave.type(text, behind, number, known[is_ann])
        known[is_ann] |= 1 << number

    both = weave.visible(known[0] | known[1])

    for one in known:
        own = set(weave.visible(one))
        assert [name for name in both if name in own] == weave.visible(one)
    assert len(both) == 10 + sum(len(text) for _is_ann, _place, text in steps)
