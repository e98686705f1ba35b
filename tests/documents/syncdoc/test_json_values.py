"""What a document of records can hold (syncdoc-jupyter §2.1, §13)."""

from datetime import datetime
from types import MappingProxyType
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.json_values import checked_record, json_value
from cocalc_jupyter_ext.documents.syncdoc.records import FieldError, RecordSchema

SCHEMA = RecordSchema(("id",), frozenset({"input"}))


def test_values_of_json_are_copied() -> None:
    value = {"a": [1, 2.5, None, True, "text", {"b": []}]}

    copy = json_value(value, "x")
    value["a"].clear()

    assert copy == {"a": [1, 2.5, None, True, "text", {"b": []}]}


def test_tuples_and_other_maps_become_lists_and_maps() -> None:
    value = json_value(MappingProxyType({"a": (1, (2,))}), "x")

    assert value == {"a": [1, [2]]}
    assert type(value) is dict


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object(), "'x' is of type object"),
        ({"a": [0, {1}]}, r"'x.a\[1\]' is of type set"),
        (b"bytes", "'x' is of type bytes"),
        (datetime(2025, 7, 3), "'x' is of type datetime"),  # noqa: DTZ001 - any will do
        (float("nan"), "'x' is nan"),
        ([float("-inf")], r"'x\[0\]' is -inf"),
        ({"a": {1: 2}}, "'x.a' has the key 1"),
        ({None: 2}, "'x' has the key None"),
    ],
)
def test_what_json_does_not_have_is_refused_with_its_place(value: Any, problem: str) -> None:
    with pytest.raises(FieldError, match=problem):
        json_value(value, "x")


def test_a_text_column_of_a_record_takes_text_patches_and_null() -> None:
    for value in ("text", [], None):
        assert checked_record(SCHEMA, {"id": 1, "input": value}) == {"id": 1, "input": value}
    with pytest.raises(FieldError, match="'input' must be a text, not int"):
        checked_record(SCHEMA, {"id": 1, "input": 5})
