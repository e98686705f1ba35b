"""The bytes of WebSocket messages as a client sends them: masked (RFC 6455, section 5.3)."""

import os
import struct
from collections.abc import Iterable
from typing import Final

from tornado.util import _websocket_mask  # the compiled one, or its replacement in Python

from ..protocol.socketio import Frame

__all__ = ["masked_buffers"]

_FINAL_TEXT: Final = 0x81
_FINAL_BINARY: Final = 0x82
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4


def masked_buffers(frames: Iterable[Frame]) -> list[bytes]:
    """Return the bytes of messages, each as one final frame with a mask of its own."""
    return [
        _masked(_FINAL_TEXT, frame.encode())
        if isinstance(frame, str)
        else _masked(_FINAL_BINARY, frame)
        for frame in frames
    ]


def _masked(first: int, payload: bytes) -> bytes:
    mask = os.urandom(_MASK_BYTES)
    return b"".join((_header(first, len(payload)), mask, _websocket_mask(mask, payload)))


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return struct.pack("!BB", first, _MASKED | size)
    if size < 65_536:
        return struct.pack("!BBH", first, _MASKED | 126, size)
    return struct.pack("!BBQ", first, _MASKED | 127, size)
