"""Gives back what the replay of simultaneous patches has lost (pure).

Patches are applied as well as they fit, so of two that were made at the same time one may lose
what was typed (§1.6), and a record that one person deletes while another types into it comes
back without its text, or not at all, depending on whose clock is ahead (§2.3). Both branches
are known, though: ``unite_records`` says what the document should be, ``mend_records`` makes
the fewest edits that lead there.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias

from .canonical import canonical_json
from .records import Record, Records, RecordSchema
from .unite_texts import has_same_characters, unite_apart, unite_texts

__all__ = ["mend_records", "unite_records"]

_ByKey: TypeAlias = Mapping[Hashable, Record]


def unite_records(base: Records, theirs: Records, ours: Records) -> Records:
    """Return our records with the texts that they typed and the records they added or deleted.

    A record that one side deleted stays when the other side typed into it. Other fields stay
    as we have them: who changes those last is right, and the replay knows that.
    """
    united = ours.copy()
    ancestors, own = _by_key(base), _by_key(ours)
    for key, their in _changed(ancestors, _by_key(theirs)):
        ancestor, our = ancestors.get(key), own.get(key)
        wanted = _unite(ours.schema, ancestor, their, our)
        if wanted is our:
            continue
        if our is not None:
            united.delete(ours.schema.key_of(our))
        if wanted is not None:
            united.set(wanted)
    return united


def mend_records(replayed: Records, wanted: Records) -> Records:
    """Return the replayed records with the texts and the records that are wanted.

    The very same object is returned where nothing is amiss. A text with all its characters
    is left as the replay has it, and so is every other field.
    """
    mended = replayed.copy()
    targets = _by_key(wanted)
    edited = False
    for key, record in _changed(targets, _by_key(replayed)):
        edited |= _mend(mended, record, targets.get(key))
    return mended if edited else replayed


def _mend(mended: Records, record: Record | None, target: Record | None) -> bool:
    schema = mended.schema
    if target is None:
        assert record is not None  # noqa: S101 - one of the two is there
        return mended.delete(schema.key_of(record)) > 0
    if record is None:
        return mended.set(target)
    lost = [name for name in schema.string_cols if _is_lost(record.get(name), target.get(name))]
    if not lost:
        return False
    # A record that came back by one field lacks all others, too.
    missing = {name: value for name, value in target.items() if name not in record}
    return mended.set({**schema.key_of(record), **missing, **{name: target[name] for name in lost}})


def _is_lost(text: Any, wanted: Any) -> bool:
    if not isinstance(wanted, str):
        return False
    return not isinstance(text, str) or not has_same_characters(text, wanted)


def _unite(
    schema: RecordSchema, base: Record | None, theirs: Record | None, ours: Record | None
) -> Record | None:
    if theirs is None or ours is None:
        left = ours if theirs is None else theirs
        return left if left is not None and _has_typed(schema, base or {}, left) else None
    unite = unite_apart if base is None else unite_texts
    texts = {
        name: unite(*(_text(version or {}, name) for version in (base, theirs, ours)))
        for name in schema.string_cols
        if isinstance(theirs.get(name), str)
    }
    return {**ours, **texts}


def _has_typed(schema: RecordSchema, base: Record, record: Record) -> bool:
    """Tell whether a record has another text than before; a new one counts as typed."""
    return not base or any(_text(base, name) != _text(record, name) for name in schema.string_cols)


def _text(record: Record, name: str) -> str:
    text = record.get(name)
    return text if isinstance(text, str) else ""


def _changed(old: _ByKey, new: _ByKey) -> Iterator[tuple[Hashable, Record | None]]:
    """Yield the keys of all records that differ, with what is new.

    They are compared as values: to write the text of each one, as a replay gives them without,
    takes long when there are large outputs.
    """
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield key, new.get(key)


def _by_key(records: Records) -> _ByKey:
    """Return the records that have a full key."""
    found = ((_full_key(records.schema, record), record) for record in records)
    return {key: record for key, record in found if key is not None}


def _full_key(schema: RecordSchema, record: Record) -> Hashable | None:
    """Return what tells a record from all others; nearly always its key is of texts."""
    values = [record.get(name) for name in schema.primary_keys]
    if all(isinstance(value, str) for value in values):
        return tuple(values)
    return None if None in values else canonical_json(values)
