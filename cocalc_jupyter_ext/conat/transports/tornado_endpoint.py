"""The endpoint: conat over Tornado's WebSockets.

Mix ``EndpointMixin`` into a ``WebSocketHandler`` and pass an ``Endpoint``; the handler
says who the user is. ``permessage-deflate`` is never negotiated, long polling is refused,
a message above the payload limit closes the socket with code 1009, and a reader that does
not keep up is disconnected (conat-core §1, §2).
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler

from ..authentication.client_address import client_address
from ..broker.broker import Broker
from ..protocol.engineio import Handshake
from ..protocol.messages import Delivery
from ..protocol.socketio import Frame
from ..types import Clock, User
from .server_session import ServerSession
from .websocket_writer import DeliveryCache, WebSocketWriter, websocket_buffers

__all__ = ["Endpoint", "EndpointMixin", "EndpointSettings"]

_log = logging.getLogger(__name__)

ENGINE_IO_VERSION: Final = "4"
CLOSE_TOO_LARGE: Final = 1009
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

    def handshake(self) -> Handshake:
        """Return what a new connection is told."""
        return Handshake(
            secrets.token_urlsafe(15),
            self.settings.ping_interval_ms,
            self.settings.ping_timeout_ms,
            self.broker.limits.max_payload_bytes,
        )


class _SocketOutlet:
    """Writes to one WebSocket, and gives up a reader that is too slow."""

    def __init__(
        self,
        endpoint: Endpoint,
        stream: IOStream,
        close_socket: Callable[[int, str], None],
        on_slow_reader: Callable[[], None],
    ) -> None:
        self._deliveries = endpoint.deliveries
        self._stream = stream
        self._close_socket = close_socket
        self._on_slow_reader = on_slow_reader
        limit = endpoint.settings.max_write_buffer_bytes
        self._writer = WebSocketWriter(stream, limit, self._give_up)

    def write(self, frames: list[Frame]) -> None:
        self._writer.write(websocket_buffers(frames))

    def deliver(self, delivery: Delivery) -> None:
        self._writer.write(self._deliveries.buffers(delivery))

    def close(self, code: int, reason: str) -> None:
        self._writer.flush()
        self._writer.close()
        self._close_socket(code, reason)

    def _give_up(self) -> None:
        """Close without a handshake: the reader would not read it."""
        self._stream.close()
        self._on_slow_reader()


def _is_larger(message: str | bytes, limit_bytes: int) -> bool:
    """Compare the size on the wire; most texts are too short to be worth encoding for it."""
    if isinstance(message, bytes) or len(message) > limit_bytes:
        return len(message) > limit_bytes
    return 4 * len(message) > limit_bytes and len(message.encode()) > limit_bytes


class EndpointMixin(WebSocketHandler):
    """A WebSocket handler that speaks conat; give ``endpoint`` to ``initialize``."""

    _session: ServerSession | None = None

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
    def max_message_size(self) -> int:
        """What the library refuses to read at all.

        It then resets the socket, and the client would not see why. A message that is only
        a little too large is read and answered with close code 1009 instead.
        """
        return 2 * self._endpoint.broker.limits.max_payload_bytes

    @property
    def ping_interval(self) -> float | None:
        """No WebSocket pings: Engine.IO has its own."""
        return None

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin the conversation."""
        self.set_nodelay(True)
        carrier = self.ws_connection
        if carrier is None or carrier.stream is None:
            return
        outlet = _SocketOutlet(self._endpoint, carrier.stream, self.close, self._slow_reader)
        self._session = ServerSession(
            self._endpoint.broker,
            outlet,
            authenticate=self.authenticate,
            handshake=self._endpoint.handshake(),
            clock=self._endpoint.clock,
            address=client_address(self.request.headers, self.request.remote_ip),
        )

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Take a message; reading pauses until what is returned is done."""
        if self._session is None:
            return None
        if _is_larger(message, self._endpoint.broker.limits.max_payload_bytes):
            self.close(CLOSE_TOO_LARGE, "message too big")
            self._session.carrier_closed("message too big")
            return None
        return self._session.receive(message)

    def on_close(self) -> None:
        """End the conversation."""
        if self._session is not None:
            self._session.carrier_closed()

    def end_session(self, reason: str) -> None:
        """Disconnect the client for good, for instance because its user lost a right."""
        if self._session is not None:
            self._session.close(reason, may_return=False)

    def _slow_reader(self) -> None:
        if self._session is not None:
            limit = self._endpoint.settings.max_write_buffer_bytes
            user = self._session.user
            _log.warning("disconnecting %s, which left more than %d bytes unread", user, limit)
            self._session.carrier_closed("slow reader")

    def _refuse(self, code: int, message: str) -> None:
        self.set_status(400)
        self.finish({"code": code, "message": message})
