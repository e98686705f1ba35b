"""What stands for large values in the shared types (pure; reference jupyterlab-rtc §7).

A bundle with large values gets one entry of the type ``PLACEHOLDER``, and loses those values::

    {"text/plain": "<Figure size 640x480 with 1 Axes>",
     "application/vnd.cocalc.blob+json": {
         "blobs": {"image/png": {"sha1": "…", "size": 203114}}}}

Our page fetches what it shows. Every other page shows the text, which therefore is always
there: where a bundle has none, one is made (``"text": true`` says so, and it goes again when the
bundle is made whole). What is small stays where it is: fetching it would take longer than having
it, and pages that know nothing of placeholders show it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .values import (
    BINARY_TYPES,
    KEPT_TYPES,
    Wrapping,
    content_of,
    is_blob_id,
    value_of,
)

__all__ = [
    "INLINE_BYTES",
    "PLACEHOLDER",
    "Get",
    "Put",
    "blobs_of",
    "expand",
    "extract",
    "make_placeholder",
    "map_bundle",
]

PLACEHOLDER: Final = "application/vnd.cocalc.blob+json"
INLINE_BYTES: Final = 4096
"""What is not larger stays in the shared types."""

_TEXT: Final = "text/plain"

Put = Callable[[bytes], str | None]
"""Keeps bytes and returns their id, or None when they cannot be kept."""

Get = Callable[[str], bytes | None]
"""Returns the bytes of an id, or None when they are gone."""

Bundle = Mapping[str, Any]


def extract(data: Bundle, put: Put, *, inline_bytes: int = INLINE_BYTES) -> dict[str, Any]:
    """Return a bundle with its large values moved out; what cannot be kept stays."""
    small: dict[str, Any] = {}
    blobs: dict[str, Any] = {}
    for mime, value in data.items():
        text = "".join(value) if _is_lines(value) and mime in KEPT_TYPES else value
        content = _content(mime, text, inline_bytes)
        blob = None if content is None else put(content)
        if content is None or blob is None:
            small[mime] = value
        else:
            wrapping = Wrapping.of(text) if mime in BINARY_TYPES else Wrapping()
            blobs[mime] = _entry(blob, len(content), wrapping)
    return make_placeholder(small, blobs) if blobs else small


def expand(data: Bundle, get: Get) -> dict[str, Any]:
    """Return the bundle with its values back in place.

    Those that are gone stay in a placeholder, so that they are found when they come back.
    """
    blobs = blobs_of(data)
    if not blobs:
        return dict(data)
    found: dict[str, Any] = {}
    lost: dict[str, Any] = {}
    for mime, entry in blobs.items():
        content = get(entry["sha1"])
        if content is None:
            lost[mime] = entry
        else:
            wrapping = Wrapping.parse(entry.get("wrapping", ""))
            found[mime] = value_of(mime, content, wrapping or Wrapping())
    rest = {mime: value for mime, value in data.items() if mime != PLACEHOLDER}
    if data[PLACEHOLDER].get("text"):
        rest.pop(_TEXT, None)
    return make_placeholder(rest | found, lost) if lost else rest | found


def make_placeholder(rest: Bundle, blobs: Bundle) -> dict[str, Any]:
    """Return a bundle of what is there and what is elsewhere: ``{mime: {"sha1", "size"?}}``."""
    placeholder: dict[str, Any] = {"blobs": dict(blobs)}
    made: dict[str, Any] = {}
    if _TEXT not in rest:
        placeholder["text"] = True
        made[_TEXT] = ", ".join(map(_description, blobs.items()))
    return {**rest, **made, PLACEHOLDER: placeholder}


def blobs_of(data: Bundle) -> dict[str, Any]:
    """Return the entries of a placeholder, by type; what is malformed is skipped."""
    placeholder = data.get(PLACEHOLDER)
    blobs = placeholder.get("blobs") if isinstance(placeholder, Mapping) else None
    if not isinstance(blobs, Mapping):
        return {}
    return {mime: dict(entry) for mime, entry in blobs.items() if _is_entry(mime, entry)}


def map_bundle(output: Any, change: Callable[[Bundle], dict[str, Any]]) -> Any:
    """Return an output with ``change`` made to its bundle; one without a bundle as it is."""
    if isinstance(output, Mapping) and isinstance(output.get("data"), Mapping):
        return {**output, "data": change(output["data"])}
    return output


def _entry(blob: str, size: int, wrapping: Wrapping) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha1": blob, "size": size}
    return {**entry, "wrapping": str(wrapping)} if str(wrapping) else entry


def _is_entry(mime: str, entry: object) -> bool:
    return (
        mime in KEPT_TYPES
        and isinstance(entry, Mapping)
        and is_blob_id(entry.get("sha1"))
        and Wrapping.parse(entry.get("wrapping", "")) is not None
    )


def _content(mime: str, value: object, inline_bytes: int) -> bytes | None:
    """Return the bytes of a large value from which the very same value can be made again."""
    # A character has up to four bytes; what is short need not be looked at.
    if not isinstance(value, str) or 4 * len(value) <= inline_bytes:
        return None
    content = content_of(mime, value)
    if content is None or len(content) <= inline_bytes:
        return None
    return content if value_of(mime, content, Wrapping.of(value)) == value else None


def _is_lines(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _description(blob: tuple[str, Mapping[str, Any]]) -> str:
    mime, entry = blob
    size = entry.get("size")
    return f"[{mime}, {size / 1e3:.0f} kB]" if isinstance(size, int | float) else f"[{mime}]"
