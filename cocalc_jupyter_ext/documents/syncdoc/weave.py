"""All characters that a text had since some version, in one order, whoever typed them (pure).

Edits that were made in different branches cannot be put together from texts alone: a text does
not say which of its characters is which. Here each character keeps a name, the commit that
typed it and the commits that erased it, so the text can be read as any set of commits has it.

A commit is a number, a set of commits an integer with their bits. Characters of the start belong
to every set. A commit is woven in after all that it knows.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from diff_match_patch.diff_match_patch import diff_match_patch

__all__ = ["ERASED", "KEPT", "NOBODYS", "TYPED", "Weave", "text_edits"]

MAX_DIFF_TIME_S: Final = 0.2

ERASED, KEPT, TYPED = -1, 0, 1

NOBODYS: Final = -1
"""The name of a character that cannot be traced: what inexact patches leave behind."""

_FIRST_HALF, _LAST_HALF = "\ud800", "\udfff"
_START: Final = -1
_ROOT: Final = 0


class Weave:
    """The characters of one text; their names are numbers."""

    def __init__(self, text: str = "") -> None:
        count = len(text)
        self.start = list(range(1, count + 1))
        self._characters = ["", *text]
        self._typed_by = [_START] * (count + 1)
        # Each character hangs on the one that it was typed behind. The depth tells what hangs on
        # a character: all that follows and is deeper.
        self._depth = list(range(count + 1))
        self._next: list[int | None] = [*range(1, count + 1), None]
        self._erased_by: dict[int, int] = {}

    def type(self, text: str, behind: int | None, commit: int, known: int) -> list[int]:
        """Put in what a commit typed behind a character, or at the beginning; name it.

        What others typed at the same place, unknown to the commit, stays before it, in one piece.
        Halves of characters are left out: nobody types such.
        """
        behind = _ROOT if behind is None else behind
        place, depth = self._place(behind, known), self._depth[behind]
        names = []
        for character in text:
            if _FIRST_HALF <= character <= _LAST_HALF:
                names.append(NOBODYS)
                continue
            depth += 1
            name = len(self._characters)
            self._characters.append(character)
            self._typed_by.append(commit)
            self._depth.append(depth)
            self._next.append(self._next[place])
            self._next[place] = place = name
            names.append(name)
        return names

    def erase(self, names: Iterable[int], commit: int) -> None:
        """Note that a commit took these characters away."""
        for name in names:
            if name != NOBODYS:
                self._erased_by[name] = self._erased_by.get(name, 0) | 1 << commit

    def visible(self, commits: int, buried: int | None = None) -> list[int]:
        """Return the characters that these commits leave, in order.

        ``buried`` are the commits whose characters went with the whole text, with those of the
        start; None when it never went.
        """
        typed_by, erased_by, following = self._typed_by, self._erased_by, self._next
        shown = commits if buried is None else commits & ~buried
        names = []
        name = following[_ROOT]
        while name is not None:
            commit = typed_by[name]
            is_typed = buried is None if commit == _START else shown >> commit & 1
            if is_typed and not erased_by.get(name, 0) & commits:
                names.append(name)
            name = following[name]
        return names

    def text(self, names: Iterable[int]) -> str:
        """Return the characters with these names."""
        return "".join([self._characters[name] for name in names])

    def trace(self, text: str, candidates: Sequence[int], taken: Collection[int]) -> list[int]:
        """Return which of these characters make the text: in order, each once, none taken."""
        names, place = [], 0
        for character in text:
            found = place
            while found < len(candidates) and not (
                self._characters[candidates[found]] == character and candidates[found] not in taken
            ):
                found += 1
            if found == len(candidates):
                names.append(NOBODYS)
            else:
                names.append(candidates[found])
                place = found + 1
        return names

    def _place(self, behind: int, known: int) -> int:
        """Return what to put it behind: the last of what others, unknown, typed at this place."""
        place, following = behind, self._next[behind]
        while following is not None and self._depth[following] > self._depth[behind]:
            commit = self._typed_by[following]
            if commit == _START or known >> commit & 1:
                break
            place, following = following, self._next[following]
        return place


def text_edits(old: str, new: str) -> list[tuple[int, str]]:
    """Return the pieces that were kept, erased and typed, as few as can be found in time."""
    engine: Any = diff_match_patch()
    engine.Diff_Timeout = MAX_DIFF_TIME_S
    # Not by lines: whoever types into a line has not typed the rest of the line again.
    return list(engine.diff_main(old, new, False))
