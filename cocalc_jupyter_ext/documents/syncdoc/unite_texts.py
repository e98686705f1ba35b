"""Three versions of a text become one without losing what anybody typed (pure).

What either side typed since the common version is kept, what either side took away is gone.
Patches cannot promise that: a hunk that finds its surroundings changed is skipped.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from diff_match_patch.diff_match_patch import diff_match_patch

__all__ = ["has_same_characters", "unite_apart", "unite_texts"]

MAX_DIFF_TIME_S: Final = 0.2
_KEEP, _INSERT = 0, 1

Both: TypeAlias = Callable[[str, str], str]
"""Makes one text of what two sides typed in one place: theirs and ours."""


def unite_texts(base: str, theirs: str, ours: str) -> str:
    """Return a text with all that both sides did at the same time, theirs first in each place."""
    return _united(base, theirs, ours, lambda their, our: their + our)


def unite_apart(base: str, theirs: str, ours: str) -> str:
    """Return a text with all that both did, where both may know some of the other's edits.

    What both typed in one place counts once.
    """
    return _united(base, theirs, ours, _typed_by_either)


def has_same_characters(one: str, other: str) -> bool:
    """Tell whether two texts hold the same characters, in whatever order."""
    return one == other or (len(one) == len(other) and Counter(one) == Counter(other))


def _united(base: str, theirs: str, ours: str, both: Both) -> str:
    if theirs in (base, ours):
        return ours
    if ours == base:
        return theirs
    their_typing, their_kept = _edits(base, theirs)
    our_typing, our_kept = _edits(base, ours)
    pieces = []
    for place in range(len(base) + 1):
        their, our = their_typing.get(place, ""), our_typing.get(place, "")
        pieces.append(both(their, our) if their and our else their or our)
        if place < len(base) and their_kept[place] and our_kept[place]:
            pieces.append(base[place])
    return "".join(pieces)


def _edits(base: str, text: str) -> tuple[dict[int, str], bytearray]:
    """Return what was typed before which character of the base, and which of them are kept."""
    typed: dict[int, str] = {}
    kept = bytearray(len(base))
    place = 0
    for operation, piece in _difference(base, text):
        if operation == _INSERT:
            typed[place] = typed.get(place, "") + piece
            continue
        if operation == _KEEP:
            kept[place : place + len(piece)] = b"\1" * len(piece)
        place += len(piece)
    return typed, kept


def _typed_by_either(theirs: str, ours: str) -> str:
    """Return all pieces; what both have is the same text, not a few letters by chance."""
    return "".join(piece for _operation, piece in _difference(theirs, ours, is_tidy=True))


def _difference(old: str, new: str, *, is_tidy: bool = False) -> list[tuple[int, str]]:
    engine: Any = diff_match_patch()
    engine.Diff_Timeout = MAX_DIFF_TIME_S
    diffs = engine.diff_main(old, new)
    if is_tidy:
        engine.diff_cleanupSemantic(diffs)
    return list(diffs)
