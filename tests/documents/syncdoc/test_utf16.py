"""Text as JavaScript counts it (syncdoc-jupyter §1.6, §1.17, §13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.utf16 import (
    from_units,
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
