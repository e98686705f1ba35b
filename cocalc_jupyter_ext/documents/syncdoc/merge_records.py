"""Three versions of a document of records become one (pure).

For two faces that were apart: what both had, what the patches have now, what the shared types
have now. An edit that both made counts once; where they made different ones, nothing typed is lost,
and of what cannot be merged ours stays.
"""

from collections.abc import Mapping
from typing import Any

from ..merge_values import MISSING, merge_maps, merge_values
from .canonical import canonical_json
from .records import Record, Records, RecordSchema
from .unite_texts import unite_apart

__all__ = ["merge_records"]


def merge_records(base: Records, theirs: Records, ours: Records) -> Records:
    """Return a document with what changed on either side since ``base``.

    A record that one side deleted and the other edited stays. A record whose key names others
    too stays as theirs: nothing can be done to it alone.
    """
    schema = ours.schema
    versions = [_by_key(version) for version in (base, theirs, ours)]
    merged = theirs.copy()
    for key in {**versions[2], **versions[1]}:
        was, their, our = (version.get(key) for version in versions)
        wanted = _merge_record(schema, was, their, our)
        where = schema.key_of(our or their or {})
        if wanted is their or _names_others(merged, where):
            continue
        merged.delete(where)
        if wanted is not None:
            merged.set(wanted)
    return merged


def _by_key(records: Records) -> dict[str, Record]:
    return {canonical_json(records.schema.key_of(record)): record for record in records}


def _names_others(records: Records, key: Record) -> bool:
    """Tell whether a key matches records that have more of a key (§2.2)."""
    return any(records.schema.key_of(record) != key for record in records.get(key))


def _merge_record(
    schema: RecordSchema, base: Record | None, theirs: Record | None, ours: Record | None
) -> Record | None:
    if theirs == ours:
        return theirs
    if theirs is None or ours is None:
        left = ours if theirs is None else theirs
        return None if base is not None and left == base else left
    merged: dict[str, Any] = {}
    for name in {**ours, **theirs}:
        versions = [(version or {}).get(name, MISSING) for version in (base, theirs, ours)]
        value = _merge_field(schema, name, *versions)
        if value is not MISSING:
            merged[name] = value
    return theirs if merged == theirs else merged


def _merge_field(schema: RecordSchema, name: str, base: Any, theirs: Any, ours: Any) -> Any:
    if name in schema.string_cols and isinstance(theirs, str) and isinstance(ours, str):
        return unite_apart(base if isinstance(base, str) else "", theirs, ours)
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return merge_maps(base if isinstance(base, Mapping) else {}, theirs, ours).value
    return merge_values(base, theirs, ours).value
