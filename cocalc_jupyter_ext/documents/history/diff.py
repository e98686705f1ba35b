"""What changed between two texts, as the hunks of a unified diff (pure)."""

from dataclasses import dataclass
from typing import Any, Final

from .lines import common_ends, lines_of, matcher_of

__all__ = ["Hunk", "diff_texts"]

CONTEXT: Final = 3
"""How many unchanged lines are shown around a change."""

KEPT, REMOVED, ADDED = "=", "-", "+"


@dataclass(frozen=True, slots=True)
class Hunk:
    """Changes that are near to each other, with the lines around them.

    ``old_start`` and ``new_start`` count lines from 1; each of ``lines`` is a sign (``=``, ``-``
    or ``+``) and a line with its end.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the form for callers."""
        return {
            "old_start": self.old_start,
            "old_count": self.old_count,
            "new_start": self.new_start,
            "new_count": self.new_count,
            "lines": [list(line) for line in self.lines],
        }


def diff_texts(old: str, new: str) -> list[Hunk]:
    """Return the hunks from one text to another; none when they are equal."""
    if old == new:
        return []
    old_lines, new_lines = lines_of(old), lines_of(new)
    start, end = common_ends(old_lines, new_lines)
    skipped, behind = max(0, start - CONTEXT), max(0, end - CONTEXT)
    old_part = old_lines[skipped : len(old_lines) - behind]
    new_part = new_lines[skipped : len(new_lines) - behind]
    groups = matcher_of(old_part, new_part).get_grouped_opcodes(CONTEXT)
    return [_hunk(group, old_part, new_part, skipped) for group in groups]


def _hunk(group: list[Any], old_lines: list[str], new_lines: list[str], skipped: int) -> Hunk:
    lines: list[tuple[str, str]] = []
    for what, old_from, old_to, new_from, new_to in group:
        if what == "equal":
            lines += [(KEPT, line) for line in old_lines[old_from:old_to]]
        else:
            lines += [(REMOVED, line) for line in old_lines[old_from:old_to]]
            lines += [(ADDED, line) for line in new_lines[new_from:new_to]]
    first, last = group[0], group[-1]
    return Hunk(
        old_start=skipped + first[1] + 1,
        old_count=last[2] - first[1],
        new_start=skipped + first[3] + 1,
        new_count=last[4] - first[3],
        lines=tuple(lines),
    )
