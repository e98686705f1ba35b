"""The client's side of a WebSocket: how a project reaches a hub.

Compression is never offered. Certificates are verified unless the caller's SSL context
says otherwise. What is sent in one turn of the event loop goes out together. What the server
does not read is bounded: a client that sends faster than the connection carries gets an
error instead of filling its memory.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from tornado.httpclient import HTTPError, HTTPRequest
from tornado.iostream import IOStream
from tornado.websocket import WebSocketClientConnection, websocket_connect

from ..client.session import Link, LinkListener
from ..errors import Disconnected, LimitExceeded
from ..protocol.connection import Acknowledged, ClientConnection, Connected, Ended, Received
from ..protocol.messages import ClientEvent, Publish
from ..types import Clock
from .websocket_masking import masked_buffers
from .websocket_writer import WebSocketWriter

__all__ = ["TornadoTransport", "socket_url"]

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 20.0
CLOSE_TIMEOUT_S: Final = 2.0
LEFT: Final = "io client disconnect"
MAX_MESSAGE_BYTES: Final = 16_000_000
MAX_UNSENT_BYTES: Final = 256_000_000


def socket_url(address: str) -> str:
    """Return the WebSocket URL for an address like ``https://host/base`` (conat-core §1.1)."""
    parts = urlsplit(address)
    schemes = {"http": "ws", "https": "wss"}
    if parts.scheme not in schemes or not parts.netloc:
        raise ValueError(f"{address!r} is not an address like https://host/base")
    path = f"{parts.path.rstrip('/')}/conat/"
    query = "EIO=4&transport=websocket"
    return urlunsplit((schemes[parts.scheme], parts.netloc, path, query, ""))


class TornadoTransport:
    """Connects to a server. ``headers`` carry the credentials, usually ``Cookie``."""

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        ssl_options: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._url = socket_url(address)
        self._headers = dict(headers or {})
        self._ssl_options = ssl_options
        self._clock = clock

    async def open(self, listener: LinkListener) -> Link:
        """Connect once; raises Disconnected with the HTTP status, or OSError."""
        request = HTTPRequest(
            self._url,
            headers=self._headers,
            ssl_options=self._ssl_options,
            connect_timeout=CONNECT_TIMEOUT_S,
            request_timeout=CONNECT_TIMEOUT_S,
        )
        connecting = asyncio.ensure_future(
            websocket_connect(request, max_message_size=MAX_MESSAGE_BYTES)
        )
        try:
            socket = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_abandon)
            raise
        except HTTPError as error:
            raise Disconnected(f"the server answered {error.code}") from error
        if socket.protocol is None or socket.protocol.stream is None:
            raise Disconnected("the connection was lost as soon as it was open")
        return _Link(socket, socket.protocol.stream, listener, self._clock)


def _abandon(connecting: asyncio.Future[WebSocketClientConnection]) -> None:
    """Close a socket that opened after everybody had given it up."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


class _Link:
    """One open socket. Nothing reaches the listener before the link has been returned."""

    def __init__(
        self,
        socket: WebSocketClientConnection,
        stream: IOStream,
        listener: LinkListener,
        clock: Clock,
    ) -> None:
        stream.set_nodelay(True)  # the server would hold its acknowledgement of a packet back
        self._socket = socket
        self._stream = stream
        self._writer = WebSocketWriter(stream, MAX_UNSENT_BYTES + MAX_MESSAGE_BYTES, stream.close)
        self._listener = listener
        self._clock = clock
        self._connection = ClientConnection()
        self._on_ack: dict[int, Callable[[Any], None]] = {}
        loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle = loop.call_later(CONNECT_TIMEOUT_S, self._connect_late)
        self._reader = asyncio.create_task(self._read(), name="conat-link")

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        """Send an event; raises LimitExceeded when too much is unsent already."""
        size = len(event.chunk.raw) if isinstance(event, Publish) else 0
        unsent = self._writer.unsent_bytes
        if unsent and unsent + size > MAX_UNSENT_BYTES:
            raise LimitExceeded(f"{unsent} bytes are still unsent; send more slowly")
        ack_id = self._connection.send(event, wants_ack=on_ack is not None)
        if ack_id is not None and on_ack is not None:
            self._on_ack[ack_id] = on_ack
        self._flush()

    async def close(self) -> None:
        """Leave, and close the socket; the server has a moment to agree."""
        self._connection.disconnect(LEFT)
        self._settle()
        await asyncio.wait({self._reader}, timeout=CLOSE_TIMEOUT_S)
        self._stream.close()

    async def _read(self) -> None:
        while (frame := await self._socket.read_message()) is not None:
            self._connection.receive(frame, self._clock())
            self._settle()
        self._connection.close()
        self._settle()

    def _settle(self) -> None:
        """Answer first, then tell the listener what has happened."""
        events = self._connection.events_received()
        self._flush()
        for event in events:
            match event:
                case Received(message):
                    self._listener.on_event(message)
                case Acknowledged(ack_id, arguments):
                    on_ack = self._on_ack.pop(ack_id, None)
                    if on_ack is not None:
                        on_ack(arguments[0] if arguments else None)
                case Connected():
                    self._set_timer()
                case Ended():
                    self._ended(event)

    def _ended(self, event: Ended) -> None:
        if event.error is not None:
            _log.warning("the server broke the protocol: %s", event.error)
        self._timer.cancel()
        self._writer.flush()
        self._socket.close()
        if event.reason != LEFT:
            self._stream.close()
        self._listener.on_closed(event.reason)

    def _flush(self) -> None:
        self._writer.write(masked_buffers(self._connection.data_to_send()))

    def _set_timer(self) -> None:
        self._timer.cancel()
        deadline_s = self._connection.deadline_s
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._connection.tick(self._clock())
        self._settle()
        self._set_timer()

    def _connect_late(self) -> None:
        self._connection.close("connect timeout")
        self._settle()
