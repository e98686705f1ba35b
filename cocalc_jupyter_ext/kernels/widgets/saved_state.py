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


def saved_state(models: Iterable[WidgetModel], shown: set[str]) -> dict[str, Any] | None:
    """Return the state of the models that are needed to show these; None if there are none."""
    by_id = {model.model_id: model for model in models}
    refers_to = {model_id: references(model.state) for model_id, model in by_id.items()}
    kept = kept_models(refers_to, shown)
    state = {model_id: _saved(model) for model_id, model in by_id.items() if model_id in kept}
    return {"version_major": 2, "version_minor": 0, "state": state} if state else None


def _saved(model: WidgetModel) -> Mapping[str, Any]:
    state = model.state
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
