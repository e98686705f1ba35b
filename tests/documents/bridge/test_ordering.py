"""Which items stay when a list gets another order."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.bridge.ordering import staying, staying_but


def test_the_fewest_items_move() -> None:
    assert staying("abcde", "abcde") == set("abcde")
    assert staying("abcde", "eabcd") == set("abcd")
    assert staying("abcde", "bacde") in (set("acde"), set("bcde"))
    assert staying("abc", "cba") in ({"a"}, {"b"}, {"c"})


def test_what_only_one_list_has_does_not_stay() -> None:
    assert staying("abc", "axc") == {"a", "c"}
    assert staying("", "abc") == set()
    assert staying("abc", "") == set()


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_what_stays_is_in_the_same_order_in_both(old: list[int], new: list[int]) -> None:
    stays = staying(old, new)

    assert [item for item in old if item in stays] == [item for item in new if item in stays]


def test_of_two_that_were_swapped_the_one_that_somebody_moved_moves() -> None:
    assert staying_but("ab", "ba", ["a"]) == {"b"}
    assert staying_but("ab", "ba", ["b"]) == {"a"}
    assert staying_but("abc", "abc", ["b"]) == set("abc")
