"""Gives back what the replay of simultaneous patches has lost, in documents of records (pure).

Patches are applied as well as they fit, so of two that were made at the same time one may lose
what was typed (§1.6), and a record that one person deletes while another types into it comes
back without its text, or not at all, depending on whose clock is ahead (§2.3).
"""

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from .canonical import canonical_json
from .records import Record, Records, RecordSchema

__all__ = ["Wanted", "mend_records", "texts_of_records", "touched_records"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[Value]):
    """What something should be: its texts by name, None where it should not be there.

    ``model`` is a value in which it is whole, for what has come or gone.
    """

    texts: Mapping[str, str] | None
    model: Value | None


def touched_records(records: Records, patches: Iterable[Sequence[Any]]) -> Records:
    """Return the records that patches may touch: what these do depends on no others."""
    schema = records.schema
    found: dict[int, Record] = {}
    for where in _wheres(schema, patches):
        found.update({id(record): record for record in records.get(where)})
    return Records(schema, [record for record in records if id(record) in found])


def texts_of_records(records: Records) -> dict[Hashable, dict[str, str]]:
    """Return the texts of all records that have a full key, by that and by field."""
    schema, texts = records.schema, {}
    for record in records:
        key = _full_key(schema, record)
        if key is not None:
            texts[key] = {name: _text(record, name) for name in schema.string_cols}
    return texts


def mend_records(replayed: Records, wanted: Mapping[Hashable, Wanted[Records]]) -> Records:
    """Return the replayed records with the texts and the records that are wanted.

    The very same object is returned where nothing is wrong. Other fields stay as the replay has
    them: who changed those last is right. But what came back by a few fields gets all others.
    """
    mended: Records | None = None
    for key, each in wanted.items():
        where = _where(replayed.schema, key)
        record = replayed.get_one(where)
        if each.texts is None:
            changes = None
            is_amiss = record is not None
        else:
            changes = _changes(where, record, each, each.texts)
            is_amiss = len(changes) > len(where) or record is None
        if not is_amiss:
            continue
        mended = replayed.copy() if mended is None else mended
        if changes is None:
            mended.delete(where)
        else:
            mended.set(changes)
    return replayed if mended is None else mended


def _changes(
    where: Record, record: Record | None, wanted: Wanted[Records], texts: Mapping[str, str]
) -> dict[str, Any]:
    whole = None if wanted.model is None else wanted.model.get_one(where)
    has = record or {}
    missing = {name: value for name, value in (whole or {}).items() if name not in has}
    lost = {name: text for name, text in texts.items() if text != _text(has, name)}
    return {**where, **missing, **lost}


def _wheres(schema: RecordSchema, patches: Iterable[Sequence[Any]]) -> Iterable[Record]:
    for patch in patches:
        for arguments in patch[1::2]:
            for each in arguments if isinstance(arguments, list) else ():
                if isinstance(each, Mapping):
                    yield schema.key_of(each)


def _text(record: Record, name: str) -> str:
    text = record.get(name)
    return text if isinstance(text, str) else ""


def _full_key(schema: RecordSchema, record: Record) -> Hashable | None:
    """Return what tells a record from all others; nearly always its key is of texts."""
    values = [record.get(name) for name in schema.primary_keys]
    if all(isinstance(value, str) for value in values):
        return tuple(values)
    return None if None in values else canonical_json(values)


def _where(schema: RecordSchema, key: Hashable) -> dict[str, Any]:
    values = json.loads(key) if isinstance(key, str) else cast("tuple[str, ...]", key)
    return dict(zip(schema.primary_keys, values, strict=True))
