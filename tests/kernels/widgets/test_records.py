"""The records of the table (syncdoc-jupyter §8.1, §8.5)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from cocalc_jupyter_ext.kernels.widgets.records import (
    VIEW_MIME,
    blob_id,
    buffer_hashes,
    changed_fields,
    kept_models,
    merge_value,
    parse_key,
    record_key,
    references,
    shown_models,
    state_record,
)
from tests.support.comm_messages import opened, updated

KEYS = st.sampled_from(["a", "b"])
JSON = st.recursive(
    st.one_of(st.integers(), st.text(), st.booleans(), st.none()),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=5,
)
VALUES = st.dictionaries(KEYS, JSON)


def test_the_key_is_a_compact_json_array() -> None:
    """syncdoc-jupyter §8.1."""
    assert record_key("s", "m", "state") == '["s","m","state"]'
    assert parse_key('["s","m","state"]') == ("m", "state")
    for nonsense in ("", "x", "[]", '["a","b"]', '["a","b",5]', "5", "null"):
        assert parse_key(nonsense) is None


def test_the_state_is_that_of_the_opening_without_nulls() -> None:
    """syncdoc-jupyter §8.1, §8.2 (2)."""
    models = WidgetModels()
    models.apply(opened("m", {"value": 1, "tooltip": None}))
    models.apply(updated("m", {"value": 2}))
    model = models.get("m")
    assert model is not None
    assert state_record(model) == {"_model_name": "M", "_model_module": "m", "value": 1}


def test_maps_of_a_value_are_merged_one_level_deep_and_all_else_is_replaced() -> None:
    """syncdoc-jupyter §8.1, writing ``value``."""
    current = {"map": {"a": {"x": 1}, "b": 2}, "list": [1], "same": 1}
    changes = {"map": {"a": {"y": 1}}, "list": [2], "null": None}
    assert merge_value(current, changes) == {
        "map": {"a": {"y": 1}, "b": 2},
        "list": [2],
        "same": 1,
    }


@given(VALUES, VALUES)
def test_a_merged_value_has_all_changes_and_loses_no_field(
    current: dict[str, Any], changes: dict[str, Any]
) -> None:
    before = {key: dict(v) if isinstance(v, dict) else v for key, v in current.items()}
    merged = merge_value(current, changes)
    assert merged.keys() >= current.keys()
    for key, value in changes.items():
        if isinstance(value, dict):
            assert merged[key].items() >= value.items()
        elif value is not None:
            assert merged[key] == value
    for key in current.keys() - changes.keys():
        assert merged[key] == current[key]
    assert current == before
    assert merge_value(merged, changes) == merged


@given(VALUES, VALUES)
def test_what_was_changed_makes_the_known_value_the_written_one(
    known: dict[str, Any], written: dict[str, Any]
) -> None:
    changed = changed_fields(known, {**written, "last_changed": 5})
    assert {**known, **changed} == {**known, **written}
    assert changed_fields({**known, **changed}, written) == {}


def test_binary_parts_are_named_by_their_hash_and_a_cleared_one_by_nothing() -> None:
    """syncdoc-jupyter §8.1, ``buffers``: merged with what is there."""
    models = WidgetModels()
    models.apply(opened("m", {}, {("a",): b"1", ("b",): b"2"}))
    model = models.get("m")
    assert model is not None
    first = buffer_hashes(model, {})
    assert first == {'["a"]': blob_id(b"1"), '["b"]': blob_id(b"2")}
    models.apply(updated("m", {"b": None}, {("a",): b"3"}))
    hashes = buffer_hashes(model, {**first, "custom": "custom"})
    assert hashes == {'["a"]': blob_id(b"3"), '["b"]': "", "custom": "custom"}


def test_references_are_found_wherever_models_are_named() -> None:
    """syncdoc-jupyter §8.5."""
    state = {
        "layout": "IPY_MODEL_one",
        "children": ["IPY_MODEL_two", {"deep": ["IPY_MODEL_three"]}],
        "outputs": [{"data": {VIEW_MIME: {"model_id": "four"}}}],
        "object_ids": ["five", 5],
        "text": "no IPY_MODEL_six",
        VIEW_MIME: "nonsense",
    }
    assert references(state) == {"one", "two", "three", "four", "five"}


def test_views_in_outputs_show_models() -> None:
    outputs = [{VIEW_MIME: {"model_id": "a"}}, {"text/plain": "x"}, None]
    assert shown_models(outputs) == {"a"}
    assert shown_models([]) == set()


def test_what_is_shown_stays_with_all_it_needs_and_all_that_acts_on_it() -> None:
    """syncdoc-jupyter §8.5."""
    refers_to = {
        "box": {"slider", "gone"},
        "slider": {"layout"},
        "layout": set[str](),
        "link": {"slider", "text"},
        "text": {"style"},
        "style": set[str](),
        "unseen": {"its layout"},
        "its layout": set[str](),
    }
    kept = {"box", "slider", "layout", "link", "text", "style"}
    assert kept_models(refers_to, {"box"}) == kept
    assert kept_models(refers_to, {"none"}) == set()
