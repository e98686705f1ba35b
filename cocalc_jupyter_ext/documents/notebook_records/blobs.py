"""Pictures, PDF and HTML in the messages of records (pure; syncdoc-jupyter §4.7).

A message holds 40 hexadecimal digits instead of them; HTML is renamed to ``iframe``, because
that is how it is shown. What the shared types keep outside too is carried over as its id.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..blobs.placeholders import PLACEHOLDER, blobs_of, make_placeholder
from ..blobs.values import HTML, KEPT_TYPES, blob_id, content_of, is_blob_id, value_of

__all__ = [
    "IFRAME",
    "BlobSink",
    "BlobSource",
    "Elsewhere",
    "Outside",
    "blob_id",
    "expand_data",
    "extract_data",
    "is_blob_id",
    "reference_of",
    "references_in",
]

IFRAME: Final = "iframe"

_TEXT: Final = "text/plain"
_PREFIX: Final = "sha1:"


def _nothing() -> None:
    """Find nothing."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Says that bytes are kept outside of an output too; ``size`` is None if that is not known.

    ``read`` returns them all the same.
    """

    size: int | None = None
    read: Callable[[], bytes | None] = _nothing


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


@dataclass(frozen=True, slots=True)
class Outside:
    """A ``BlobSink`` that also finds what the shared types keep outside and records have inline."""

    put: Callable[[bytes], str | None]
    get: Callable[[str], bytes | None]

    def __call__(self, content: bytes) -> str | None:
        """Keep the bytes and return their id, or None when that failed."""
        return self.put(content)


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


def references_in(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids that the outputs and attachments of a cell's record refer to."""
    output, attachments = record.get("output"), record.get("attachments")
    for message in output.values() if isinstance(output, Mapping) else ():
        data = message.get("data") if isinstance(message, Mapping) else None
        for name, value in data.items() if isinstance(data, Mapping) else ():
            is_kept = name == IFRAME or (name in KEPT_TYPES and name != HTML)
            if is_kept and (blob := reference_of(value)) is not None:
                yield blob
    for entry in attachments.values() if isinstance(attachments, Mapping) else ():
        is_kept = isinstance(entry, Mapping) and entry.get("type") == "sha1"
        if is_kept and (blob := reference_of(entry.get("value"))) is not None:
            yield blob


def _name(mime: str) -> str:
    return IFRAME if mime == HTML else mime
