"""The endpoint: conat over Tornado's WebSockets.

Mix ``EndpointMixin`` into a ``WebSocketHandler`` and pass an ``Endpoint``; the handler
says who the user is. The library accepts the WebSocket, then the connection is ours.
``permessage-deflate`` is never negotiated, long polling is refused, a message above the
payload limit closes the socket with code 1009, and a reader that does not keep up is
disconnected (conat-core §1, §2).
"""

import logging
import secrets
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Final

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from ..authentication.client_address import client_address
from ..broker.broker import Broker
from ..protocol.engineio import Handshake
from ..protocol.messages import Delivery
from ..protocol.socketio import Frame
from ..types import Clock, User
from .deliveries import DeliveryCache
from .server_session import ServerSession
from .socket_stream import SLOW_READER, Outbox
from .websocket import ServerWebSocket
from .websocket_frames import websocket_buffers

__all__ = ["Endpoint", "EndpointMixin", "EndpointSettings"]

_log = logging.getLogger(__name__)

ENGINE_IO_VERSION: Final = "4"
CLOSE_NORMAL: Final = 1000
WEBSOCKET_ONLY: Final = "Transport unknown: this server needs transports: ['websocket']"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times and sizes of connections; the times are those of Engine.IO (conat-core §1.2)."""

    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000
    max_write_buffer_bytes: int = 64_000_000


@dataclass
class Endpoint:
    """What all connections of one mounted endpoint share."""

    broker: Broker
    settings: EndpointSettings = field(default_factory=EndpointSettings)
    clock: Clock = time.monotonic
    deliveries: DeliveryCache = field(default_factory=DeliveryCache)
    outbox: Outbox = field(default_factory=Outbox)

    def handshake(self) -> Handshake:
        """Return what a new connection is told."""
        return Handshake(
            secrets.token_urlsafe(15),
            self.settings.ping_interval_ms,
            self.settings.ping_timeout_ms,
            self.broker.limits.max_payload_bytes,
        )


class _Carrier:
    """Joins one WebSocket and one session."""

    __slots__ = ("_deliveries", "_handler", "_session", "_settings", "_socket")

    def __init__(self, handler: "EndpointMixin", stream: IOStream, endpoint: Endpoint) -> None:
        self._handler = handler
        self._deliveries = endpoint.deliveries
        self._settings = endpoint.settings
        self._socket = ServerWebSocket(
            stream,
            self,
            outbox=endpoint.outbox,
            max_message_bytes=endpoint.broker.limits.max_payload_bytes,
            max_unsent_bytes=endpoint.settings.max_write_buffer_bytes,
        )
        self._session = ServerSession(
            endpoint.broker,
            self,
            authenticate=handler.authenticate,
            handshake=endpoint.handshake(),
            clock=endpoint.clock,
            address=client_address(handler.request.headers, handler.request.remote_ip),
        )
        self._socket.start()

    # The session's way out

    def write(self, frames: list[Frame]) -> None:
        self._socket.write(websocket_buffers(frames))

    def deliver(self, delivery: Delivery) -> None:
        self._socket.write(self._deliveries.buffers(delivery))

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason)

    # What the socket tells

    def message_received(self, message: Frame) -> Awaitable[None] | None:
        return self._session.receive(message)

    @property
    def is_mid_packet(self) -> bool:
        return self._session.is_mid_packet

    def messages_ended(self, reason: str) -> None:
        if reason == SLOW_READER:
            limit = self._settings.max_write_buffer_bytes
            user = self._session.user
            _log.warning("disconnecting %s, which left more than %d bytes unread", user, limit)
        self._session.carrier_closed(reason)

    def socket_closed(self) -> None:
        self._handler.on_ws_connection_close()

    def end_session(self, reason: str) -> None:
        self._session.close(reason, may_return=False)


class _Upgrade(WebSocketProtocol13):
    """The library's part of a connection: its opening handshake."""

    async def _receive_frame_loop(self) -> None:
        """Read nothing: the carrier does."""


class EndpointMixin(WebSocketHandler):
    """A WebSocket handler that speaks conat; give ``endpoint`` to ``initialize``."""

    _carrier: _Carrier | None = None

    def initialize(self, endpoint: Endpoint, **kwargs: Any) -> None:
        """Remember the endpoint this handler belongs to."""
        super().initialize(**kwargs)
        self._endpoint = endpoint

    async def authenticate(self) -> User | None:
        """Return who the user is, or raise ConatError to refuse with a reason.

        Without an override nobody is asked, as on a server without authentication.
        """
        return None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open a WebSocket; refuse what is none with an error the client shows."""
        if self.get_query_argument("EIO", "") != ENGINE_IO_VERSION:
            self._refuse(5, "Unsupported protocol version: this server needs Engine.IO 4")
        elif self.get_query_argument("transport", "") != "websocket":
            self._refuse(0, WEBSOCKET_ONLY)
        else:
            await super().get(*args, **kwargs)

    async def post(self) -> None:
        """Refuse long polling."""
        self._refuse(0, WEBSOCKET_ONLY)

    def check_xsrf_cookie(self) -> None:
        """Need none: ``post`` only refuses, and WebSockets are guarded by their origin."""

    def get_compression_options(self) -> dict[str, Any] | None:
        """Offer no compression: it costs more than it saves (conat-core §1.2)."""
        return None

    @property
    def ping_interval(self) -> float | None:
        """No WebSocket pings: Engine.IO has its own."""
        return None

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Let the library do the handshake, and nothing after it."""
        protocol = super().get_websocket_protocol()
        if isinstance(protocol, WebSocketProtocol13):
            return _Upgrade(self, mask_outgoing=False, params=protocol.params)
        return protocol

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin the conversation."""
        self.set_nodelay(True)
        upgrade = self.ws_connection
        if upgrade is not None and upgrade.stream is not None:
            self._carrier = _Carrier(self, upgrade.stream, self._endpoint)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Get nothing: messages go to the session."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the WebSocket; the client comes back by itself."""
        if self._carrier is not None:
            self._carrier.close(CLOSE_NORMAL if code is None else code, reason or "")

    def end_session(self, reason: str) -> None:
        """Disconnect the client for good, for instance because its user lost a right."""
        if self._carrier is not None:
            self._carrier.end_session(reason)

    def _refuse(self, code: int, message: str) -> None:
        self.set_status(400)
        self.finish({"code": code, "message": message})
