"""Cuts messages into chunks that fit a connection, and puts them together again.

A chunk is what the router handles: it routes each one on its own and never looks
inside. Only receivers reassemble (conat-core §4.3, §4.4). What a receiver keeps of
unfinished messages is bounded in number, in bytes and in time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ..errors import CodecError
from ..types import Headers, MessageId
from .codec import Encoding

__all__ = [
    "CHUNK_EXPIRY_S",
    "Chunk",
    "Reassembler",
    "ReassemblyLimits",
    "WholeMessage",
    "chunk_size",
    "split",
]

CHUNK_EXPIRY_S: Final = 120.0
"""Unfinished messages older than this are given up, by receivers and by the router."""

HEADER_RESERVE_BYTES: Final = 100_000
PAYLOAD_BEFORE_INFO_BYTES: Final = 1_000_000
MIN_CHUNK_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """One slice of an encoded message (conat-core §4.1).

    ``headers`` is ``None`` when there are none; only the last chunk carries them.
    """

    id: MessageId
    seq: int
    done: bool
    encoding: int
    raw: bytes
    headers: Headers = None


@dataclass(frozen=True, slots=True)
class WholeMessage:
    """A message put together from its chunks."""

    encoding: int
    raw: bytes
    headers: Headers


def chunk_size(max_payload_bytes: int | None) -> int:
    """Return how many bytes of payload a chunk may hold (conat-core §4.3).

    ``None`` stands for a connection whose ``info`` has not come yet.
    """
    payload = PAYLOAD_BEFORE_INFO_BYTES if max_payload_bytes is None else max_payload_bytes
    return max(MIN_CHUNK_BYTES, payload - HEADER_RESERVE_BYTES)


def split(
    message_id: MessageId,
    raw: bytes,
    *,
    size_bytes: int,
    encoding: int = Encoding.MSGPACK,
    headers: Headers = None,
) -> Iterator[Chunk]:
    """Yield the chunks of an encoded message, in the order in which they are sent.

    Raises CodecError for an empty payload: no encoding makes one, and existing clients
    would send nothing at all.
    """
    if not raw:
        raise CodecError("the payload has no bytes; encode a value first")
    view = memoryview(raw)
    last = (len(raw) - 1) // size_bytes
    for seq in range(last + 1):
        piece = raw if last == 0 else bytes(view[seq * size_bytes : (seq + 1) * size_bytes])
        done = seq == last
        yield Chunk(message_id, seq, done, encoding, piece, headers if done else None)


@dataclass(frozen=True, slots=True)
class ReassemblyLimits:
    """What one subscription may keep of unfinished messages."""

    max_messages: int = 1_000
    max_bytes: int = 512_000_000
    expiry_s: float = CHUNK_EXPIRY_S


@dataclass(slots=True)
class _Unfinished:
    started_s: float
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


class Reassembler:
    """Collects the chunks of the messages of one subscription (conat-core §4.4).

    A chunk that cannot belong to a whole message is dropped and counted in ``dropped``.
    """

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self._limits = limits or ReassemblyLimits()
        self._unfinished: dict[MessageId, _Unfinished] = {}
        self._size_bytes = 0
        self.dropped = 0

    def add(self, chunk: Chunk, now_s: float) -> WholeMessage | None:
        """Take a chunk; return the message when this was its last one."""
        if chunk.seq == 0 and chunk.done:
            return WholeMessage(chunk.encoding, chunk.raw, chunk.headers)
        self.expire(now_s)
        unfinished = self._collect(chunk, now_s)
        if unfinished is None:
            self.dropped += 1
            return None
        if not chunk.done:
            return None
        self._forget(chunk.id)
        return WholeMessage(chunk.encoding, b"".join(unfinished.pieces), chunk.headers)

    def expire(self, now_s: float) -> None:
        """Give up the messages whose first chunk is too old."""
        oldest_allowed = now_s - self._limits.expiry_s
        stale = [
            key for key, entry in self._unfinished.items() if entry.started_s <= oldest_allowed
        ]
        for message_id in stale:
            self._forget(message_id)
            self.dropped += 1

    def _collect(self, chunk: Chunk, now_s: float) -> _Unfinished | None:
        unfinished = self._unfinished.get(chunk.id)
        if unfinished is None:
            if chunk.seq != 0 or len(self._unfinished) >= self._limits.max_messages:
                return None
            unfinished = self._unfinished[chunk.id] = _Unfinished(now_s)
        in_order = chunk.seq == len(unfinished.pieces)
        if not in_order or self._size_bytes + len(chunk.raw) > self._limits.max_bytes:
            self._forget(chunk.id)
            return None
        unfinished.pieces.append(chunk.raw)
        unfinished.size_bytes += len(chunk.raw)
        self._size_bytes += len(chunk.raw)
        return unfinished

    def _forget(self, message_id: MessageId) -> None:
        self._size_bytes -= self._unfinished.pop(message_id).size_bytes
