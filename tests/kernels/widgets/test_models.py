"""The fold of a kernel's comm messages into models (syncdoc-jupyter §8.2, §8.4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.widgets.models import Change, WidgetLimits, WidgetModels
from tests.support.comm_messages import captured, closed, custom, opened, updated

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(st.integers(), st.none(), st.dictionaries(KEYS, st.integers()))


@pytest.fixture
def models() -> WidgetModels:
    return WidgetModels()


def state(models: WidgetModels, model_id: str) -> dict[str, Any]:
    model = models.get(model_id)
    assert model is not None
    return {key: value for key, value in model.state.items() if not key.startswith("_")}


def test_opening_updating_and_closing_are_told(models: WidgetModels) -> None:
    assert models.apply(opened("m", {"value": 1})) == [Change("opened", "m")]
    assert models.apply(updated("m", {"value": 2})) == [
        Change("updated", "m", frozenset({"value"}))
    ]
    assert state(models, "m") == {"value": 2}
    assert models.apply(closed("m")) == [Change("closed", "m")]
    assert (len(models), models.apply(closed("m"))) == (0, [])


@given(st.dictionaries(KEYS, VALUES), st.lists(st.dictionaries(KEYS, VALUES)))
def test_each_field_has_the_value_it_was_given_last(
    initial: dict[str, Any], updates: list[dict[str, Any]]
) -> None:
    models, expected = WidgetModels(), dict(initial)
    models.apply(opened("m", initial))
    for number, update in enumerate(updates):
        models.apply(updated("m", update, method=("update", "echo_update")[number % 2]))
        expected.update(update)
    assert state(models, "m") == expected


def test_binary_parts_are_replaced_together_with_their_field(models: WidgetModels) -> None:
    models.apply(opened("m", {"list": [None, None]}, {("value",): b"1", ("list", 1): b"2"}))
    model = models.get("m")
    assert model is not None
    assert model.buffers == {("value",): b"1", ("list", 1): b"2"}
    models.apply(updated("m", {"list": [None]}, {("list", 0): b"3"}))
    assert model.buffers == {("value",): b"1", ("list", 0): b"3"}
    models.apply(updated("m", {"value": None}))
    assert model.buffers == {("list", 0): b"3"}


def test_binary_parts_without_a_place_in_the_state_are_left_out(models: WidgetModels) -> None:
    places = [("list", 5), ("list", 0, "x"), ("none", "x"), ("text", 0)]
    models.apply(
        opened("m", {"list": [1], "text": "ab"}, dict.fromkeys(places, b"x"))  # type: ignore[arg-type]
    )
    model = models.get("m")
    assert model is not None
    assert model.buffers == {}


def test_a_widget_that_was_opened_before_is_taken_in_by_its_whole_state(
    models: WidgetModels,
) -> None:
    assert models.apply(updated("m", {"value": 1})) == []
    whole = {"value": 1, "_model_name": "M", "_model_module": "m"}
    assert models.apply(updated("m", whole)) == [Change("opened", "m")]
    assert state(models, "m") == {"value": 1}


def test_messages_for_unknown_models_and_of_unknown_methods_change_nothing(
    models: WidgetModels,
) -> None:
    models.apply(opened("m"))
    for message in (
        custom("none", {}),
        closed("none"),
        updated("none", {"value": 1}),
        updated("m", {"value": 1}, method="unheard"),
        captured("stream", name="stdout", text="x"),
        captured("comm_open"),
    ):
        assert models.apply(message) == []
    assert state(models, "m") == {}


def test_the_newest_custom_message_is_kept(models: WidgetModels) -> None:
    models.apply(opened("m"))
    assert models.apply(custom("m", {"n": 1}, b"x")) == [Change("custom", "m")]
    models.apply(custom("m", {"n": 2}))
    model = models.get("m")
    assert model is not None
    assert model.custom is not None
    assert (model.custom.content, model.custom.buffers) == ({"n": 2}, ())


def test_comms_of_others_are_known_by_name_only(models: WidgetModels) -> None:
    assert models.apply(opened("x", {"value": 1}, target="other")) == []
    assert models.apply(updated("x", {"value": 1})) == []
    assert [each.model_id for each in models.comms("other")] == ["x"]
    assert models.widgets() == []


def test_what_is_captured_is_in_the_widget_after_the_batch(models: WidgetModels) -> None:
    """syncdoc-jupyter §8.4: appended to ``outputs``, for the request that it names."""
    models.apply(opened("out", {"outputs": []}))
    models.apply(updated("out", {"msg_id": "run"}))
    models.apply(captured("stream", name="stdout", text="in"))
    models.apply(captured("stream", parent="other", name="stdout", text="not in"))
    assert models.has_unshown
    assert models.show_captured() == [Change("updated", "out", frozenset({"outputs"}))]
    assert models.show_captured() == []
    models.apply(updated("out", {"msg_id": ""}))
    models.apply(captured("stream", name="stdout", text="after"))
    models.show_captured()
    assert state(models, "out")["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": "in"}
    ]
    assert [model.model_id for model in models.end_request("run")] == ["out"]
    assert models.end_request("run") == []


def test_outputs_that_python_sets_take_the_place_of_what_was_captured(
    models: WidgetModels,
) -> None:
    models.apply(opened("out", {"outputs": [], "msg_id": "run"}))
    models.apply(captured("stream", name="stdout", text="old"))
    models.show_captured()
    models.apply(updated("out", {"outputs": []}))
    models.apply(captured("stream", name="stdout", text="new"))
    models.show_captured()
    assert [each["text"] for each in state(models, "out")["outputs"]] == ["new"]


def test_a_display_in_a_widget_is_updated_from_anywhere(models: WidgetModels) -> None:
    display: dict[str, Any] = {"metadata": {}, "transient": {"display_id": "d"}}
    models.apply(opened("out", {"msg_id": "run"}))
    models.apply(captured("display_data", data={"text/plain": "old"}, **display))
    models.show_captured()
    new = captured("update_display_data", parent="other", data={"text/plain": "new"}, **display)
    models.apply(new)
    models.show_captured()
    assert state(models, "out")["outputs"][0]["data"] == {"text/plain": "new"}


def test_too_many_models_are_not_kept_and_it_is_said() -> None:
    models = WidgetModels(WidgetLimits(max_models=2))
    for name in "abc":
        models.apply(opened(name))
    assert (len(models), models.is_complete) == (2, False)
    assert models.apply(updated("c", {"value": 1, "_model_name": "M", "_model_module": "m"})) == []


def test_what_is_too_large_is_not_kept_and_it_is_said() -> None:
    models = WidgetModels(WidgetLimits(max_bytes=10_000))
    models.apply(opened("m", {"value": 1}))
    assert models.apply(updated("m", {"value": "x" * 20_000})) == []
    models.apply(updated("m", {}, {("picture",): b"x" * 20_000}))
    models.apply(custom("m", {}, b"x" * 20_000))
    model = models.get("m")
    assert model is not None
    assert (state(models, "m"), model.buffers) == ({"value": 1}, {})
    assert model.custom is not None
    assert model.custom.buffers == ()
    assert not models.is_complete


def test_memory_is_given_back() -> None:
    models = WidgetModels(WidgetLimits(max_bytes=10_000))
    for _ in range(10):
        models.apply(opened("m", {"value": "x" * 4_000}, {("b",): b"x" * 4_000}))
        models.apply(closed("m"))
        models.apply(opened("m", {"value": "x" * 4_000}))
        models.apply(updated("m", {"value": "y" * 4_000}))
        models.apply(custom("m", {}, b"x" * 4_000))
        models.apply(custom("m", {}))
    assert models.is_complete
