r"""Keeps formulas in Markdown as they are while the text around them is formatted (pure).

Formulas are ``$…$``, ``$$…$$``, ``\(…\)``, ``\[…\]`` and ``\begin{…}…\end{…}``, outside of code.
Each is replaced by a word that no formatter touches, and put back afterwards.
"""

import re
from typing import Final

__all__ = ["Protected", "protect", "restore"]

Protected = tuple[str, list[str]]
"""The stem of the words, and the formulas."""

_CODE: Final = r"(?P<code>^(?P<fence>`{3,}|~{3,})[^\n]*\n(?s:.*?)(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
_INLINE: Final = r"|(?P<tick>`+)(?!`)(?s:.+?)(?<!`)(?P=tick)(?!`))"
_DISPLAY: Final = r"\$\$(?s:.+?)\$\$|\\\[(?s:.+?)\\\]|\\\((?s:.+?)\\\)"
_ENVIRONMENT: Final = r"\\begin\{(?P<env>[a-zA-Z]+\*?)\}(?s:.*?)\\end\{(?P=env)\}"
_SINGLE: Final = r"(?<![\\$\w])\$(?![\s$])(?:\\.|[^\\$\n]|\n(?!\s*\n))+?(?<![\s\\])\$(?![\d$])"
_PIECE: Final = re.compile(
    rf"{_CODE}{_INLINE}|(?P<math>{_DISPLAY}|{_ENVIRONMENT}|{_SINGLE})", re.MULTILINE
)


def protect(text: str) -> tuple[str, Protected]:
    """Return the text without formulas, and what ``restore`` needs to put them back."""
    stem = "math"
    while stem in text:
        stem += "x"
    formulas: list[str] = []

    def replace(found: re.Match[str]) -> str:
        if found["math"] is None:
            return found[0]
        formulas.append(found[0])
        return f"{stem}{len(formulas) - 1}{stem}"

    return _PIECE.sub(replace, text), (stem, formulas)


def restore(text: str, protected: Protected) -> str:
    """Put the formulas back."""
    stem, formulas = protected
    return re.sub(rf"{stem}(\d+){stem}", lambda found: formulas[int(found[1])], text)
