"""What CoCalc clients see of the models: the records of the table (syncdoc-jupyter §8.1, pure)."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from .captured_outputs import to_messages
from .comm_messages import path_text
from .models import OUTPUTS, WidgetModel

__all__ = [
    "LAST_CHANGED",
    "TYPES",
    "VIEW_MIME",
    "RecordType",
    "blob_id",
    "buffer_hashes",
    "changed_fields",
    "kept_models",
    "merge_value",
    "parse_key",
    "record_key",
    "references",
    "shown_models",
    "state_record",
    "visible",
]

RecordType: TypeAlias = Literal["state", "value", "buffers", "message"]
TYPES: Final[tuple[RecordType, ...]] = ("state", "value", "buffers", "message")
LAST_CHANGED: Final = "last_changed"
VIEW_MIME: Final = "application/vnd.jupyter.widget-view+json"

_REFERENCE: Final = "IPY_MODEL_"


def record_key(string_id: str, model_id: str, record_type: RecordType) -> str:
    """Return the key of a record: compact JSON."""
    return json.dumps([string_id, model_id, record_type], separators=(",", ":"), ensure_ascii=False)


def parse_key(key: str) -> tuple[str, str] | None:
    """Return the model's id and the type of a record; None if the key is none of a record."""
    try:
        parts = json.loads(key)
    except ValueError:
        return None
    if isinstance(parts, list) and len(parts) == 3 and all(isinstance(p, str) for p in parts):
        return parts[1], parts[2]
    return None


def blob_id(content: bytes) -> str:
    """Return the name of a binary part."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def state_record(model: WidgetModel) -> dict[str, Any]:
    """Return the state that the model was opened with, without fields that are null."""
    return {key: value for key, value in model.initial.items() if value is not None}


def visible(key: str, value: object) -> object:
    """Return a field as clients see it: what Output widgets hold has no type (§8.4)."""
    return to_messages(value) if key == OUTPUTS and isinstance(value, list | tuple) else value


def merge_value(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value with changes: maps are merged one level deep, nulls change nothing (§8.1)."""
    merged = dict(current)
    for key, new in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            merged[key] = {**old, **new}
        elif new is not None:
            merged[key] = new
    return merged


def changed_fields(known: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a value that somebody has written; absent ones are not deleted."""
    return {
        key: value
        for key, value in written.items()
        if key != LAST_CHANGED and (key not in known or known[key] != value)
    }


def buffer_hashes(model: WidgetModel, known: Mapping[str, str]) -> dict[str, str]:
    """Return where a model has binary parts, by name; the empty name where it had one before."""
    present = {path_text(path): blob_id(content) for path, content in model.buffers.items()}
    cleared = {path: "" for path in known if path.startswith("[") and path not in present}
    return {**known, **cleared, **present}


def references(value: object) -> set[str]:
    """Return the models that a state, or an output, refers to (§8.5)."""
    found: set[str] = set()
    rest = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, str) and each.startswith(_REFERENCE):
            found.add(each.removeprefix(_REFERENCE))
        elif isinstance(each, Mapping):
            found |= _named(each)
            rest.extend(each.values())
        elif isinstance(each, list | tuple):
            rest.extend(each)
    return found


def shown_models(outputs: Iterable[object]) -> set[str]:
    """Return the models whose views these outputs show."""
    return set().union(*map(references, outputs))


def kept_models(refers_to: Mapping[str, set[str]], shown: set[str]) -> set[str]:
    """Return the models to keep: what is shown, with all that refers to it or is referred to."""
    referred_by: dict[str, set[str]] = {}
    for model_id, others in refers_to.items():
        for other in others:
            referred_by.setdefault(other, set()).add(model_id)
    kept: set[str] = set()
    rest = list(shown)
    while rest:
        model_id = rest.pop()
        if model_id in kept or model_id not in refers_to:
            continue
        kept.add(model_id)
        rest.extend(refers_to[model_id] | referred_by.get(model_id, set()))
    return kept


def _named(value: Mapping[Any, Any]) -> set[str]:
    """Return models that are named without the usual mark: by views, and by k3d."""
    view = value.get(VIEW_MIME)
    found = {view["model_id"]} if isinstance(view, Mapping) and "model_id" in view else set()
    objects = value.get("object_ids")
    if isinstance(objects, list | tuple):
        found |= set(objects)
    return {name for name in found if isinstance(name, str)}
