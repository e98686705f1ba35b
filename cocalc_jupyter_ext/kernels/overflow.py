"""What cells printed beyond what a notebook should hold, kept for those who ask (pure).

Contract: syncdoc-jupyter §4.6. A buffer belongs to one run of one cell. When it is full its oldest
text is shortened, and what has no text that is long enough is removed; both are counted, and told
before and after what is left. The buffers of one notebook are bounded together too: then the
oldest buffer goes.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["CellOverflow", "Overflow"]

Output = dict[str, Any]
"""One output in the form of nbformat 4."""

MAX_OUTPUTS: Final = 10_000
MAX_CELLS: Final = 1_000
_PIECE: Final = 16_384
_TEXT: Final = "text/plain"


@dataclass(slots=True)
class _Text:
    """Text of one stream; ``pieces`` are joined when somebody asks."""

    name: str
    pieces: deque[str] = field(default_factory=deque)
    chars: int = 0
    is_shortened: bool = False

    def add(self, text: str) -> None:
        """Append; small texts are put together, so that a million of them cost little."""
        if self.pieces and len(self.pieces[-1]) + len(text) <= _PIECE:
            self.pieces[-1] += text
        else:
            self.pieces.append(text)
        self.chars += len(text)

    def shorten(self, surplus: int) -> int:
        """Remove about so many characters at the beginning; return how many it were."""
        removed = 0
        while self.pieces and removed < surplus:
            first = self.pieces.popleft()
            part = first[: surplus - removed]
            removed += len(part)
            if len(part) < len(first):
                self.pieces.appendleft(first[len(part) :])
        self.chars -= removed
        return removed

    def output(self) -> Output:
        return {"output_type": "stream", "name": self.name, "text": "".join(self.pieces)}


@dataclass(slots=True)
class _Whole:
    """Any other output."""

    content: Output
    chars: int
    display_id: str | None = None
    is_shortened: bool = False

    def shorten(self, surplus: int) -> int:
        data = self.content.get("data")
        text = data.get(_TEXT) if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(text, str) or len(text) <= surplus:
            return 0
        self.content = {**self.content, "data": {**data, _TEXT: text[surplus:]}}
        self.chars -= surplus
        return surplus

    def output(self) -> Output:
        return self.content


def _counted(outputs: int) -> str:
    return f"{outputs} output" if outputs == 1 else f"{outputs} outputs"


class CellOverflow:
    """The outputs of one run that are not in the notebook, at most ``max_chars`` of them."""

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._entries: deque[_Text | _Whole] = deque()
        self.chars = 0
        self.truncated = 0
        self.discarded = 0

    def add_text(self, name: str, text: str) -> None:
        """Append text of a stream; adjacent text of one stream is one output."""
        if not text:
            return
        last = self._entries[-1] if self._entries else None
        if not (isinstance(last, _Text) and last.name == name):
            last = _Text(name)
            self._entries.append(last)
        last.add(text)
        self.chars += len(text)
        self._shrink()

    def add(
        self, output: Output, display_id: str | None = None, *, chars: int | None = None
    ) -> None:
        """Append another output; ``chars`` is its length as JSON, if that is known."""
        if chars is None:
            chars = len(json.dumps(output, ensure_ascii=False, default=str))
        self._entries.append(_Whole(output, chars, display_id))
        self.chars += chars
        self._shrink()

    def update_display(self, display_id: str, changed: Output) -> None:
        """Replace what the kept displays with this id show."""
        for entry in self._entries:
            if isinstance(entry, _Whole) and entry.display_id == display_id:
                entry.content = {**entry.content, **changed}
                chars = len(json.dumps(entry.content, ensure_ascii=False, default=str))
                self.chars += chars - entry.chars
                entry.chars = chars
        self._shrink()

    def clear(self) -> None:
        """Forget everything: the cell's outputs were cleared."""
        self._entries.clear()
        self.chars = self.truncated = self.discarded = 0

    def outputs(self) -> list[Output]:
        """Return what is kept, between warnings if something is missing."""
        kept = [entry.output() for entry in self._entries]
        if not self.truncated and not self.discarded:
            return kept
        warning = {"output_type": "stream", "name": "stderr", "text": self._notice()}
        return [warning, *kept, dict(warning)]

    def _notice(self) -> str:
        missing = []
        if self.truncated:
            missing.append("the beginning of " + _counted(self.truncated))
        if self.discarded:
            missing.append(_counted(self.discarded))
        what = " and ".join(missing)
        return f"WARNING: this cell printed more than is kept; missing here: {what}.\n"

    def _shrink(self) -> None:
        """Make room at the beginning, which is the oldest."""
        while self._entries and (self.chars > self._max_chars or len(self._entries) > MAX_OUTPUTS):
            first, surplus = self._entries[0], self.chars - self._max_chars
            if 0 < surplus < first.chars and (removed := first.shorten(surplus)):
                self.chars -= removed
                self.truncated += not first.is_shortened
                first.is_shortened = True
            else:
                self._entries.popleft()
                self.chars -= first.chars
                self.truncated -= first.is_shortened
                self.discarded += 1


class Overflow:
    """The buffers of one notebook's cells, at most ``max_chars`` in all of them."""

    def __init__(self, max_chars: int = 25_000_000) -> None:
        self._max_chars = max_chars
        self._by_cell: OrderedDict[str, CellOverflow] = OrderedDict()

    @property
    def chars(self) -> int:
        """Characters that are kept, of all cells."""
        return sum(each.chars for each in self._by_cell.values())

    def begin(self, cell_id: str, max_chars: int) -> CellOverflow:
        """Return an empty buffer for a new run; that of the run before is dropped."""
        self._by_cell.pop(cell_id, None)
        room = self._max_chars - max_chars
        while self._by_cell and (self.chars > room or len(self._by_cell) >= MAX_CELLS):
            self._by_cell.popitem(last=False)
        made = self._by_cell[cell_id] = CellOverflow(max_chars)
        return made

    def outputs(self, cell_id: str) -> list[Output]:
        """Return what is kept of a cell's latest run; nothing for a cell that is not known."""
        kept = self._by_cell.get(cell_id)
        return [] if kept is None else kept.outputs()

    def clear(self) -> None:
        """Drop everything."""
        self._by_cell.clear()
