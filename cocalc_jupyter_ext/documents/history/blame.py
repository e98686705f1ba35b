"""Who wrote each line, and when (pure).

The patches are replayed once from the first one on, and after each the lines that it brought are
noted. A blame goes on where it ended when the document has got more patches since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ..syncdoc.patch_graph import PatchGraph
from .lines import common_ends, lines_of, matcher_of
from .shapes import Shape, ShapeName

__all__ = ["MAX_BLAMED", "Blame", "LineBlame", "Passage"]

MAX_BLAMED: Final = 50_000
"""How many versions are replayed; lines that are older are the oldest replayed version's."""

_SET, _DELETE = 1, -1
_ALL: Final = None
"""Stands for the ids of all cells."""

_WHOLE: Final = ""
"""The key of a document that is one text."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring lines that came with one version; ``start`` counts from 1."""

    start: int
    count: int
    version: int


class LineBlame:
    """The lines of one text as it grows, each with the version that brought it."""

    def __init__(self) -> None:
        self._text = ""
        self._lines: list[str] = []
        self._versions: list[int] = []

    def update(self, text: str, version: int) -> None:
        """Take the text that a version has."""
        if text == self._text:
            return
        lines = lines_of(text)
        start, end = common_ends(self._lines, lines)
        old_stop, new_stop = len(self._lines) - end, len(lines) - end
        versions = [version] * (new_stop - start)
        old_part, new_part = self._lines[start:old_stop], lines[start:new_stop]
        if old_part and new_part:
            for block in matcher_of(old_part, new_part).get_matching_blocks():
                kept = self._versions[start + block.a : start + block.a + block.size]
                versions[block.b : block.b + block.size] = kept
        self._versions[start:old_stop] = versions
        self._text, self._lines = text, lines

    def passages(self) -> list[Passage]:
        """Return the lines in passages that are as long as possible."""
        ends = [i for i, pair in enumerate(pairwise(self._versions), 1) if pair[0] != pair[1]]
        bounds = [0, *ends, len(self._versions)] if self._versions else []
        return [
            Passage(first + 1, last - first, self._versions[first])
            for first, last in pairwise(bounds)
        ]


class Blame:
    """The blame of one document: of its text, or of the source of each cell of a notebook."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._texts: dict[str, LineBlame] = {}
        self._done: list[int] = []
        self._value: Any = shape.kind.empty()

    def advance(self, graph: PatchGraph[Any]) -> Mapping[str, list[Passage]]:
        """Return the passages by cell id, or of a document that is one text by ``""``."""
        times = graph.times[-MAX_BLAMED:]
        if times[: len(self._done)] != self._done:
            self._reset()  # a patch came in between, or some are gone
        if not self._done and times:
            self._begin(graph, times[0])
        for time in times[len(self._done) :]:
            patch = graph.patch(time)
            self._value = self._shape.kind.apply(self._value, patch.changes)
            self._note(time, self._touched(patch.changes))
        self._done = times
        if times:
            # Patches that a snapshot hides count for nobody else either.
            self._value = self._shape.kind.edit(graph.value())
            self._note(times[-1], _ALL)
        return {key: lines.passages() for key, lines in self._texts.items()}

    def _reset(self) -> None:
        self._texts, self._done = {}, []
        self._value = self._shape.kind.empty()

    def _begin(self, graph: PatchGraph[Any], first: int) -> None:
        """Begin with what was there before: a snapshot, or the value that is the oldest one."""
        if graph.snapshot(first) is not None or graph.patch(first).parents:
            self._value = self._shape.kind.edit(graph.value_at(first))
            self._note(first, _ALL)
            self._done = [first]

    def _note(self, version: int, touched: Sequence[str] | None) -> None:
        texts = self._texts_now(touched)
        for key, text in texts.items():
            if text is not None:
                self._texts.setdefault(key, LineBlame()).update(text, version)
            else:
                self._texts.pop(key, None)
        if touched is _ALL:
            for key in self._texts.keys() - texts.keys():
                del self._texts[key]

    def _texts_now(self, touched: Sequence[str] | None) -> dict[str, str | None]:
        """Return the texts that may have changed; None for a cell that is gone."""
        if self._shape.name is not ShapeName.NOTEBOOK:
            return {_WHOLE: self._shape.kind.to_text(self._value)}
        if touched is _ALL:
            cells = self._value.get({"type": "cell"})
            return {str(cell["id"]): _source(cell) for cell in cells if "id" in cell}
        found = {key: self._value.get_one({"type": "cell", "id": key}) for key in touched}
        return {key: None if cell is None else _source(cell) for key, cell in found.items()}

    def _touched(self, changes: Sequence[Any]) -> Sequence[str] | None:
        """Return the ids of the cells that changes speak of; None when that cannot be told."""
        if self._shape.name is not ShapeName.NOTEBOOK:
            return _ALL
        touched: list[str] = []
        for operation, argument in zip(changes[::2], changes[1::2], strict=False):
            if operation not in {_SET, _DELETE} or not isinstance(argument, list):
                continue
            for record in argument:
                cell_id = record.get("id") if isinstance(record, dict) else None
                if isinstance(cell_id, str):
                    touched.append(cell_id)
                elif not _is_other(record):
                    return _ALL
        return touched


def _is_other(record: Any) -> bool:
    """Return whether a record of a patch is one that is not a cell, such as the settings."""
    return isinstance(record, dict) and record.get("type") not in {None, "cell"}


def _source(cell: Mapping[str, Any]) -> str:
    return str(cell.get("input") or "")
