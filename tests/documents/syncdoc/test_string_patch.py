"""Patches of text (syncdoc-jupyter §1.6, §13 "String patches")."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.string_patch import (
    apply_string_patch,
    make_string_patch,
    merge_strings,
)
from cocalc_jupyter_ext.documents.syncdoc.utf16 import unit_count

texts = st.text(alphabet="ab 🐍🐎é\nאב", max_size=60)


def test_the_compressed_form_is_that_of_other_participants() -> None:
    assert make_string_patch("", "a = 1\n") == [[[[1, "a = 1\n"]], 0, 0, 0, 6]]
    assert make_string_patch("a = 1\n", "a = 12\nb = 3\n") == [
        [[[0, "a = 1"], [1, "2\nb = 3"], [0, "\n"]], 0, 0, 6, 13]
    ]
    assert make_string_patch("print('🐍')\nx", "print('🐍🐍')\nx") == [
        [[[0, "rint('🐍"], [1, "🐍"], [0, "')\nx"]], 1, 1, 12, 14]
    ]


def test_nothing_changed_is_an_empty_patch() -> None:
    assert make_string_patch("same", "same") == []


def test_the_second_of_two_hunks_begins_relative_to_the_text_after_the_first() -> None:
    old = "The first line.\n" + "-" * 100 + "\nThe last line."

    first, second = make_string_patch(old, f"Title\n{old}\nEnd")

    assert first[1] == first[2] == 0
    assert second[1] == second[2]
    assert second[1] + second[3] == len(old) + len("Title\n")


@given(texts, texts)
def test_a_patch_leads_from_one_text_to_the_other(old: str, new: str) -> None:
    assert apply_string_patch(make_string_patch(old, new), old) == new


@given(texts, texts)
def test_no_hunk_cuts_a_character_in_half_and_lengths_count_units(old: str, new: str) -> None:
    for diffs, _start1, _start2, length1, length2 in make_string_patch(old, new):
        assert not any("\ud800" <= char <= "\udfff" for _op, text in diffs for char in text)
        assert length1 == sum(unit_count(text) for op, text in diffs if op in {-1, 0})
        assert length2 == sum(unit_count(text) for op, text in diffs if op in {0, 1})


def test_a_patch_applied_to_another_text_applies_what_fits() -> None:
    patch = make_string_patch("one two three four five", "one 2 three four 5")

    assert apply_string_patch(patch, "zero, one two three four five") == "zero, one 2 three four 5"
    assert apply_string_patch(patch, "@@@@") == "@@@@"


def test_independent_edits_of_two_people_are_both_kept() -> None:
    base = "def f(x):\n    return x\n"

    merged = merge_strings(base, "def f(x):\n    return x + 1\n", "def double(x):\n    return x\n")

    assert merged == "def double(x):\n    return x + 1\n"


def test_where_nothing_changed_remotely_the_answer_is_local() -> None:
    assert merge_strings("a", "b", "a") == "b"


def test_what_is_no_patch_changes_nothing() -> None:
    for rubbish in ([1], ["x"], [[[["y", "z"]], 0, 0, 0, 1]], [[None, 0, 0, 0, 0]], [{}]):
        assert apply_string_patch(rubbish, "text") == "text"
