import json
import math

from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Map

from cocalc_jupyter_ext.documents.shareable import shareable

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63), 2**70, 10**400])
TEXTS = st.text() | st.sampled_from(["\ud83d", "\udc0d\ud83d", "\ud83d\udc0d"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(ANY_JSON)
def test_whatever_json_it_is_made_of_it_can_be_shared_and_written(value) -> None:
    shared = Doc().get("shared", type=Map)
    shared["value"] = shareable(value)

    json.dumps(shared.to_py(), allow_nan=False, ensure_ascii=False).encode()


def test_what_can_be_shared_stays_as_it_is() -> None:
    value = {"a": [1, -(2**63), 1.5, True, None, "ä🐍", {"b": ()}], "c": 2**63 - 1}

    assert shareable(value) == {**value, "a": [*value["a"][:-1], {"b": []}]}
    assert shareable(True) is True


def test_other_numbers_become_what_a_browser_makes_of_them() -> None:
    assert shareable([2**70, -(2**64)]) == [2.0**70, -(2.0**64)]
    assert shareable([math.nan, math.inf, 10**400]) == [None, None, None]


def test_halves_of_characters_are_replaced_and_pairs_of_them_joined() -> None:
    replaced = "\N{REPLACEMENT CHARACTER}"

    assert shareable({"a\ud83d": "\ud83d\udc0d \ud83d"}) == {f"a{replaced}": f"🐍 {replaced}"}
