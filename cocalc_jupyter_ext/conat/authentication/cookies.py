"""The ``Cookie`` header of a handshake, read as CoCalc's server reads it (conat-core §13.1)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

__all__ = ["cookie_name", "header", "parse_cookies"]

_BLANKS: Final = " \t"
_ESCAPES: Final = re.compile("(?:%[0-9A-Fa-f]{2})+")
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_LITERAL_IN_COMPONENTS: Final = "!'()*"


def parse_cookies(text: str) -> dict[str, str]:
    """Return the cookies of a header; the first one of a name wins.

    Values are URI-decoded, but left alone as a whole when one of their escapes is broken.
    What has no name or no ``=`` is skipped.
    """
    cookies: dict[str, str] = {}
    for pair in text.split(";"):
        name, equals, value = pair.partition("=")
        name = name.strip(_BLANKS)
        if equals and name and name not in cookies:
            cookies[name] = _decode_component(value.strip(_BLANKS))
    return cookies


def cookie_name(name: str, base_path: str = "/") -> str:
    """Return the name a cookie has on a server at this base path, e.g. ``/abc/port/5000``."""
    path = base_path.rstrip("/")
    return f"{_encode_component(path)}{name}"


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header, whatever the case of its name; None when there is none."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def _encode_component(text: str) -> str:
    """Return what JavaScript's ``encodeURIComponent`` returns."""
    return quote(text, safe=_LITERAL_IN_COMPONENTS)


def _decode_component(text: str) -> str:
    """Return what ``decodeURIComponent`` returns, or the text where that would raise."""
    if _BROKEN_ESCAPE.search(text):
        return text
    try:
        return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        return text
