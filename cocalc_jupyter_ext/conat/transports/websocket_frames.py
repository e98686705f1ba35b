"""The frames of WebSockets as a server reads and writes them (RFC 6455), without I/O.

``FrameReader`` takes bytes as they come and gives whole messages, so that one wake-up of
the event loop can handle all messages that arrived together. Extensions do not exist here.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tornado.util import _websocket_mask as apply_mask  # compiled; nothing public is as fast

from ..errors import ProtocolError
from ..protocol.socketio import Frame

__all__ = [
    "Close",
    "FrameError",
    "FrameReader",
    "Ping",
    "Pong",
    "close_frame",
    "joined",
    "pong_frame",
    "websocket_buffers",
]

CLOSE_PROTOCOL_ERROR: Final = 1002
CLOSE_NOT_UTF_8: Final = 1007
CLOSE_TOO_LARGE: Final = 1009

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_RESERVED: Final = 0x70
_IS_CONTROL: Final = 0x08
_CONTINUATION: Final = 0x0
_TEXT: Final = 0x1
_BINARY: Final = 0x2
_CLOSE: Final = 0x8
_PING: Final = 0x9
_PONG: Final = 0xA
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})

_FINAL_TEXT: Final = _FINAL | _TEXT
_FINAL_BINARY: Final = _FINAL | _BINARY
_MAX_CONTROL_BYTES: Final = 125
_MASK_BYTES: Final = 4
_MEDIUM_HEADER: Final = struct.Struct("!BBH").pack
_LARGE_HEADER: Final = struct.Struct("!BBQ").pack
_LARGE_BYTES: Final = 65_536
"""Copying less than this costs less than another call of the operating system."""


class FrameError(ProtocolError):
    """What came is no frame of a client; close the socket with ``close_code``."""

    def __init__(self, close_code: int, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with a pong of the same data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, or a sign of life."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer sends nothing any more. ``code`` is None when it gave none."""

    code: int | None
    reason: str


Message = Frame | Ping | Pong | Close


class FrameReader:
    """Takes the bytes of a client, gives its messages, puts fragments together.

    A data message has at most ``max_bytes``. After FrameError nothing can be read any more.
    """

    __slots__ = ("_buffer", "_first", "_fragments", "_max_bytes", "_missing", "_partial", "_start")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = b""
        self._start = 0  # of what has not been taken from the buffer
        self._partial: bytearray | None = None  # a frame that is long in coming
        self._missing = 0  # bytes until it is whole
        self._first = 0  # the kind of the fragmented message, or 0
        self._fragments = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether every byte that came has been taken by ``next_message``."""
        return self._start == len(self._buffer) and self._partial is None

    def feed(self, data: bytes) -> None:
        """Take what came; then call ``next_message`` until it returns None."""
        if self._partial is not None:
            self._partial += data
            self._missing -= len(data)
            if self._missing <= 0:
                self._buffer, self._start = bytes(self._partial), 0
                self._partial = None
        elif self._start == len(self._buffer):
            self._buffer, self._start = data, 0
        else:
            self._buffer, self._start = self._buffer[self._start :] + data, 0

    def next_message(self) -> Message | None:
        """Return the next whole message, or None until more has come; raises FrameError."""
        while (frame := self._next_frame()) is not None:
            first, payload = frame
            if first == _FINAL_BINARY and not self._first:
                return payload
            if first == _FINAL_TEXT and not self._first:
                return _decoded(payload)
            message = self._take(first, payload)
            if message is not None:
                return message
        return None

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Return the first byte and the unmasked payload of the next frame."""
        buffer, start = self._buffer, self._start
        available = len(buffer) - start
        if available < 2 or self._partial is not None:
            return None
        first, size = buffer[start], buffer[start + 1] - _MASKED
        _check_head(first, size)
        mask_at = start + 2
        if size > _MAX_CONTROL_BYTES:
            mask_at = start + (4 if size == 126 else 10)
            if len(buffer) < mask_at:
                return None
            size = int.from_bytes(buffer[start + 2 : mask_at], "big")
        self._check_size(first, size)
        payload_at = mask_at + _MASK_BYTES
        end = payload_at + size
        if end > len(buffer):
            self._wait_for(end - len(buffer))
            return None
        self._start = end
        return first, apply_mask(buffer[mask_at:payload_at], buffer[payload_at:end])

    def _check_size(self, first: int, size: int) -> None:
        if not first & _IS_CONTROL and size + len(self._fragments) > self._max_bytes:
            raise FrameError(CLOSE_TOO_LARGE, "message too big")

    def _wait_for(self, missing: int) -> None:
        """Collect the rest of a frame without looking at it each time a part comes."""
        self._missing = missing
        self._partial = bytearray(memoryview(self._buffer)[self._start :])
        self._buffer, self._start = b"", 0

    def _take(self, first: int, payload: bytes) -> Message | None:
        """Handle control frames and fragments."""
        if first & _IS_CONTROL:
            return _control(first & 0x0F, payload)
        opcode = first & 0x0F
        if (opcode == _CONTINUATION) != bool(self._first):
            raise FrameError(CLOSE_PROTOCOL_ERROR, "a fragment is out of place")
        self._first = self._first or opcode
        self._fragments += payload
        if not first & _FINAL:
            return None
        whole, kind = bytes(self._fragments), self._first
        self._fragments, self._first = bytearray(), 0
        return whole if kind == _BINARY else _decoded(whole)


