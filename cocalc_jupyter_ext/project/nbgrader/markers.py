"""Regions of cells that students must not see (pure; syncdoc-jupyter §9.3)."""

import re
from collections.abc import Sequence
from typing import Final

from .errors import MarkerError

__all__ = ["HIDDEN_TESTS", "MARK_SCHEME", "SOLUTION", "lines_inside", "replace_regions"]

SOLUTION: Final = "SOLUTION"
HIDDEN_TESTS: Final = "HIDDEN TESTS"
MARK_SCHEME: Final = "MARK SCHEME"

_INDENT: Final = re.compile(r"\s*")


def replace_regions(text: str, region: str, stub: Sequence[str] = ()) -> tuple[str, bool]:
    """Return the text with the lines of ``stub`` in place of each region, and if there was one.

    A marker is any line with the words; the stub is indented as the first line of the region.
    Raises MarkerError for regions that do not end, or begin in one another.
    """
    kept, _inside, is_found = _read(text, region, stub)
    return "\n".join(kept), is_found


def lines_inside(text: str, region: str) -> list[str]:
    """Return the lines of all regions; raises MarkerError."""
    return _read(text, region, ())[1]


def _read(text: str, region: str, stub: Sequence[str]) -> tuple[list[str], list[str], bool]:
    begin, end = f"BEGIN {region}", f"END {region}"
    kept: list[str] = []
    inside: list[str] = []
    is_inside = is_found = False
    for line in text.split("\n"):
        if begin in line:
            if is_inside:
                raise MarkerError(region, is_nested=True, text=text)
            is_inside = is_found = True
            found = _INDENT.match(line)
            indent = found.group() if found else ""
            kept += [indent + each for each in stub]
        elif end in line:
            is_inside = False
        else:
            (inside if is_inside else kept).append(line)
    if is_inside:
        raise MarkerError(region, is_nested=False, text=text)
    return kept, inside, is_found
