"""The one text that a value has (syncdoc-jupyter §2.6)."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.canonical import (
    canonical_json,
    is_same_json,
    javascript_number,
)


@pytest.mark.parametrize(
    ("number", "spelling"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (123456.789, "123456.789"),
        (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e22, "1.5e+22"),
        (0.00001, "0.00001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
        (5e-324, "5e-324"),
        (2.0**63, "9223372036854776000"),
        (2**53 + 1, "9007199254740992"),
        (float("nan"), "null"),
        (float("inf"), "null"),
        (10**400, "null"),
    ],
)
def test_numbers_are_spelled_as_javascript_spells_them(number: float, spelling: str) -> None:
    assert javascript_number(number) == spelling


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_spelled_number_reads_as_the_same_number(number: float) -> None:
    assert float(javascript_number(number)) == number


def test_keys_are_sorted_at_every_level_by_code_units() -> None:
    value = {"b": [{"y": 1, "x": None}], "a": True, "10": 0, "9": 0, "\U0001f40d": 1, "\uffee": 2}

    assert canonical_json(value) == (
        '{"10":0,"9":0,"a":true,"b":[{"x":null,"y":1}],"\U0001f40d":1,"\uffee":2}'
    )


def test_only_what_must_be_escaped_is_escaped() -> None:
    assert canonical_json('é\n\t"\\\x01\x7f\ud83d') == '"é\\n\\t\\"\\\\\\u0001\x7f\\ud83d"'


def test_a_value_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes cannot be part of a document"):
        canonical_json({"a": b""})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_text_reads_as_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "1"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_values_are_the_same_whose_texts_are(one: object, other: object) -> None:
    assert is_same_json(one, other) == (canonical_json(one) == canonical_json(other))
    assert is_same_json(one, copy.deepcopy(one))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0.0, -0.0, True),
        (math.nan, None, True),
        ((1,), [1], True),
    ],
)
def test_numbers_are_the_same_that_are_written_the_same(
    one: object, other: object, is_same: bool
) -> None:
    assert is_same_json({"a": one}, {"a": other}) is is_same
