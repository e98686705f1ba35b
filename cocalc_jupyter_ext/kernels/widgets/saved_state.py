"""The widgets of a notebook as its file keeps them (pure).

The format is that of ``application/vnd.jupyter.widget-state+json`` version 2, which JupyterLab,
nbconvert and others read.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .models import WidgetModel
from .records import kept_models, references

__all__ = ["STATE_MIME", "saved_state"]

STATE_MIME: Final = "application/vnd.jupyter.widget-state+json"

_SECRET: Final = frozenset({"PasswordModel"})
"""What is typed into these must not get into a file, which is shared and published."""


def saved_state(
    models: Iterable[WidgetModel], shown: set[str], before: object = None
) -> dict[str, Any] | None:
    """Return the state of what is needed to show these models; None if that is nothing.

    ``before`` is what the file has: of a view whose model is gone it still has the state.
    """
    state = {**_entries(before), **{model.model_id: _saved(model) for model in models}}
    refers_to = {model_id: references(each.get("state")) for model_id, each in state.items()}
    kept = kept_models(refers_to, shown)
    needed = {model_id: each for model_id, each in state.items() if model_id in kept}
    return {"version_major": 2, "version_minor": 0, "state": needed} if needed else None


def _entries(saved: object) -> dict[str, Mapping[str, Any]]:
    state = saved.get("state") if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping):
        return {}
    return {key: each for key, each in state.items() if isinstance(each, Mapping)}


def _saved(model: WidgetModel) -> Mapping[str, Any]:
    state = model.state
    if state.get("_model_name") in _SECRET:
        state = {key: value for key, value in state.items() if key != "value"}
    saved: dict[str, Any] = {
        "model_name": state.get("_model_name", ""),
        "model_module": state.get("_model_module", ""),
        "model_module_version": state.get("_model_module_version", ""),
        "state": state,
    }
    if model.buffers:
        saved["buffers"] = [
            {"encoding": "base64", "path": list(path), "data": base64.b64encode(part).decode()}
            for path, part in model.buffers.items()
        ]
    return saved
