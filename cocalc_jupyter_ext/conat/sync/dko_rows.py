"""How objects are laid out in a key-value map: one row per field, one for the object (§4.3).

The row of an object is its key and holds the list of its fields; the row of a field is the JSON
text of ``[key, field]``. The row of an object whose key is itself such a text looks like the row of
a field; the stored form has it so.
"""

from dataclasses import dataclass
from typing import Final

from ..errors import CodecError
from ..protocol.codec import from_json, to_json

__all__ = ["PREFIX", "FieldRow", "ObjectRow", "field_key", "parse"]

PREFIX: Final = "__dko__"
"""Before the name of the store."""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """Says that an object exists, and which fields it has."""

    key: str


@dataclass(frozen=True, slots=True)
class FieldRow:
    """Holds the value of one field."""

    key: str
    field: str


def field_key(key: str, field: str) -> str:
    """Return the key of the row of a field."""
    return to_json([key, field])


def parse(row: str) -> ObjectRow | FieldRow:
    """Return what the key of a row stands for."""
    if row.startswith("[") and row.endswith("]"):
        try:
            pair = from_json(row)
        except CodecError:
            return ObjectRow(row)
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair):
            return FieldRow(*pair)
    return ObjectRow(row)
