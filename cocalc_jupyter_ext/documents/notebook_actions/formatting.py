"""What formatters get of cells, and what becomes of their answers (pure; syncdoc-jupyter §11).

In Python, lines that only IPython understands are comments for the formatter: magics, and
commands of the shell. A cell whose first line gives all of it to something else than Python
is left alone.
"""

import re
from collections.abc import Mapping
from typing import Final

from .errors import InvalidActionError, NotFormattableError

__all__ = ["MARKDOWN", "for_formatter", "from_formatter", "is_formattable", "parser_of"]

MARKDOWN: Final = "markdown"
_PYTHON: Final = "python"
_PARSERS: Final[Mapping[str, str]] = {
    "r": "formatR",
    "javascript": "babel",
    "typescript": "typescript",
    "c": "clang-format",
    "go": "gofmt",
    "rust": "rustfmt",
}
_BEGINNINGS: Final = (("python", _PYTHON), ("c++", "clang-format"))

_MARK: Final = "#_magic_ "
_MAGIC: Final = re.compile(r"^([ \t]*)(?=[%!])", re.MULTILINE)
_HIDDEN: Final = re.compile(rf"^([ \t]*){re.escape(_MARK)}", re.MULTILINE)
_STILL_PYTHON: Final = re.compile(r"%%(capture|prun|time|timeit)\b")


def parser_of(cell_type: str, language: str) -> str:
    """Return the name of the formatter for a cell; raises InvalidActionError where none is known.

    ``language`` is that of the kernel.
    """
    if cell_type != "code":
        return MARKDOWN
    name = language.lower()
    parser = next((found for start, found in _BEGINNINGS if name.startswith(start)), None)
    parser = parser or _PARSERS.get(name)
    if parser is None:
        raise InvalidActionError(f"no formatter is known for cells in {language}")
    return parser


def is_formattable(cell_type: str, text: str) -> bool:
    """Return whether there is something to format in a cell."""
    first = text.lstrip()
    is_other = cell_type == "code" and first.startswith("%%") and not _STILL_PYTHON.match(first)
    return bool(first) and cell_type in {"code", "markdown"} and not is_other


def for_formatter(cell_id: str, parser: str, text: str) -> str:
    """Return what the formatter gets; raises NotFormattableError for what cannot be told apart."""
    if parser != _PYTHON:
        return text
    if _HIDDEN.search(text):
        raise NotFormattableError(cell_id, _MARK.strip())
    return _MAGIC.sub(rf"\1{_MARK}", text)


def from_formatter(parser: str, formatted: str) -> str:
    """Return the text of the cell from what the formatter has made."""
    text = _HIDDEN.sub(r"\1", formatted) if parser == _PYTHON else formatted
    return text.lstrip("\n").rstrip()
