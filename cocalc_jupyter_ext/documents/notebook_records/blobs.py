"""What is kept beside the document, found by the SHA-1 of its bytes (syncdoc-jupyter §4.7).

Pictures, PDF and HTML are large, and a document that many people edit must be small. A message
holds 40 hexadecimal digits instead; HTML is renamed to ``iframe``, because that is how it is
shown.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

__all__ = [
    "IFRAME",
    "BlobSink",
    "BlobSource",
    "blob_id",
    "expand_data",
    "extract_data",
    "is_blob_id",
]

IFRAME: Final = "iframe"
_HTML: Final = "text/html"
_SVG: Final = "image/svg+xml"
_BINARY_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/bmp", "image/gif", "application/pdf"}
)
_BLOB_ID: Final = re.compile("[0-9a-f]{40}")


class BlobSink(Protocol):
    """Where blobs go."""

    def __call__(self, content: bytes) -> str | None:
        """Keep the bytes and return their id, or None when that failed."""
        ...


class BlobSource(Protocol):
    """Where blobs come from."""

    def __call__(self, blob: str) -> bytes | None:
        """Return the bytes of an id, or None when they are gone."""
        ...


def blob_id(content: bytes) -> str:
    """Return the id of some bytes."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def is_blob_id(value: object) -> bool:
    """Tell whether a value stands for bytes elsewhere: exactly 40 hexadecimal digits."""
    return isinstance(value, str) and _BLOB_ID.fullmatch(value) is not None


def extract_data(data: Mapping[str, Any], put: BlobSink) -> dict[str, Any]:
    """Return a bundle of representations with its blobs moved out; what fails stays inline."""
    small: dict[str, Any] = {}
    for mime, value in data.items():
        content = _content(mime, value)
        blob = None if content is None else put(content)
        if blob is None:
            small[mime] = value
        elif mime == _HTML:
            small[IFRAME] = blob
        else:
            small[mime] = blob
    return small


def expand_data(data: Mapping[str, Any], get: BlobSource) -> dict[str, Any]:
    """Return the bundle with its blobs back in place; those that are gone stay ids."""
    whole: dict[str, Any] = {}
    for mime, value in data.items():
        content = get(value) if is_blob_id(value) and _is_moved(mime) else None
        if content is None:
            whole[mime] = value
        elif mime == IFRAME:
            whole[_HTML] = content.decode(errors="replace")
        elif mime == _SVG:
            whole[mime] = content.decode(errors="replace")
        else:
            whole[mime] = base64.b64encode(content).decode("ascii")
    return whole


def _is_moved(mime: str) -> bool:
    return mime in _BINARY_TYPES or mime in {IFRAME, _SVG}


def _content(mime: str, value: object) -> bytes | None:
    """Return the bytes of a value that is kept outside, or None."""
    if not isinstance(value, str):
        return None
    if mime in {_HTML, _SVG}:
        return value.encode(errors="surrogatepass")
    if mime in _BINARY_TYPES and not is_blob_id(value):
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
    return None
