"""What formatters say about errors, in words for who has written the text (pure)."""

import re
from typing import Final

__all__ = ["MAX_MESSAGE", "python_message", "readable"]

MAX_MESSAGE: Final = 10_000
_CONTEXT: Final = 2
_NOISE: Final = re.compile(r"\x1b\[[0-9;]*m|^INFO - .*\n?", re.MULTILINE)
"""Colours, and what biber tells where it tells errors, too."""
_PLACE: Final = re.compile(r"input\.py:(\d+):(\d+): ?(.*)")


def readable(message: str) -> str:
    """Return a message of at most 10,000 characters, without colours and lines on progress."""
    return _NOISE.sub("", message).strip()[:MAX_MESSAGE]


def python_message(message: str, source: str) -> str:
    """Return what is wrong with a Python text: the line, and two lines before and after it."""
    place = _PLACE.search(message)
    if place is None:
        return readable(message)
    line, column, reason = int(place[1]), int(place[2]), place[3]
    lines = source.splitlines()
    first, last = max(1, line - _CONTEXT), min(len(lines), line + _CONTEXT)
    shown = [
        f"{'>' if number == line else ' '} {number}: {lines[number - 1]}"
        for number in range(first, last + 1)
    ]
    what = f"line {line}, column {column}: {reason or 'invalid syntax'}"
    return readable("\n".join([what, *shown]))
