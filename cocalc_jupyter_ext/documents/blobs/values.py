"""Which values of an output are kept outside of the document, and as which bytes (pure).

These are the types of syncdoc-jupyter §4.7: pictures and PDF, base64 text in a notebook, and SVG
and HTML, which are text there.
"""

import base64
import binascii
import hashlib
import re
from enum import StrEnum
from typing import Any, Final

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
    "wrapping_of",
]

HTML: Final = "text/html"
SVG: Final = "image/svg+xml"
BINARY_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/bmp", "image/gif", "application/pdf"}
)
KEPT_TYPES: Final = BINARY_TYPES | {HTML, SVG}
"""The types whose values may be kept outside."""

_BLOB_ID: Final = re.compile("[0-9a-f]{40}")


class Wrapping(StrEnum):
    """How base64 text is broken into lines; kernels differ in that, and files show it."""

    NONE = ""
    NEWLINE = "newline"
    """One line that ends with a newline."""
    MIME = "mime"
    """Lines of 76 characters, each with its newline."""


def blob_id(content: bytes) -> str:
    """Return the id of some bytes: their SHA-1 as 40 hexadecimal digits."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def is_blob_id(value: object) -> bool:
    """Tell whether a value stands for bytes elsewhere: exactly 40 hexadecimal digits."""
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


def wrapping_of(value: str) -> Wrapping:
    """Return how the base64 text of a value is broken into lines, as far as that has a name."""
    first = value.find("\n")
    if first < 0:
        return Wrapping.NONE
    return Wrapping.NEWLINE if first == len(value) - 1 else Wrapping.MIME


def value_of(mime: str, content: bytes, wrapping: Wrapping = Wrapping.NONE) -> Any:
    """Return the value of a notebook that some bytes stand for."""
    if mime in {HTML, SVG}:
        return content.decode(errors="surrogatepass" if _is_text(content) else "replace")
    if wrapping is Wrapping.MIME:
        return base64.encodebytes(content).decode("ascii")
    ending = "\n" if wrapping is Wrapping.NEWLINE else ""
    return base64.b64encode(content).decode("ascii") + ending


def _is_text(content: bytes) -> bool:
    try:
        content.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
