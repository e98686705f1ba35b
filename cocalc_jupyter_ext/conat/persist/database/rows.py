"""Messages as rows of the ``messages`` table (conat-sync §2.2, §2.4)."""

from dataclasses import dataclass
from typing import Any, Final

from ...errors import CodecError
from ...protocol.codec import from_json, to_json
from ..errors import Rejected, StoreCorrupt
from ..messages import NewMessage, StoredMessage
from .compression import Compression

__all__ = ["COLUMNS", "Draft", "draft_of", "is_storable", "message_of"]

COLUMNS: Final = "seq, key, time, headers, compress, encoding, raw"
"""The columns ``message_of`` reads, in its order."""

_MAX_BYTES: Final = 900_000_000
"""Just under the longest row SQLite stores."""
_MAX_ENCODING: Final = 2**31
_MAX_INTEGER: Final = 2**53


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that can be stored: its headers as JSON text, and its size (§2.4)."""

    message: NewMessage
    headers: str | None
    size: int

    def values(self, time_ms: int, compression: Compression) -> tuple[object, ...]:
        """Return key, time, headers, compress, encoding, raw, size, ttl."""
        message = self.message
        algorithm, raw = compression.pack(message.raw)
        return (
            message.key,
            time_ms / 1000,
            self.headers,
            algorithm,
            message.encoding,
            raw,
            self.size,
            None if message.ttl_ms is None else _number(message.ttl_ms),
        )


def draft_of(message: NewMessage) -> Draft:
    """Check a message; raises Rejected when no stream can hold it."""
    try:
        headers = None if message.headers is None else to_json(message.headers)
    except CodecError as error:
        raise Rejected(f"the headers cannot be stored: {error}") from error
    if message.key is not None and not is_storable(message.key):
        raise Rejected(f"the key {message.key!r} is not valid text")
    size = len(message.raw) + _length(message.key or "") + _length(headers or "")
    if not 0 <= message.encoding < _MAX_ENCODING:
        raise Rejected(f"the encoding {message.encoding} is unknown")
    if size > _MAX_BYTES:
        raise Rejected(f"a message of {size} bytes is longer than any that can be stored")
    return Draft(message, headers, size)


def message_of(row: tuple[Any, ...], compression: Compression) -> StoredMessage:
    """Return the message of a row; raises StoreCorrupt."""
    seq, key, time_s, headers, algorithm, encoding, raw = row
    try:
        return StoredMessage(
            seq=seq,
            time_ms=round(time_s * 1000),
            raw=raw if algorithm == 0 else compression.unpack(algorithm, raw),
            encoding=encoding,
            key=key,
            headers=None if headers is None else from_json(headers),
        )
    except (CodecError, TypeError, ValueError, OverflowError) as error:
        raise StoreCorrupt(f"the stored message {seq} cannot be read: {error}") from error


def is_storable(key: str) -> bool:
    """Return whether any message can have this key: a lone surrogate is no character."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: float) -> float:
    """Return a number SQLite can hold; so large a time to live never ends anyway."""
    return min(value, _MAX_INTEGER) if value > 0 else max(value, -_MAX_INTEGER)


def _length(text: str) -> int:
    """Return the length in UTF-16 code units, as JavaScript counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
