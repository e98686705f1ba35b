"""Payloads on disk are compressed with zstandard when that may be worth it (conat-sync §2.7)."""

from typing import Final

import zstandard

from ..errors import StoreCorrupt

__all__ = ["Compression"]

_NONE: Final = 0
_ZSTANDARD: Final = 1
_MAX_BYTES: Final = 1_000_000_000
"""The longest value SQLite stores; a frame that claims more is damaged."""


class Compression:
    """Compresses payloads longer than ``threshold`` bytes, none if it is None; reads both kinds.

    The result is kept even if it is not smaller. What zstandard works with is made again for each
    payload, in some microseconds: it is megabytes, which each open stream would keep otherwise.
    """

    def __init__(self, threshold: int | None = 1024) -> None:
        self._threshold = threshold

    def pack(self, raw: bytes) -> tuple[int, bytes]:
        """Return the algorithm's tag and the bytes to store; frames tell their content's size."""
        if self._threshold is None or len(raw) <= self._threshold:
            return _NONE, raw
        return _ZSTANDARD, zstandard.ZstdCompressor(write_content_size=True).compress(raw)

    def unpack(self, algorithm: int, data: bytes) -> bytes:
        """Return the payload; raises StoreCorrupt."""
        if algorithm == _NONE:
            return data
        if algorithm != _ZSTANDARD:
            raise StoreCorrupt(f"a payload uses compression {algorithm}, which is unknown")
        try:
            return _decompress(zstandard.ZstdDecompressor(), data)
        except zstandard.ZstdError as error:
            raise StoreCorrupt(f"a payload cannot be decompressed: {error}") from error


def _decompress(decompressor: zstandard.ZstdDecompressor, data: bytes) -> bytes:
    size = zstandard.frame_content_size(data)
    if size > _MAX_BYTES:
        raise StoreCorrupt(f"a payload claims to have {size} bytes")
    if size >= 0:
        return decompressor.decompress(data)
    # Frames of other writers need not tell their size.
    with decompressor.stream_reader(data) as reader:
        raw = reader.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise StoreCorrupt("a payload is longer than any that can be stored")
    return raw
