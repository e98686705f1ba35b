"""What a document of records can hold: values of JSON (pure; syncdoc-jupyter §2.1)."""

import math
from collections.abc import Mapping
from typing import Any

from .records import FieldError, Record, RecordSchema

__all__ = ["checked_record", "json_value"]


def checked_record(schema: RecordSchema, record: Record) -> dict[str, Any]:
    """Return a copy of a record that is to be set, which nobody else changes.

    Raises FieldError, naming the place, for what a document cannot hold: nobody could share it
    any more.
    """
    checked = {name: json_value(value, str(name)) for name, value in record.items()}
    for name in checked.keys() & schema.string_cols:
        if not isinstance(checked[name], str | list | None):
            raise FieldError(f"{name!r} must be a text, not {type(checked[name]).__name__}")
    return checked


def json_value(value: Any, place: str) -> Any:
    """Return a copy of a value as JSON has it, tuples as lists; raises FieldError.

    Numbers are finite, and the keys of maps are texts.
    """
    match value:
        case None | bool() | str() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            if odd := [key for key in value if not isinstance(key, str)]:
                raise FieldError(f"{place!r} has the key {odd[0]!r}; keys are texts")
            return {key: json_value(each, f"{place}.{key}") for key, each in value.items()}
        case list() | tuple():
            return [json_value(each, f"{place}[{n}]") for n, each in enumerate(value)]
    what = repr(value) if isinstance(value, float) else f"of type {type(value).__name__}"
    raise FieldError(f"{place!r} is {what}; a document holds what JSON can hold")
