"""Text as JavaScript counts it (syncdoc-jupyter §1.6, §1.17, §13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.utf16 import (
    LineHashes,
    from_units,
    hash_of_lines,
    string_hash,
    to_units,
    unit_count,
    units,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("a", 97), ("hello world", 1794106052), ("🐍", 1772400), ("é\n", 7233)],
)
def test_the_hash_is_that_of_other_participants(text: str, expected: int) -> None:
    assert string_hash(text) == expected


def test_a_hash_is_a_signed_number_of_32_bits() -> None:
    assert string_hash("zzzzzzzz") < 0


@given(st.text())
def test_units_and_back_give_the_same_text(text: str) -> None:
    assert from_units(to_units(text)) == text
    assert len(to_units(text)) == unit_count(text) == len(list(units(text)))


def _one_by_one(text: str) -> int:
    total = 0
    for unit in units(text):
        total = (31 * total + unit) & 0xFFFFFFFF
    return total - (total >> 31 << 32)


@given(st.text(min_size=1), st.integers(min_value=1, max_value=3_000))
def test_the_hash_of_a_long_text_is_made_of_each_of_its_units(text: str, times: int) -> None:
    assert string_hash(text * times) == _one_by_one(text * times)


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_hash_made_line_by_line_is_that_of_the_text(before: list[str], after: list[str]) -> None:
    known: LineHashes = {}
    for lines in (before, after, before + after):
        assert hash_of_lines(lines, known) == string_hash("\n".join(lines))
        assert known.keys() == set(lines)
