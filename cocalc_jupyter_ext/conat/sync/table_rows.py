"""How tables and their rows are named in stores; pure (conat-sync §4.9)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..errors import ConatError
from ..protocol.codec import UNDEFINED, to_json
from .stable_json import stable_json

__all__ = ["PRIMARY_KEYS", "document_id", "parse_query", "row_key", "store_name"]

PRIMARY_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "patches": ("string_id", "time", "is_snapshot"),
    "syncstrings": ("string_id",),
    "ipywidgets": ("string_id", "model_id", "type"),
    "eval_inputs": ("string_id", "time", "user_id"),
    "eval_outputs": ("string_id", "time", "number"),
    "cursors": ("string_id", "user_id"),
}
"""The columns that identify a row of the tables that documents use."""


def parse_query(query: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return table and row of ``{table: [row]}`` (or ``{table: row}``); raises ConatError."""
    if len(query) == 1:
        ((table, rows),) = query.items()
        row = rows[0] if isinstance(rows, list | tuple) and len(rows) == 1 else rows
        if isinstance(row, Mapping):
            return table, dict(row)
    raise ConatError("a query has the form {table: [row]}, with one table and one row")


def store_name(table: str, row: Mapping[str, Any]) -> str:
    """Return the name of the store of a table that is a map."""
    string_id = row.get("string_id")
    return f"{table}:{string_id or stable_json(row)}"


def document_id(project_id: str, path: str) -> str:
    """Return what identifies a document everywhere: a hash of project and path."""
    # It names things and protects nothing.
    return hashlib.sha1(f"{project_id}{path}".encode(), usedforsecurity=False).hexdigest()


def row_key(row: Mapping[str, Any], primary_keys: Sequence[str]) -> str:
    """Return the text that identifies a row of a table with these primary keys."""
    if len(primary_keys) > 1:
        return stable_json([row.get(column) for column in primary_keys])
    return _text(row.get(primary_keys[0], UNDEFINED))


def _text(value: Any) -> str:
    if value is UNDEFINED or value is None:
        return ""
    if isinstance(value, str):
        return value
    is_object = isinstance(value, Mapping | list | tuple | datetime)
    return stable_json(value) if is_object else to_json(value)
