"""What an action does to the records of a notebook (pure; syncdoc-jupyter §2.3, §2.5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..syncdoc.records import Record, Records

__all__ = ["Change", "Delete", "Set", "apply_changes", "map_changes", "set_cell", "set_settings"]


@dataclass(frozen=True, slots=True)
class Set:
    """Edit the record with this key, or add it; null deletes a field, maps merge one level deep."""

    record: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the records with this key."""

    where: Record


Change: TypeAlias = Set | Delete


def set_cell(cell_id: str, **fields: Any) -> Set:
    """Return the change of some fields of a cell."""
    return Set({"type": "cell", "id": cell_id, **fields})


def set_settings(**fields: Any) -> Set:
    """Return the change of some settings of the notebook; their record has no id (§2.4)."""
    return Set({"type": "settings", **fields})


def apply_changes(records: Records, changes: Iterable[Change]) -> None:
    """Make changes in place, one after the other; raises FieldError."""
    for change in changes:
        if isinstance(change, Set):
            records.set(change.record)
        else:
            records.delete(change.where)


def map_changes(old: object, new: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what must be set so that a field holds this map; null where it would be empty.

    Setting a map merges it into the one that is there, so keys that go are named with null.
    """
    if not new:
        return None
    if not isinstance(old, Mapping):
        return dict(new)
    return {**dict.fromkeys(old.keys() - new.keys()), **new}
