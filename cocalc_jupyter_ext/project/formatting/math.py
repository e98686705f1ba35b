r"""Keeps formulas in Markdown as they are while the text around them is formatted (pure).

Formulas are ``$…$``, ``$$…$$``, ``\(…\)``, ``\[…\]`` and ``\begin{…}…\end{…}``, outside of code.
Each is replaced by a word that no formatter touches, and put back afterwards. The time is
proportional to the length of the text, whatever is in it: where things end is looked up.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from typing import Final

__all__ = ["Protected", "protect", "restore"]

Protected = tuple[str, list[str]]
"""The stem of the words, and the formulas."""

_SINGLE: Final = r"(?<![\\$\w])\$(?![\s$])(?:\\.|[^\\$\n]|\n(?!\s*\n))+?(?<![\s\\])\$(?![\d$])"
_START: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})"
    r"|(?P<ticks>`+)"
    r"|(?P<open>\$\$|\\\[|\\\()"
    r"|\\begin\{(?P<env>[a-zA-Z]+\*?)\}"
    rf"|(?P<single>{_SINGLE})"
    r"|\\.",
    re.MULTILINE,
)
_END: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*$"
    r"|(?P<close>\$\$|\\\]|\\\))"
    r"|\\end\{(?P<env>[a-zA-Z]+\*?)\}",
    re.MULTILINE,
)
_TICKS: Final = re.compile("`+")
_CLOSES: Final = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}


def protect(text: str) -> tuple[str, Protected]:
    """Return the text without formulas, and what ``restore`` needs to put them back."""
    stem = "math"
    while stem in text:
        stem += "x"
    ends, formulas, kept, position = _Ends(text), list[str](), list[str](), 0
    while (found := _START.search(text, position)) is not None:
        end, is_formula = ends.of(found)
        kept.append(text[position : found.start() if is_formula else end])
        if is_formula:
            kept.append(f"{stem}{len(formulas)}{stem}")
            formulas.append(text[found.start() : end])
        position = end
    kept.append(text[position:])
    return "".join(kept), (stem, formulas)


def restore(text: str, protected: Protected) -> str:
    """Put the formulas back."""
    stem, formulas = protected
    return re.sub(rf"{stem}(\d+){stem}", lambda found: formulas[int(found[1])], text)


class _Ends:
    """Where in a text the things end that begin somewhere."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for found in _END.finditer(text):
            self._note(found["fence"] or found["close"] or f"env {found['env']}", found)
            if found["fence"]:
                # A longer fence ends a shorter one as well, down to the shortest.
                for length in range(3, min(len(found["fence"]), 20)):
                    self._note(found["fence"][:length], found)
        for found in _TICKS.finditer(text):
            self._note(f"ticks {len(found[0])}", found)

    def _note(self, what: str, found: "re.Match[str]") -> None:
        self._places[what].append(found.span())

    def of(self, start: "re.Match[str]") -> tuple[int, bool]:
        """Return where what begins here ends, and whether it is a formula."""
        if start["fence"]:
            return self._after(start["fence"], start.end()) or self._length, False
        if start["ticks"]:
            return self._after(f"ticks {len(start[0])}", start.end()) or start.end(), False
        if start["single"]:
            return start.end(), True
        wanted = _CLOSES.get(start["open"]) if start["open"] else f"env {start['env']}"
        end = self._after(str(wanted), start.end())
        return end or start.end(), end is not None

    def _after(self, what: str, position: int) -> int | None:
        places = self._places.get(what, [])
        index = bisect_left(places, (position, 0))
        return places[index][1] if index < len(places) else None
