"""The server's end of one WebSocket: whole messages in, bytes out, the closing handshake.

Messages that arrived together are handled together. While the listener is not ready for
the next one, reading pauses and the client has to wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from enum import Enum
from typing import Final, Protocol

from tornado.iostream import IOStream

from ..protocol.socketio import Frame
from .socket_stream import Outbox, SocketStream
from .websocket_frames import Close, FrameError, FrameReader, Ping, close_frame, pong_frame

__all__ = ["ServerWebSocket", "WebSocketListener"]

_log = logging.getLogger(__name__)

CLOSE_NORMAL: Final = 1000
CLOSE_TIMEOUT_S: Final = 5.0
"""How long the client has to answer a closing, and to read what was sent before it."""


class WebSocketListener(Protocol):
    """Who is told what happens to a WebSocket."""

    def message_received(self, message: Frame) -> Awaitable[None] | None:
        """Take a message; what is returned is awaited before the next one is given."""
        ...  # pragma: no cover - a protocol has no body

    @property
    def is_mid_packet(self) -> bool:
        """Return whether another message belongs to the last one."""
        ...  # pragma: no cover - a protocol has no body

    def messages_ended(self, reason: str) -> None:
        """Note that no message comes or goes any more; called once."""
        ...  # pragma: no cover - a protocol has no body

    def socket_closed(self) -> None:
        """Note that the socket is closed; called once, at last."""
        ...  # pragma: no cover - a protocol has no body


class _State(Enum):
    OPEN = "open"
    CLOSING = "closing"  # a closing is sent, the client's is awaited
    DISCARDING = "discarding"  # nothing that comes means anything any more
    CLOSED = "closed"


class ServerWebSocket:
    """Takes a stream over on which a WebSocket has just been opened.

    ``max_message_bytes`` bounds what one message may have (close code 1009), and
    ``max_unsent_bytes`` what the client may leave unread (it is disconnected).
    """

    __slots__ = ("_hold", "_is_reported", "_listener", "_reader", "_state", "_stream", "_timer")

    def __init__(
        self,
        stream: IOStream,
        listener: WebSocketListener,
        *,
        outbox: Outbox,
        max_message_bytes: int,
        max_unsent_bytes: int,
    ) -> None:
        self._listener = listener
        self._reader = FrameReader(max_message_bytes)
        self._stream = SocketStream(stream, self, outbox, max_unsent_bytes)
        self._state = _State.OPEN
        self._hold: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_reported = False

    def start(self) -> None:
        """Begin to read."""
        self._stream.start()

    def write(self, buffers: Sequence[bytes]) -> None:
        """Send the bytes of frames, together with what else is written now."""
        if self._state is _State.OPEN:
            self._stream.write(buffers)

    def close(self, code: int, reason: str) -> None:
        """Send what was written and a closing; give the client a moment to answer."""
        if self._state is _State.OPEN:
            self._begin_to_close(_State.CLOSING, code, reason)

    def data_received(self, data: bytes) -> bool:
        """Handle all messages that are whole by now; tell whether the rest must be under way."""
        if self._state is _State.DISCARDING:
            return False
        self._reader.feed(data)
        self._handle_messages()
        return not self._reader.is_empty or self._listener.is_mid_packet

    def connection_lost(self, reason: str) -> None:
        """Note that the socket is closed."""
        self._state = _State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        if self._hold is not None:
            self._hold.cancel()
        self._report(reason)
        self._listener.socket_closed()

    def _handle_messages(self) -> None:
        try:
            while self._hold is None and self._state in (_State.OPEN, _State.CLOSING):
                message = self._reader.next_message()
                if message is None:
                    return
                if self._reader.is_empty:
                    self._stream.handle_last()
                if isinstance(message, str | bytes):
                    self._handle_data(message)
                elif isinstance(message, Close):
                    self._closed_by_client(message)
                elif isinstance(message, Ping):
                    self.write([pong_frame(message.data)])
        except FrameError as error:
            self._broken(error.close_code, str(error))
        except Exception:  # noqa: BLE001 - one connection must not end the others' event loop
            _log.exception("a message could not be handled; the connection ends")
            self._stream.abort()

    def _handle_data(self, message: Frame) -> None:
        if self._state is not _State.OPEN:
            return
        hold = self._listener.message_received(message)
        if hold is not None:
            self._hold = asyncio.ensure_future(hold)
            self._hold.add_done_callback(self._released)
            self._stream.pause_reading()

    def _released(self, hold: asyncio.Future[None]) -> None:
        """Go on with what arrived meanwhile, then read again."""
        self._hold = None
        if not hold.cancelled() and (error := hold.exception()) is not None:
            _log.error("a message could not be handled; the connection ends", exc_info=error)
            self._stream.abort()
            return
        self._handle_messages()
        if self._hold is None:
            self._stream.resume_reading()

    def _closed_by_client(self, message: Close) -> None:
        """Answer a closing, unless it is the answer to ours, and close the socket."""
        if self._state is _State.OPEN:
            code = CLOSE_NORMAL if message.code is None else message.code
            self._begin_to_close(_State.DISCARDING, code, "")
        self._stream.end()
        self._report("transport close")

    def _broken(self, code: int, reason: str) -> None:
        """Say what was wrong; read on, without looking, so that the client can read it."""
        if self._state is _State.OPEN:
            self._begin_to_close(_State.DISCARDING, code, reason)
            self._report(reason)
        else:
            self._stream.abort()

    def _begin_to_close(self, state: _State, code: int, reason: str) -> None:
        self._stream.write([close_frame(code, reason)])
        self._stream.flush()
        if self._state is _State.OPEN:  # the socket may have been lost by writing
            self._state = state
            if self._hold is not None:
                self._hold.cancel()  # so that the client's answer is seen
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CLOSE_TIMEOUT_S, self._stream.abort)

    def _report(self, reason: str) -> None:
        if not self._is_reported:
            self._is_reported = True
            self._listener.messages_ended(reason)
