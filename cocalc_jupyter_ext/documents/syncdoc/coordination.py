"""The one record by which all participants of a document agree (syncdoc-jupyter §1.1, §1.4).

It says who takes part, of what kind the document is, whether it was loaded from its file, and
how far saving to that file has come. These functions compute what to write; they write nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from .records import RecordSchema

__all__ = [
    "CoordinationRecord",
    "DocumentType",
    "merged",
    "new_record",
    "participation",
    "settled_users",
    "string_id",
    "synced_path_of_notebook",
]

CoordinationRecord: TypeAlias = Mapping[str, Any]

_NOTEBOOK_SUFFIX: Final = ".ipynb"


def string_id(project_id: str, path: str) -> str:
    """Return the id of a document, under which all its stores are found."""
    return hashlib.sha1(f"{project_id}{path}".encode(), usedforsecurity=False).hexdigest()


def synced_path_of_notebook(path: str) -> str:
    """Return the hidden path under which a notebook is synced (§3.1); raises ValueError."""
    if not path.endswith(_NOTEBOOK_SUFFIX):
        raise ValueError(f"'{path}' is not a notebook: its name must end with {_NOTEBOOK_SUFFIX}")
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name}.sage-jupyter2"


@dataclass(frozen=True, slots=True)
class DocumentType:
    """Text, or records of a schema; ``has_cursors`` says whether participants show theirs."""

    schema: RecordSchema | None = None
    has_cursors: bool = True
    is_ephemeral: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the object that open-files entries hold, and as text the record."""
        options: dict[str, Any] = {}
        if self.schema is not None:
            options["primary_keys"] = list(self.schema.primary_keys)
            options["string_cols"] = sorted(self.schema.string_cols)
        if self.has_cursors:
            options["cursors"] = True
        if self.is_ephemeral:
            options["ephemeral"] = True
        if self.schema is not None:
            return {"type": "db", "patch_format": 1, "opts": options}
        return {"type": "string", **({"opts": options} if options else {})}

    @classmethod
    def from_wire(cls, value: object) -> "DocumentType":
        """Read such an object or its text; what says nothing else is text."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if not isinstance(value, dict):
            return cls(has_cursors=False)
        options = value.get("opts")
        options = options if isinstance(options, dict) else {}
        keys = _names(options.get("primary_keys"))
        schema = None
        if value.get("type") == "db" and keys:
            schema = RecordSchema(tuple(keys), frozenset(_names(options.get("string_cols"))))
        return cls(schema, bool(options.get("cursors")), bool(options.get("ephemeral")))

    def to_text(self) -> str:
        """Return the text that the record holds."""
        return json.dumps(self.to_wire(), separators=(",", ":"))


def merged(record: CoordinationRecord, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with changes: maps merge at every level, lists index by index.

    So ``save.hash`` outlives an update that only names ``save.state`` (§1.4).
    """
    return _merged(dict(record), changes)  # type: ignore[no-any-return]  # maps give a map


def participation(record: CoordinationRecord, participant: str) -> tuple[dict[str, Any], int]:
    """Return what a participant must write to take part, and its user id.

    Nothing needs to be written by one who takes part already.
    """
    users = list(record.get("users") or ())
    if participant in users:
        return {}, users.index(participant)
    return {"users": [*users, participant]}, len(users)


def settled_users(known: Sequence[str], users: Sequence[str]) -> list[str]:
    """Return the users with everybody where they were first seen; who is new comes last.

    Two who join at the same instant write the list both, and one takes the other's place, though
    there may be commits under that number already.
    """
    return [*known, *[user for user in users if user not in known]]


def new_record(project_id: str, path: str, doctype: DocumentType, now: datetime) -> dict[str, Any]:
    """Return the record of a document that nobody has opened yet, still without users."""
    return {
        "string_id": string_id(project_id, path),
        "project_id": project_id,
        "path": path,
        "doctype": doctype.to_text(),
        "last_active": now,
    }


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        both = {name: _merged(old[name], new[name]) for name in old.keys() & new.keys()}
        return {**old, **new, **both}
    if isinstance(old, list) and isinstance(new, list):
        common = [_merged(*pair) for pair in zip(old, new, strict=False)]
        return [*common, *old[len(new) :], *new[len(old) :]]
    return new


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
