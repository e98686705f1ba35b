"""Writes WebSocket messages to a socket: shared, collected, bounded.

The bytes of a message are built once and given to every receiver. What is written in
one turn of the event loop goes out together. What a reader has not taken yet is counted;
past the limit the reader is given up, so that it never costs the server's memory. The
library's own ``write_message`` does none of this.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tornado.iostream import IOStream, StreamClosedError

from ..protocol.connection import server_event_frames
from ..protocol.messages import Delivery
from ..protocol.socketio import Frame

__all__ = ["DeliveryCache", "WebSocketWriter", "websocket_buffers"]

_FINAL_TEXT: Final = 0x81
_FINAL_BINARY: Final = 0x82
_LARGE_BYTES: Final = 65_536
"""Copying less than this costs less than another call of the operating system."""


def websocket_buffers(frames: Iterable[Frame]) -> tuple[bytes, ...]:
    """Return the unmasked bytes of messages, in few buffers, without copying large payloads."""
    parts: list[bytes] = []
    for frame in frames:
        is_text = isinstance(frame, str)
        payload = frame.encode() if isinstance(frame, str) else frame
        parts.append(_header(_FINAL_TEXT if is_text else _FINAL_BINARY, len(payload)))
        parts.append(payload)
    return tuple(_joined(parts))


def _header(first: int, size: int) -> bytes:
    """Return the header of an unmasked final frame (RFC 6455, section 5.2)."""
    if size < 126:
        return struct.pack("!BB", first, size)
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


def _joined(parts: Iterable[bytes]) -> Iterable[bytes]:
    """Join neighbours that are small."""
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


class DeliveryCache:
    """The bytes of the last delivery: the router names its receivers one after another."""

    def __init__(self) -> None:
        self._delivery: Delivery | None = None
        self._buffers: tuple[bytes, ...] = ()

    def buffers(self, delivery: Delivery) -> tuple[bytes, ...]:
        """Return the bytes of a delivery, built once while the same one is asked for."""
        if delivery is not self._delivery:
            self._buffers = websocket_buffers(server_event_frames(delivery))
            self._delivery = delivery
        return self._buffers


class WebSocketWriter:
    """The outgoing half of one socket. ``on_overflow`` is called at most once."""

    def __init__(self, stream: IOStream, max_bytes: int, on_overflow: Callable[[], None]) -> None:
        self.unsent_bytes = 0
        self._stream = stream
        self._max_bytes = max_bytes
        self._on_overflow = on_overflow
        self._queue: list[bytes] = []
        self._is_open = True

    def write(self, buffers: Sequence[bytes]) -> None:
        """Send buffers, in order, at the end of this turn of the event loop."""
        if not self._is_open or not buffers:
            return
        if not self._queue:
            asyncio.get_running_loop().call_soon(self.flush)
        self._queue.extend(buffers)
        self.unsent_bytes += sum(map(len, buffers))
        if self.unsent_bytes > self._max_bytes:
            self.close()
            self._on_overflow()

    def flush(self) -> None:
        """Send what is collected now."""
        queue, self._queue = self._queue, []
        for buffer in _joined(queue):
            self._write(buffer)

    def close(self) -> None:
        """Send nothing any more."""
        self._is_open = False
        self._queue.clear()

    def _write(self, buffer: bytes) -> None:
        size = len(buffer)

        def written(done: asyncio.Future[None]) -> None:
            self.unsent_bytes -= size
            if not done.cancelled():
                done.exception()  # the socket is closed; whoever reads from it is told

        try:
            self._stream.write(buffer).add_done_callback(written)
        except StreamClosedError:
            self.close()
