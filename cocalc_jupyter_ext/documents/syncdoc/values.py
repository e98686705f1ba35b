"""What a document's value is: text, or records (syncdoc-jupyter §1.6, §1.7, §2).

``Kind`` hides the difference from everything that replays patches. A value that was handed out
is not changed any more; ``edit`` gives one that may be.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .mending import mend_records, unite_records
from .merge_records import merge_records
from .record_patch import apply_record_patch, make_record_patch
from .records import Records, RecordSchema
from .string_patch import apply_string_patch, make_string_patch
from .unite_texts import has_same_characters, unite_apart, unite_texts

__all__ = ["Kind", "RecordsKind", "TextKind"]

Value = TypeVar("Value")


class Kind(Protocol[Value]):
    """How the values of one kind of document change."""

    def empty(self) -> Value:
        """Return the value of a document without patches."""
        ...

    def from_text(self, text: str) -> Value:
        """Read what ``to_text`` has written, or a file."""
        ...

    def to_text(self, value: Value) -> str:
        """Return the text of a value: what is hashed, stored in files and in snapshots."""
        ...

    def edit(self, value: Value) -> Value:
        """Return a value that is equal and may be given to ``apply``."""
        ...

    def apply(self, value: Value, changes: list[Any]) -> Value:
        """Return the value with changes applied as well as they fit; it may be the same object.

        Changes that make no sense change nothing.
        """
        ...

    def difference(self, old: Value, new: Value) -> list[Any]:
        """Return the changes from one value to another; empty when they are equal."""
        ...

    def merge(self, base: Value, theirs: Value, ours: Value) -> Value:
        """Return a value with what changed on either side since ``base``.

        Both may know some of the other's edits: what is on both sides counts once.
        """
        ...

    def unite(self, base: Value, theirs: Value, ours: Value) -> Value:
        """Return a value with all texts that were typed at the same time in two branches."""
        ...

    def mend(self, replayed: Value, wanted: Value) -> Value:
        """Return the replayed value with what it lost, or itself where it lost nothing.

        ``wanted`` is what ``unite`` returned. Neither value is changed.
        """
        ...


class TextKind:
    """Documents that are one text."""

    def empty(self) -> str:
        """Return the empty text."""
        return ""

    def from_text(self, text: str) -> str:
        """Return the text."""
        return text

    def to_text(self, value: str) -> str:
        """Return the text."""
        return value

    def edit(self, value: str) -> str:
        """Return the text: nobody can change it."""
        return value

    def apply(self, value: str, changes: list[Any]) -> str:
        """Apply hunks."""
        return apply_string_patch(changes, value)

    def difference(self, old: str, new: str) -> list[Any]:
        """Return hunks."""
        return make_string_patch(old, new)

    def merge(self, base: str, theirs: str, ours: str) -> str:
        """Keep what either side typed; what both typed counts once."""
        return unite_apart(base, theirs, ours)

    def unite(self, base: str, theirs: str, ours: str) -> str:
        """Keep what either side typed."""
        return unite_texts(base, theirs, ours)

    def mend(self, replayed: str, wanted: str) -> str:
        """Keep the replayed text if it has all characters."""
        return replayed if has_same_characters(replayed, wanted) else wanted


@dataclass(frozen=True, slots=True)
class RecordsKind:
    """Documents of records."""

    schema: RecordSchema

    def empty(self) -> Records:
        """Return a document without records."""
        return Records(self.schema)

    def from_text(self, text: str) -> Records:
        """Read one record from each line."""
        return Records.from_text(self.schema, text)

    def to_text(self, value: Records) -> str:
        """Return the canonical text."""
        return value.to_text()

    def edit(self, value: Records) -> Records:
        """Return a copy."""
        return value.copy()

    def apply(self, value: Records, changes: list[Any]) -> Records:
        """Apply deletions and sets in place; a patch that fails half way changes nothing."""
        before = value.copy()
        try:
            apply_record_patch(changes, value)
        except (ValueError, TypeError, AttributeError):
            return before
        return value

    def difference(self, old: Records, new: Records) -> list[Any]:
        """Return deletions and sets."""
        return make_record_patch(old, new)

    def merge(self, base: Records, theirs: Records, ours: Records) -> Records:
        """Merge record by record and field by field."""
        return merge_records(base, theirs, ours)

    def unite(self, base: Records, theirs: Records, ours: Records) -> Records:
        """Keep what either side typed, also into records that the other side deleted."""
        return unite_records(base, theirs, ours)

    def mend(self, replayed: Records, wanted: Records) -> Records:
        """Give back texts and records, and nothing else."""
        return mend_records(replayed, wanted)
