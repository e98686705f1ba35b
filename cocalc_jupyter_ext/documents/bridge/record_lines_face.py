"""The face of a document of records that is not a notebook: a shared text, a record on each line.

CoCalc's task lists, boards and the like are such files. Pages of JupyterLab show them as text.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pycrdt import Text

from ..syncdoc.canonical import canonical_json, sort_key
from ..syncdoc.records import Records, RecordSchema
from ..syncdoc.values import RecordsKind
from ..text_edits import edit_text

__all__ = ["RecordLinesFace"]


class RecordLinesFace:
    """Carries records over, line by line.

    While a line holds no record, because somebody is typing it, nothing is taken from the text;
    such lines stay where they are.
    """

    on_edit: Callable[[], None]
    is_tidy = True

    def __init__(self, text: Text, schema: RecordSchema) -> None:
        self.on_edit = lambda: None
        self._text = text
        self._schema = schema
        self._kind = RecordsKind(schema)
        self._known = self._records()
        self._has_changed = False
        self._subscription: Any = text.observe(self._observed)

    def tidy(self) -> None:
        """Do nothing: lines need no names."""

    def pull(self, value: Records) -> Records:
        """Return the value with what was typed into the text, if each line holds a record."""
        if not self._has_changed or not self._is_complete():
            return value
        self._has_changed = False
        known, self._known = self._known, self._records()
        if value == known:
            return self._kind.edit(self._known)
        return self._kind.apply(self._kind.edit(value), self._kind.difference(known, self._known))

    def pull_all(self, value: Records) -> Records:
        """Return the records that the text has."""
        self._has_changed = False
        self._known = self._records()
        return self._kind.edit(self._known)

    def push(self, before: Records, after: Records) -> None:
        """Replace the lines of the records that differ."""
        old, new = before.by_text().keys(), after.by_text().keys()
        gone = set(old - new)
        lines = [line for line, record in self._lines() if _text_of(record) not in gone]
        if lines == [""]:  # an empty text has no line
            lines = []
        present = {_text_of(record) for _, record in self._lines()} - gone
        for line in sorted(new - old - present, key=sort_key):
            lines.insert(_place(lines, line), line)
        edit_text(self._text, "\n".join(lines))
        self._known = self._records()

    def close(self) -> None:
        """Stop observing."""
        if self._subscription is not None:
            self._text.unobserve(self._subscription)
            self._subscription = None

    def _observed(self, _event: object) -> None:
        self._has_changed = True
        self.on_edit()

    def _lines(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Yield each line with the record that it holds."""
        for line in str(self._text).split("\n"):
            yield line, _record_of(line)

    def _is_complete(self) -> bool:
        return all(record is not None for line, record in self._lines() if line)

    def _records(self) -> Records:
        records = [record for _, record in self._lines() if record is not None]
        return Records(self._schema, records)


def _record_of(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line) if line else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _text_of(record: dict[str, Any] | None) -> str | None:
    return None if record is None else canonical_json(record)


def _place(lines: list[str], line: str) -> int:
    """Return where a line belongs: before the first that comes after it, or at the end."""
    for index, other in enumerate(lines):
        if other and min(line, other, key=sort_key) is line:
            return index
    return len(lines) - 1 if lines and not lines[-1] else len(lines)
