"""A document of records: maps with string keys and JSON values (syncdoc-jupyter §2).

Primary key fields say which record is meant; a ``set`` edits the first match or adds a
record; text in the ``string_cols`` is merged by patches, maps are merged one level deep,
everything else is replaced. A ``Records`` is edited in place by its owner; a ``copy`` shares
the records themselves, which are never changed once they are in.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from .canonical import canonical_json, in_javascript_order, is_same_json
from .string_patch import apply_string_patch

__all__ = ["FieldError", "Record", "RecordSchema", "Records"]

_log = logging.getLogger(__name__)

Record: TypeAlias = Mapping[str, Any]
Where: TypeAlias = Mapping[str, Any]

_MAX_LOGGED: Final = 100


class FieldError(ValueError):
    """A field is used in a way that the document does not allow."""


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """Which fields identify a record, and which hold text that is merged."""

    primary_keys: tuple[str, ...]
    string_cols: frozenset[str] = frozenset()

    def key_of(self, record: Record) -> dict[str, Any]:
        """Return the primary key fields that have a value."""
        return {name: record[name] for name in self.primary_keys if record.get(name) is not None}


class Records:
    """The records, in the order in which they came."""

    def __init__(self, schema: RecordSchema, records: Iterable[Record] = ()) -> None:
        self.schema = schema
        self._records: dict[int, Record] = {}
        # Of each key field: where its values are. Tuples, so that a copy can share them.
        self._index: dict[str, dict[str, tuple[int, ...]]] = {
            name: {} for name in schema.primary_keys
        }
        self._texts: dict[int, str] = {}
        self._next = 0
        for record in records:
            self._append(record)

    @classmethod
    def from_text(cls, schema: RecordSchema, text: str) -> Self:
        """Read one record from each line; lines that hold none are skipped, with a warning."""
        return cls(schema, _read_lines(text))

    def to_text(self) -> str:
        """Return the canonical text (§2.6)."""
        return "\n".join(self.to_lines())

    def to_lines(self) -> list[str]:
        """Return the lines of the canonical text, one for each record."""
        return in_javascript_order(map(self._text, self._records))

    def take_texts(self, copy: "Records") -> None:
        """Note the texts that a copy has written, of records that are still here."""
        for index, record, text in copy.written():
            if self._records.get(index) is record:
                self._texts[index] = text

    def written(self) -> Iterator[tuple[int, Record, str]]:
        """Yield the records whose texts are known, each with its place."""
        for index, text in self._texts.items():
            yield index, self._records[index], text

    def by_text(self) -> dict[str, Record]:
        """Return the records by their canonical texts: documents are sets of these (§2.7)."""
        return {self._text(index): record for index, record in self._records.items()}

    def copy(self) -> "Records":
        """Return a document of its own with the same records."""
        other = Records(self.schema)
        other._records = dict(self._records)
        other._index = {name: dict(values) for name, values in self._index.items()}
        other._texts = dict(self._texts)
        other._next = self._next
        return other

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def __eq__(self, other: object) -> bool:
        """Compare as sets of records; order and schema do not matter (§2.7)."""
        if not isinstance(other, Records):
            return NotImplemented
        return not self.only_here(other) and not other.only_here(self)

    __hash__ = None  # type: ignore[assignment]  # it can be edited

    def get(self, where: Where | None = None) -> list[Record]:
        """Return all matches; raises FieldError for a field that is no primary key (§2.2)."""
        return [self._records[index] for index in self._matches(where or {})]

    def get_one(self, where: Where | None = None) -> Record | None:
        """Return the first match."""
        index = self._first(where or {})
        return None if index is None else self._records[index]

    def set(self, record: Record) -> bool:
        """Edit the first record with this key, or add one; return whether anything changed.

        Raises FieldError when a text column would get something that is not text (§2.3).
        """
        key = self.schema.key_of(record)
        index = self._first(key)
        if index is None:
            self._append({**key, **self._new_fields(record)})
            return True
        old = self._records[index]
        new = self._edited(old, record)
        if is_same_json(new, old):
            return False
        self._records[index] = new
        self._texts.pop(index, None)
        return True

    def delete(self, where: Where | None = None) -> int:
        """Delete all matches and return how many there were; an empty where matches all."""
        found = list(self._matches(where or {}))
        for index in found:
            self._remove(index)
        return len(found)

    def only_here(self, other: "Records") -> list[Record]:
        """Return each record that the other document does not have (§2.7).

        What both have they share afterwards, so that the next look at it is a short one.
        """
        found: list[Record] = []
        repeated: set[str] = set()
        for index, record in self._records.items():
            if (same := other.held(record, index)) is not None:
                self._records[index] = same
                continue
            if len(self._alike(record)) > 1:
                text = self._text(index)
                if text in repeated:
                    continue
                repeated.add(text)
            found.append(record)
        return found

    def held(self, record: Record, place: int) -> Record | None:
        """Return a record as this document holds it, or None; it may well be at this place."""
        at_place = self._records.get(place)
        if at_place is record:
            return record
        if at_place is not None and is_same_json(at_place, record):
            return at_place
        alike = (self._records[index] for index in self._alike(record))
        return next((each for each in alike if is_same_json(each, record)), None)

    def changed_keys(self, other: "Records") -> list[dict[str, Any]]:
        """Return the keys of all records that are in one document and not in the other (§2.7)."""
        differing = [*self.only_here(other), *other.only_here(self)]
        keys = {canonical_json(key): key for key in map(self.schema.key_of, differing)}
        return list(keys.values())

    def edits_since(self, other: "Records") -> list[tuple[Record | None, Record | None]]:
        """Return what became of the records of another document of the same origin, in pairs.

        Records are told apart by identity: one that was set to what it was may be among them.
        """
        own, theirs = self._records, other._records  # noqa: SLF001 - of the same class
        pairs = [
            (theirs.get(i), record) for i, record in own.items() if theirs.get(i) is not record
        ]
        return pairs + [(record, None) for i, record in theirs.items() if i not in own]

    def _alike(self, record: Record) -> Sequence[int]:
        """Return where records are that have the same values of key fields, or more of them."""
        return list(self._matches(self.schema.key_of(record)))

    def _append(self, record: Record) -> None:
        index, self._next = self._next, self._next + 1
        self._records[index] = record
        for name, text in self._key_texts(record):
            places = self._index[name]
            places[text] = (*places.get(text, ()), index)

    def _text(self, index: int) -> str:
        """Return a record's canonical text, written once: outputs are long."""
        text = self._texts.get(index)
        if text is None:
            text = self._texts[index] = canonical_json(self._records[index])
        return text

    def _remove(self, index: int) -> None:
        self._texts.pop(index, None)
        for name, text in self._key_texts(self._records.pop(index)):
            places = self._index[name]
            left = tuple(place for place in places[text] if place != index)
            if left:
                places[text] = left
            else:
                del places[text]

    def _key_texts(self, record: Record) -> Iterator[tuple[str, str]]:
        for name in self.schema.primary_keys:
            if record.get(name) is not None:
                yield name, canonical_json(record[name])

    def _first(self, where: Where) -> int | None:
        return next(iter(self._matches(where)), None)

    def _matches(self, where: Where) -> Iterable[int]:
        """Return the indices of the matches, in order."""
        wanted = {name: canonical_json(value) for name, value in where.items()}
        for name in wanted:
            if name not in self._index:
                raise FieldError(f"the field '{name}' must be a primary key")
        if not wanted:
            return list(self._records)
        candidates = min((self._index[n].get(text, ()) for n, text in wanted.items()), key=len)
        return [index for index in candidates if self._has(index, wanted)]

    def _has(self, index: int, wanted: Mapping[str, str]) -> bool:
        record = self._records[index]
        return all(
            name in record and canonical_json(record[name]) == text for name, text in wanted.items()
        )

    def _new_fields(self, record: Record) -> dict[str, Any]:
        """Drop what cannot be in a new record: nulls, and patches of text that is not there."""
        return {
            name: value
            for name, value in record.items()
            if value is not None
            and not (name in self.schema.string_cols and isinstance(value, list))
        }

    def _edited(self, old: Record, changes: Record) -> Record:
        new = dict(old)
        for name, value in changes.items():
            if name in self.schema.primary_keys:
                continue
            if value is None:
                new.pop(name, None)
            elif name in self.schema.string_cols:
                new[name] = _edited_text(name, old.get(name), value)
            elif isinstance(value, dict) and isinstance(old.get(name), dict):
                new[name] = _merged(old[name], value)
            else:
                new[name] = value
        return new


def _edited_text(name: str, old: Any, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return apply_string_patch(value, old if isinstance(old, str) else "")
    raise FieldError(f"the field '{name}' must be a string")


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**old, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _read_lines(text: str) -> Sequence[Record]:
    records = []
    for line in text.split("\n"):
        if not line:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
        else:
            _log.warning("a line of a document holds no record: %s", line[:_MAX_LOGGED])
    return records