def _check_head(first: int, masked_size: int) -> None:
    """Check the two bytes every frame begins with; the mask bit is subtracted already."""
    if masked_size < 0:
        raise FrameError(CLOSE_PROTOCOL_ERROR, "frames of a client must be masked")
    if first & _RESERVED:
        raise FrameError(CLOSE_PROTOCOL_ERROR, "no extension was negotiated")
    if first & 0x0F not in _OPCODES:
        raise FrameError(CLOSE_PROTOCOL_ERROR, "this kind of frame does not exist")
    if first & _IS_CONTROL and (not first & _FINAL or masked_size > _MAX_CONTROL_BYTES):
        raise FrameError(CLOSE_PROTOCOL_ERROR, "control frames are short and never fragmented")


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise FrameError(CLOSE_NOT_UTF_8, "a text is not valid UTF-8") from error


def _control(opcode: int, payload: bytes) -> Message:
    if opcode == _PING:
        return Ping(payload)
    if opcode == _PONG:
        return Pong(payload)
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not _may_be_sent(code):
        raise FrameError(CLOSE_PROTOCOL_ERROR, "the code of the closing is not valid")
    return Close(code, _decoded(payload[2:]))


def _may_be_sent(code: int) -> bool:
    """Return whether a close code may be on the wire (RFC 6455, section 7.4)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def websocket_buffers(frames: Iterable[Frame]) -> tuple[bytes, ...]:
    """Return the unmasked bytes of messages, in few buffers, without copying large payloads."""
    parts: list[bytes] = []
    for frame in frames:
        if isinstance(frame, str):
            payload, first = frame.encode(), _FINAL_TEXT
        else:
            payload, first = frame, _FINAL_BINARY
        parts.append(_header(first, len(payload)))
        parts.append(payload)
    return joined(parts)


def close_frame(code: int, reason: str) -> bytes:
    """Return the bytes of a closing; a reason that is too long is cut."""
    text = reason.encode()[: _MAX_CONTROL_BYTES - 2].decode(errors="ignore")
    payload = code.to_bytes(2, "big") + text.encode()
    return _header(_FINAL | _CLOSE, len(payload)) + payload


def pong_frame(data: bytes) -> bytes:
    """Return the bytes of the answer to a ping."""
    return _header(_FINAL | _PONG, len(data)) + data


def joined(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the parts in order, neighbours that are small as one."""
    if sum(map(len, parts)) < _LARGE_BYTES:
        return (b"".join(parts),) if parts else ()
    return tuple(_groups(parts))


def _groups(parts: Sequence[bytes]) -> Iterator[bytes]:
    small: list[bytes] = []
    for part in parts:
        if len(part) < _LARGE_BYTES:
            small.append(part)
            continue
        if small:
            yield b"".join(small)
            small = []
        yield part
    if small:
        yield b"".join(small)


def _header(first: int, size: int) -> bytes:
    """Return the header of an unmasked frame (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((first, size))
    if size < 65_536:
        return _MEDIUM_HEADER(first, 126, size)
    return _LARGE_HEADER(first, 127, size)
