"""Patches of documents of records: deletions and sets, one after the other (syncdoc-jupyter §1.7).

A patch is a flat list: ``-1, [where, ...]`` deletes, ``1, [record, ...]`` sets. Unknown
operations are skipped with their argument.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from .canonical import canonical_json, is_same_json
from .records import Record, Records, RecordSchema
from .string_patch import make_string_patch

__all__ = ["RecordPatch", "apply_record_patch", "make_record_patch"]

RecordPatch: TypeAlias = Sequence[Any]

_DELETE: Final = -1
_SET: Final = 1


def apply_record_patch(patch: RecordPatch, document: Records) -> None:
    """Apply a patch in place. Raises ValueError or TypeError for what is not a patch."""
    for operation, arguments in zip(patch[::2], patch[1::2], strict=False):
        if operation in {_DELETE, _SET} and not all(isinstance(each, dict) for each in arguments):
            raise TypeError("deletions and sets need objects")
        if operation == _DELETE:
            for where in arguments:
                document.delete(where)
        elif operation == _SET:
            for record in arguments:
                document.set(record)


def make_record_patch(old: Records, new: Records) -> list[Any]:
    """Return the patch from one document to another; an empty one when they are equal."""
    schema = new.schema
    removed, added = old.only_here(new), new.only_here(old)
    if not removed and not added:
        return []
    if len(new) == 0:
        return [_DELETE, [{}]]
    if not removed:
        return [_SET, added]
    if not added:
        return [_DELETE, [schema.key_of(record) for record in removed]]
    return _edits(schema, removed, added)


def _edits(schema: RecordSchema, removed: list[Record], added: list[Record]) -> list[Any]:
    before = _by_key(schema, removed)
    after = _by_key(schema, added)
    deletes = [schema.key_of(record) for key, record in before.items() if key not in after]
    sets = [
        _edit(schema, before[key], record) if key in before else record
        for key, record in after.items()
    ]
    patch: list[Any] = [_DELETE, deletes] if deletes else []
    return [*patch, _SET, sets] if sets else patch


def _by_key(schema: RecordSchema, records: Iterable[Record]) -> dict[str, Record]:
    return {canonical_json(schema.key_of(record)): record for record in records}


def _edit(schema: RecordSchema, old: Record, new: Record) -> dict[str, Any]:
    """Return the set that turns one record into another with the same key."""
    edit = schema.key_of(new)
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if name in schema.primary_keys or is_same_json(before, after):
            continue
        if after is None:
            edit[name] = None
        elif name in schema.string_cols and before is not None:
            if isinstance(before, str) and isinstance(after, str):
                edit[name] = make_string_patch(before, after)
        elif isinstance(before, dict) and isinstance(after, dict):
            edit[name] = _merge_map(before, after)
        else:
            edit[name] = after
    return edit


def _merge_map(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    vanished = {name: None for name in old if name not in new}
    changed = {
        name: value
        for name, value in new.items()
        if name not in old or not is_same_json(old[name], value)
    }
    return {**vanished, **changed}
