"""How tables and their rows are named (conat-sync §4.9, §8.1)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.sync.table_rows import document_id, parse_query, row_key, store_name


def test_the_id_of_a_document_is_a_hash_of_project_and_path() -> None:
    assert (
        document_id("00000000-0000-4000-8000-000000000000", "a.txt")
        == "49a48bd3ca1b42f649d2fff7241f6fc56c638476"
    )


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"string_id": "abc", "project_id": "p"}, "t:abc"),
        ({"b": None, "a": 1}, 't:{"a":1,"b":null}'),
    ],
)
def test_a_store_is_named_after_the_document_or_the_whole_row(
    row: dict[str, Any], name: str
) -> None:
    assert store_name("t", row) == name


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"id": "text"}, "text"),
        ({"id": 5}, "5"),
        ({"id": True}, "true"),
        ({"id": {"b": 1, "a": 2}}, '{"a":2,"b":1}'),
        ({"id": None}, ""),
        ({}, ""),
    ],
)
def test_one_primary_key_is_the_key_itself(row: dict[str, Any], key: str) -> None:
    assert row_key(row, ["id"]) == key


def test_several_primary_keys_are_a_list_in_which_missing_ones_are_null() -> None:
    assert row_key({"a": "x", "c": False}, ["a", "b", "c"]) == '["x",null,false]'


def test_a_query_names_one_table_and_one_row() -> None:
    assert parse_query({"t": [{"a": 1}]}) == parse_query({"t": {"a": 1}}) == ("t", {"a": 1})
    for wrong in ({}, {"t": []}, {"t": [{}, {}]}, {"t": {}, "u": {}}, {"t": 5}):
        with pytest.raises(ConatError, match="one table and one row"):
            parse_query(wrong)
