"""Which values of an output are kept outside of the document, and as which bytes (pure).

These are the types of syncdoc-jupyter §4.7: pictures and PDF, base64 text in a notebook, and SVG
and HTML, which are text there.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final, Self

__all__ = [
    "BINARY_TYPES",
    "HTML",
    "KEPT_TYPES",
    "SVG",
    "Wrapping",
    "blob_id",
    "content_of",
    "is_blob_id",
    "value_of",
]

HTML: Final = "text/html"
SVG: Final = "image/svg+xml"
BINARY_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/bmp", "image/gif", "application/pdf"}
)
KEPT_TYPES: Final = BINARY_TYPES | {HTML, SVG}
"""The types whose values may be kept outside."""

_BLOB_ID: Final = re.compile("[0-9a-f]{40}")
_WRAPPING: Final = re.compile("([1-9][0-9]{0,5})?(n?)")


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How base64 text is broken into lines; kernels differ in that, and files show it.

    ``width`` is that of a line, 0 where there is just one; ``ends`` tells whether the last line
    ends with a newline, too.
    """

    width: int = 0
    ends: bool = False

    @classmethod
    def of(cls, text: str) -> Self:
        """Return how the first line of a text is broken, and whether its last one ends."""
        first = text.find("\n")
        is_one_line = first in {-1, len(text) - 1}
        return cls(0 if is_one_line else first, text.endswith("\n"))

    @classmethod
    def parse(cls, code: object) -> Self | None:
        """Read what ``str`` has made; None for anything else."""
        found = _WRAPPING.fullmatch(code) if isinstance(code, str) else None
        return None if found is None else cls(int(found[1] or 0), bool(found[2]))

    def __str__(self) -> str:
        return f"{self.width or ''}{'n' if self.ends else ''}"

    def apply(self, line: str) -> str:
        """Break one long line."""
        width = self.width or len(line) or 1
        lines = [line[start : start + width] for start in range(0, len(line), width)]
        return "\n".join(lines) + ("\n" if self.ends else "")


_ONE_LINE: Final = Wrapping()


def blob_id(content: bytes) -> str:
    """Return the id of some bytes: their SHA-1 as 40 hexadecimal digits."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def is_blob_id(value: object) -> bool:
    """Return whether a value stands for bytes elsewhere: exactly 40 hexadecimal digits."""
    return isinstance(value, str) and _BLOB_ID.fullmatch(value) is not None


def content_of(mime: str, value: object) -> bytes | None:
    """Return the bytes of a value, or None where it is not one that is kept outside."""
    if not isinstance(value, str) or is_blob_id(value.removeprefix("sha1:")):
        return None
    if mime in {HTML, SVG}:
        return value.encode(errors="surrogatepass")
    if mime in BINARY_TYPES:
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
    return None


def value_of(mime: str, content: bytes, wrapping: Wrapping = _ONE_LINE) -> Any:
    """Return the value of a notebook that some bytes stand for."""
    if mime in {HTML, SVG}:
        return content.decode(errors="surrogatepass" if _is_text(content) else "replace")
    return wrapping.apply(base64.b64encode(content).decode("ascii"))


def _is_text(content: bytes) -> bool:
    try:
        content.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
