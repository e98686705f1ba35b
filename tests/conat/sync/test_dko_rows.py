"""How objects are laid out in rows (conat-sync §4.3)."""

import pytest

from cocalc_jupyter_ext.conat.sync.dko_rows import FieldRow, ObjectRow, field_key, parse


@pytest.mark.parametrize(
    ("key", "field", "row"),
    [
        ("a", "b", '["a","b"]'),
        ("", "", '["",""]'),
        ('a"|(x)', "f,]", '["a\\"|(x)","f,]"]'),
        ("ä", "☃", '["ä","☃"]'),
    ],
)
def test_the_row_of_a_field_is_compact_json(key: str, field: str, row: str) -> None:
    """conat-sync §8.4: rows of objects and their prefix."""
    assert field_key(key, field) == row
    assert parse(row) == FieldRow(key, field)


@pytest.mark.parametrize(
    "row", ["a", "", "[", "[]", "[a,b]", '["a"]', '["a","b","c"]', '["a","b"] ', "[1,2]", '{"a":1}']
)
def test_everything_else_is_the_row_of_an_object(row: str) -> None:
    assert parse(row) == ObjectRow(row)


def test_an_object_whose_key_looks_like_a_field_is_taken_for_one() -> None:
    """conat-sync §7.9: brackets, malformed text, odd names of stores."""
    assert parse('["a","b"]') == FieldRow("a", "b")
