"""Widgets in the file of a notebook."""

from typing import Any

from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from cocalc_jupyter_ext.kernels.widgets.saved_state import saved_state
from tests.support.comm_messages import opened


def models(**states: dict[str, Any]) -> WidgetModels:
    made = WidgetModels()
    for model_id, state in states.items():
        made.apply(opened(model_id, {"_model_module_version": "2.0", **state}))
    return made


def test_what_is_shown_is_kept_with_what_it_needs() -> None:
    made = models(slider={"layout": "IPY_MODEL_layout"}, layout={}, unseen={})
    saved = saved_state(made.widgets(), {"slider"})
    assert saved is not None
    assert (saved["version_major"], saved["version_minor"]) == (2, 0)
    assert saved["state"].keys() == {"slider", "layout"}
    entry = saved["state"]["slider"]
    assert (entry["model_name"], entry["model_module"]) == ("M", "m")
    assert entry["model_module_version"] == "2.0"
    assert entry["state"]["layout"] == "IPY_MODEL_layout"
    assert "buffers" not in entry


def test_binary_parts_are_kept_as_base64() -> None:
    made = WidgetModels()
    made.apply(opened("picture", {}, {("value",): b"\x00\xff"}))
    saved = saved_state(made.widgets(), {"picture"})
    assert saved is not None
    (buffer,) = saved["state"]["picture"]["buffers"]
    assert buffer == {"encoding": "base64", "path": ["value"], "data": "AP8="}


def test_passwords_are_not_kept() -> None:
    typed = {"_model_name": "PasswordModel", "value": "secret", "description": "Key"}
    made = models(password=typed)
    saved = saved_state(made.widgets(), {"password"})
    assert saved is not None
    assert saved["state"]["password"]["state"]["description"] == "Key"
    assert "secret" not in str(saved)
    assert made.widgets()[0].state["value"] == "secret"


def test_views_of_an_earlier_kernel_keep_their_state_as_long_as_they_are_shown() -> None:
    before = saved_state(models(old={"layout": "IPY_MODEL_l"}, l={}).widgets(), {"old"})
    both = saved_state(models(new={}).widgets(), {"old", "new"}, before)
    assert both is not None
    assert both["state"].keys() == {"old", "l", "new"}
    only_new = saved_state(models(new={}).widgets(), {"new"}, both)
    assert only_new is not None
    assert only_new["state"].keys() == {"new"}


def test_nothing_shown_is_nothing_kept_and_nonsense_is_passed_over() -> None:
    assert saved_state(models(m={}).widgets(), set()) is None
    for nonsense in (None, 5, {}, {"state": 5}, {"state": {"a": 5}}):
        assert saved_state([], {"a"}, nonsense) is None
