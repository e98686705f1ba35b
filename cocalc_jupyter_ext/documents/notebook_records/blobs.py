"""Pictures, PDF and HTML in the messages of records (pure; syncdoc-jupyter §4.7).

A message holds 40 hexadecimal digits instead of them; HTML is renamed to ``iframe``, because
that is how it is shown. What the shared types keep outside too is carried over as its id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..blobs.placeholders import PLACEHOLDER, blobs_of, make_placeholder
from ..blobs.values import HTML, KEPT_TYPES, blob_id, content_of, is_blob_id, value_of

__all__ = [
    "IFRAME",
    "BlobSink",
    "BlobSource",
    "Elsewhere",
    "blob_id",
    "expand_data",
    "extract_data",
    "is_blob_id",
    "reference_of",
]

IFRAME: Final = "iframe"

_TEXT: Final = "text/plain"
_PREFIX: Final = "sha1:"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Says that bytes are kept outside of an output too; ``size`` is None if that is not known."""

    size: int | None = None


class BlobSink(Protocol):
    """Where blobs go."""

    def __call__(self, content: bytes) -> str | None:
        """Keep the bytes and return their id, or None when that failed."""
        ...


class BlobSource(Protocol):
    """Where blobs come from."""

    def __call__(self, blob: str) -> bytes | Elsewhere | None:
        """Return the bytes of an id, that they stay outside, or None when they are gone."""
        ...


def reference_of(value: object) -> str | None:
    """Return the id that a value stands for: it may be written with ``sha1:`` before it."""
    bare = value.removeprefix(_PREFIX) if isinstance(value, str) else value
    return bare if is_blob_id(bare) else None  # type: ignore[return-value]  # an id is text


def extract_data(data: Mapping[str, Any], put: BlobSink) -> dict[str, Any]:
    """Return the bundle of a message with its blobs moved out; what fails stays inline."""
    elsewhere = blobs_of(data)
    small: dict[str, Any] = {_name(mime): entry["sha1"] for mime, entry in elsewhere.items()}
    made_text = bool(elsewhere) and data[PLACEHOLDER].get("text")
    for mime, value in data.items():
        if (mime == PLACEHOLDER and elsewhere) or (mime == _TEXT and made_text):
            continue
        content = content_of(mime, value)
        blob = None if content is None else put(content)
        if blob is None:
            small[mime] = value
        else:
            small[_name(mime)] = blob
    return small


def expand_data(data: Mapping[str, Any], get: BlobSource) -> dict[str, Any]:
    """Return the bundle of an output with its blobs back in place; those that are gone stay ids.

    Those that stay outside are named by a placeholder.
    """
    whole: dict[str, Any] = {}
    elsewhere: dict[str, Any] = {}
    for name, value in data.items():
        mime = HTML if name == IFRAME else name
        blob = reference_of(value) if mime in KEPT_TYPES and name != HTML else None
        found = None if blob is None else get(blob)
        if found is None:
            whole[name] = value
        elif isinstance(found, bytes):
            whole[mime] = value_of(mime, found)
        else:
            elsewhere[mime] = {"sha1": blob, **({"size": found.size} if found.size else {})}
    return make_placeholder(whole, elsewhere) if elsewhere else whole


def _name(mime: str) -> str:
    return IFRAME if mime == HTML else mime
