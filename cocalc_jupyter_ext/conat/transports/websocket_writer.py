"""Writes to the socket of a client: collected, bounded.

What is written in one turn of the event loop goes out together. What the server has not
taken yet is counted; past the limit ``on_overflow`` is called.
"""

import asyncio
from collections.abc import Callable, Sequence

from tornado.iostream import IOStream, StreamClosedError

from .websocket_frames import joined

__all__ = ["WebSocketWriter"]


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
        for buffer in joined(queue):
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
