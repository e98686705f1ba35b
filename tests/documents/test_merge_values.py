"""Three versions of a value become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.merge_values import (
    MAX_WORDS,
    Merged,
    merge_maps,
    merge_texts,
    merge_values,
)


def test_what_one_side_changed_is_that_sides_and_a_common_change_is_no_conflict() -> None:
    assert merge_values(1, 1, 2) == Merged(2)
    assert merge_values(1, 2, 1) == Merged(2)
    assert merge_values(1, 2, 2) == Merged(2)


def test_where_both_changed_ours_stays_and_it_is_said() -> None:
    assert merge_values(1, 2, 3) == Merged(3, is_clean=False)


def test_maps_merge_name_by_name() -> None:
    base, theirs, ours = {"a": 1, "b": 1, "c": 1}, {"a": 2, "c": 1, "d": 4}, {"a": 1, "b": 1}

    assert merge_maps(base, theirs, ours) == Merged({"a": 2, "d": 4})
    assert merge_maps({"x": 1}, {"x": 2}, {"x": 3}) == Merged({"x": 3}, is_clean=False)
    assert merge_maps({"x": 1}, {}, {"x": 3}) == Merged({"x": 3}, is_clean=False)


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "merged"),
    [
        ("one two three", "ONE two three", "one two THREE", "ONE two THREE"),
        (
            "a = 1\nb = 2\n",
            "import x\na = 1\nb = 2\n",
            "a = 1\nb = 3\n",
            "import x\na = 1\nb = 3\n",
        ),
        ("f(a, b)", "f(a, c)", "g(a, b)", "g(a, c)"),
        ("é 🐍 א", "é 🐍 ב", "e 🐍 א", "e 🐍 ב"),
    ],
)
def test_texts_merge_word_by_word(base: str, theirs: str, ours: str, merged: str) -> None:
    assert merge_texts(base, theirs, ours) == Merged(merged)


def test_a_word_that_both_changed_stays_as_we_have_it() -> None:
    assert merge_texts("a x c", "a y c", "a z c!") == Merged("a z c!", is_clean=False)


def test_long_texts_merge_line_by_line() -> None:
    base = "".join(f"{number} words\n" for number in range(MAX_WORDS))

    merged = merge_texts(base, "new\n" + base, base + "end\n")

    assert merged == Merged("new\n" + base + "end\n")


def test_a_passage_that_is_too_long_to_be_merged_word_by_word_stays_ours() -> None:
    base = "word " * MAX_WORDS

    assert merge_texts(base, "theirs " + base, base + "ours") == Merged(
        base + "ours", is_clean=False
    )


@given(st.text("ab \n🐍", max_size=30), st.text("ab \n🐍", max_size=30))
def test_a_side_that_changed_nothing_never_conflicts(base: str, changed: str) -> None:
    assert merge_texts(base, base, changed) == Merged(changed)
    assert merge_texts(base, changed, base) == Merged(changed)
    assert merge_texts(base, changed, changed) == Merged(changed)
