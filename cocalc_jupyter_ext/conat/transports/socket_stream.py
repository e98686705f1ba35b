"""The bytes of connected sockets: read at once, written together, bounded.

Tornado accepts connections, speaks TLS and HTTP, and upgrades to WebSockets; from then on
this reads and writes the socket itself, with one callback of the event loop for all that
has come. The library's coroutine for each part of each frame costs several times more.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from tornado.iostream import IOStream, StreamClosedError

from .websocket_frames import joined

__all__ = ["SLOW_READER", "Outbox", "SocketStream", "StreamListener"]

_READ_BYTES: Final = 65_536
"""More than a TLS record holds, so that nothing stays behind inside the TLS library."""

_READS_AT_ONCE: Final = 3
"""Few, so that a busy connection lets the others have their turn."""

_NOT_NOW: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

TRANSPORT_CLOSE: Final = "transport close"
SLOW_READER: Final = "slow reader"


class StreamListener(Protocol):
    """Who is told what happens to a socket."""

    def data_received(self, data: bytes) -> bool:
        """Take bytes, at least one; tell whether the rest of something must be under way."""
        ...  # pragma: no cover - a protocol has no body

    def connection_lost(self, reason: str) -> None:
        """Note that the socket is closed; called once."""
        ...  # pragma: no cover - a protocol has no body


class Outbox:
    """Decides when what is written goes out; all streams of an endpoint share one.

    What follows from one wake-up goes out together when it has been handled, what is written
    at other times at the end of the turn of the event loop. Only what follows from the last
    message of a wake-up goes out at once: nothing will join it, and somebody waits.
    """

    def __init__(self) -> None:
        self._streams: list[SocketStream] = []
        self._is_handling = False
        self._is_last = False

    def add(self, stream: "SocketStream") -> None:
        """Note that a stream has something to send."""
        if self._is_last:
            stream.flush()
            return
        if not self._streams and not self._is_handling:
            asyncio.get_running_loop().call_soon(self.flush)
        self._streams.append(stream)

    def begin(self) -> None:
        """Note that a wake-up begins; ``flush`` ends it."""
        self._is_handling = True

    def handle_last(self) -> None:
        """Note that the last message of a wake-up is handled now."""
        self._is_last = self._is_handling and not self._streams

    def flush(self) -> None:
        """Send everything."""
        self._is_handling = self._is_last = False
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.flush()


class SocketStream:
    """Takes the socket of a Tornado stream over, plain or TLS.

    ``max_unsent_bytes`` bounds what the peer leaves unread: a slower one is disconnected.
    """

    __slots__ = (
        "_ends_when_sent",
        "_is_open",
        "_is_reading",
        "_is_waiting",
        "_listener",
        "_loop",
        "_max_unsent_bytes",
        "_outbox",
        "_queue",
        "_stream",
        "_unsent",
        "unsent_bytes",
    )

    def __init__(
        self, stream: IOStream, listener: StreamListener, outbox: Outbox, max_unsent_bytes: int
    ) -> None:
        self.unsent_bytes = 0
        self._stream = stream
        self._listener = listener
        self._max_unsent_bytes = max_unsent_bytes
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._queue: list[bytes] = []  # written in this turn of the event loop
        self._unsent: deque[bytes | memoryview] = deque()
        self._is_open = True
        self._is_reading = False
        self._is_waiting = False  # until the socket takes more
        self._ends_when_sent = False

    def start(self) -> None:
        """Begin to read."""
        early = _buffered(self._stream)
        if self._stream.closed() or self._stream.writing():
            self._loop.call_soon(self.abort)  # the peer does not even read the upgrade
            return
        self._stream.io_loop.remove_handler(self._stream.fileno())
        self.resume_reading()
        if early:
            self._loop.call_soon(self._listener.data_received, early)

    def pause_reading(self) -> None:
        """Leave what comes in the socket, so that the peer has to wait."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._stream.fileno())

    def resume_reading(self) -> None:
        """Read again."""
        if self._is_open and not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._stream.fileno(), self._readable)

    def handle_last(self) -> None:
        """Note that nothing else has come: what follows from it need not wait for more."""
        self._outbox.handle_last()

    def write(self, buffers: Sequence[bytes]) -> None:
        """Send buffers, in order, together with what else is written now (``Outbox``)."""
        if not self._is_open or self._ends_when_sent or not buffers:
            return
        is_first = not self._queue
        self._queue.extend(buffers)
        self.unsent_bytes += sum(map(len, buffers))
        if self.unsent_bytes > self._max_unsent_bytes:
            self.abort(SLOW_READER)
        elif is_first:
            self._outbox.add(self)

    def flush(self) -> None:
        """Send what was written, as far as the socket takes it now."""
        if self._queue:
            self._unsent.extend(joined(self._queue))
            self._queue.clear()
        # A peer that went during the upgrade is closed already, and told of a moment later.
        if self._is_open and not self._is_waiting and not self._stream.closed():
            self._send()

    def end(self) -> None:
        """Close when everything has been sent; nothing can be written any more."""
        self.flush()
        self._ends_when_sent = True
        if not self._unsent:
            self.abort()

    def abort(self, reason: str = TRANSPORT_CLOSE) -> None:
        """Close now; calling it again does nothing."""
        if not self._is_open:
            return
        self.pause_reading()
        if self._is_waiting:
            self._loop.remove_writer(self._stream.fileno())
        self._is_open = False
        self._queue.clear()
        self._unsent.clear()
        self._stream.close()
        self._listener.connection_lost(reason)

    def _readable(self) -> None:
        """Take what has come; the rest, often an attachment, mostly needs no wake-up."""
        for _ in range(_READS_AT_ONCE):
            if not self._is_reading or not self._read():
                return

    def _read(self) -> bool:
        """Handle what has come and send what follows; tell whether there must be more."""
        try:
            data = self._stream.socket.recv(_READ_BYTES)
        except _NOT_NOW:
            return False
        except OSError:
            data = b""
        is_partial = False
        self._outbox.begin()
        try:
            if data:
                is_partial = self._listener.data_received(data)
            else:
                self.abort()
        finally:
            self._outbox.flush()
        return is_partial or len(data) == _READ_BYTES

    def _writable(self) -> None:
        self._loop.remove_writer(self._stream.fileno())
        self._is_waiting = False
        self._send()

    def _send(self) -> None:
        unsent = self._unsent
        send = self._stream.socket.send
        try:
            while unsent:
                sent = send(unsent[0])
                self.unsent_bytes -= sent
                if sent == len(unsent[0]):
                    unsent.popleft()
                else:
                    unsent[0] = memoryview(unsent[0])[sent:]
        except _NOT_NOW:
            self._is_waiting = True
            self._loop.add_writer(self._stream.fileno(), self._writable)
        except OSError:
            unsent.clear()
            self._loop.call_soon(self.abort)  # not now: the writer is in the middle of its work
        else:
            if self._ends_when_sent:
                self.abort()


def _buffered(stream: IOStream) -> bytes:
    """Return what the library has read from the socket already."""
    try:
        early = asyncio.ensure_future(stream.read_bytes(_READ_BYTES, partial=True))
    except StreamClosedError:
        return b""
    return early.result() if early.done() and early.exception() is None else b""
