"""Lines of texts, and which of them two texts have in common (pure).

A line ends with a line feed and with nothing else: that is how editors number lines.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

__all__ = ["common_ends", "lines_of", "matcher_of"]

MAX_EXACT: Final = 2_000
"""Of longer passages, lines that are frequent are not looked for: the time would be quadratic."""


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends; all of them together are the text."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def common_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many lines two texts share at their beginnings, and of the rest at their ends."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def matcher_of(old: Sequence[str], new: Sequence[str]) -> SequenceMatcher[str]:
    """Return what compares two passages."""
    is_long = max(len(old), len(new)) > MAX_EXACT
    return SequenceMatcher(None, old, new, autojunk=is_long)
