"""What a document's value is: text, or records (syncdoc-jupyter §1.6, §1.7, §2).

``Kind`` hides the difference from everything that replays patches. A value that was handed out
is not changed any more; ``edit`` gives one that may be.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from .mending import Wanted, mend_records, texts_of_records, touched_records
from .record_patch import apply_record_patch, make_record_patch
from .records import Records, RecordSchema
from .string_patch import apply_string_patch, make_string_patch

__all__ = ["Kind", "RecordsKind", "TextKind"]

Value = TypeVar("Value")

_WHOLE: Final = ""
"""The name of the one text of a text."""


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

    def to_lines(self, value: Value) -> list[str]:
        """Return parts of that text, between newlines, most of which an edit leaves alone.

        Call it in a thread with what ``edit`` has returned, and then ``keep_lines`` with the value.
        """
        ...

    def keep_lines(self, value: Value, edited: Value) -> None:
        """Make the next call of ``to_lines`` a short one."""
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

    def narrowed(self, value: Value, patches: Sequence[Sequence[Any]]) -> Value:
        """Return as little of a value as these changes and what they do depend on."""
        ...

    def texts(self, value: Value) -> Mapping[Hashable, Mapping[str, str]]:
        """Return the texts that are merged: of each thing that may come and go, by name."""
        ...

    def mended(self, replayed: Value, wanted: Mapping[Hashable, Wanted[Value]]) -> Value:
        """Return the replayed value with these things as wanted, or itself where all are.

        No value is changed.
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

    def to_lines(self, value: str) -> list[str]:
        """Return the text in one part: it may have more lines than are worth being told apart."""
        return [value]

    def keep_lines(self, value: str, edited: str) -> None:
        """Keep nothing: the text is there."""

    def edit(self, value: str) -> str:
        """Return the text: nobody can change it."""
        return value

    def apply(self, value: str, changes: list[Any]) -> str:
        """Apply hunks."""
        return apply_string_patch(changes, value)

    def difference(self, old: str, new: str) -> list[Any]:
        """Return hunks."""
        return make_string_patch(old, new)

    def narrowed(self, value: str, patches: Sequence[Sequence[Any]]) -> str:
        """Return the text."""
        return value

    def texts(self, value: str) -> dict[Hashable, dict[str, str]]:
        """Return the text, of the one thing that is always there."""
        return {_WHOLE: {_WHOLE: value}}

    def mended(self, replayed: str, wanted: Mapping[Hashable, Wanted[str]]) -> str:
        """Return the wanted text."""
        texts = wanted[_WHOLE].texts
        return replayed if texts is None else texts[_WHOLE]


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

    def to_lines(self, value: Records) -> list[str]:
        """Return the canonical texts of the records."""
        return value.to_lines()

    def keep_lines(self, value: Records, edited: Records) -> None:
        """Keep the canonical texts of the records."""
        value.take_texts(edited)

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

    def narrowed(self, value: Records, patches: Sequence[Sequence[Any]]) -> Records:
        """Return the records that the changes name."""
        return touched_records(value, patches)

    def texts(self, value: Records) -> dict[Hashable, dict[str, str]]:
        """Return the text columns of each record."""
        return texts_of_records(value)

    def mended(self, replayed: Records, wanted: Mapping[Hashable, Wanted[Records]]) -> Records:
        """Give back texts and records, and nothing else."""
        return mend_records(replayed, wanted)
