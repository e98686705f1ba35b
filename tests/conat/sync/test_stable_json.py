"""JSON text that is the same for equal values (conat-sync §8.1)."""

from datetime import UTC, datetime

from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.stable_json import stable_json


def test_undefined_is_null_in_lists_and_vanishes_from_objects() -> None:
    assert stable_json(["abc", UNDEFINED, True]) == '["abc",null,true]'
    value = {"c": [{"z": 1, "y": datetime(1970, 1, 1, tzinfo=UTC)}], "b": None, "a": UNDEFINED}
    assert stable_json(value) == '{"b":null,"c":[{"y":"1970-01-01T00:00:00.000Z","z":1}]}'


def test_keys_are_sorted_as_texts_by_utf_16_units() -> None:
    assert stable_json({"9": 1, "10": 2, "\uffff": 3, "\U0001f600": 4}) == (
        '{"10":2,"9":1,"\U0001f600":4,"\uffff":3}'
    )
