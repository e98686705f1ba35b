"""Three versions of a text become one without losing what anybody typed (SPEC B3, B6)."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.unite_texts import (
    has_same_characters,
    unite_apart,
    unite_texts,
)


def test_what_both_typed_is_there() -> None:
    assert unite_texts("", "bob", "ann") == "bobann"
    assert unite_texts("x = 1", "x = 12", "# x\nx = 1") == "# x\nx = 12"


def test_what_either_took_away_is_gone() -> None:
    assert unite_texts("abc", "ac", "ab") == "a"


def test_what_two_who_were_apart_both_have_counts_once() -> None:
    assert unite_apart("a", "a typed and more", "a typed") == "a typed and more"
    assert unite_apart("a", "a typed", "a typed") == "a typed"


def test_an_emoji_and_its_neighbours_stay_whole() -> None:
    assert unite_texts("🐍", "🐍🐢", "🐙🐍") == "🐙🐍🐢"


def test_the_order_of_characters_is_not_compared() -> None:
    assert has_same_characters("abca", "aabc")
    assert not has_same_characters("ab", "abb")
    assert not has_same_characters("abb", "aab")


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.lists(st.integers(0, 10)))
def test_nothing_typed_is_lost_and_nothing_deleted_comes_back(
    theirs_removed: set[int], ours_removed: set[int], places: list[int]
) -> None:
    base = "abcdefghij"
    versions = []
    for number, removed in enumerate((theirs_removed, ours_removed)):
        text = [char for index, char in enumerate(base) if index not in removed]
        for count, place in enumerate(places[number::2]):
            text.insert(min(place, len(text)), chr(0x4E00 + 1000 * number + count))
        versions.append("".join(text))
    theirs, ours = versions

    united = unite_texts(base, theirs, ours)

    typed = (set(theirs) | set(ours)) - set(base)
    kept = set(base) & set(theirs) & set(ours)
    assert sorted(united) == sorted(typed | kept)
