"""The server's side of a WebSocket: bytes, protocol connection, broker.

Mix ``EndpointMixin`` into a ``WebSocketHandler`` and pass an ``Endpoint``. The handler
says who the user is; everything else happens here. ``permessage-deflate`` is never
negotiated, long polling is refused, a message above the payload limit closes the socket
with code 1009, and a reader that does not keep up is disconnected (conat-core §1, §2).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler

from ..broker.broker import Broker, refuse
from ..errors import ConatError
from ..protocol.connection import (
    Acknowledged,
    Connected,
    Ended,
    Received,
    Rejected,
    ServerConnection,
)
from ..protocol.engineio import Handshake
from ..protocol.messages import Delivery, ServerEvent
from ..protocol.socketio import Frame
from ..types import Clock, JsonValue, User
from .websocket_writer import DeliveryCache, WebSocketWriter, websocket_buffers

if TYPE_CHECKING:
    from ..broker.peer import Peer

__all__ = ["Endpoint", "EndpointMixin", "EndpointSettings"]

_log = logging.getLogger(__name__)

ENGINE_IO_VERSION: Final = "4"
CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL_ERROR: Final = 1002


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


Authenticate = Callable[[], Awaitable[User | None]]


class _Session:
    """One open socket: feeds the protocol connection, and is the broker's way back."""

    def __init__(
        self,
        endpoint: Endpoint,
        stream: IOStream,
        close_socket: Callable[[int, str], None],
        authenticate: Authenticate,
    ) -> None:
        self._endpoint = endpoint
        self._stream = stream
        self._close_socket = close_socket
        self._authenticate = authenticate
        sid = secrets.token_urlsafe(15)
        self._connection = ServerConnection(endpoint.handshake(), sid, endpoint.clock())
        limit = endpoint.settings.max_write_buffer_bytes
        self._writer = WebSocketWriter(stream, limit, self._give_up_slow_reader)
        self._peer: Peer | None = None
        self._on_ack: dict[int, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flush()
        self._set_timer()

    def receive(self, frame: Frame) -> Awaitable[None] | None:
        """Take a message; what is returned must be awaited before the next one is taken."""
        self._connection.receive(frame, self._endpoint.clock())
        hold: Awaitable[None] | None = None
        for event in self._connection.events_received():
            match event:
                case Received(message, ack_id) if self._peer is not None:
                    hold = self._peer.receive(message, ack_id)
                case Rejected(_name, ack_id, error) if self._peer is not None:
                    self._peer.reject(ack_id, error)
                case Acknowledged(ack_id):
                    self._on_ack.pop(ack_id, _ignore)()
                case Connected():
                    hold = self._sign_in()
                case Ended():
                    self._ended(event)
        self._flush()
        return hold

    def socket_closed(self) -> None:
        """Note that the socket is gone."""
        self._connection.close()
        self._settle()

    async def _sign_in(self) -> None:
        """Ask who the user is; refuse or let in (conat-core §2.1, §2.3).

        Events that come meanwhile wait in the socket.
        """
        try:
            user = await self._authenticate()
            self._peer = self._endpoint.broker.connect(self, user)
        except ConatError as error:
            await refuse(self, self._endpoint.broker, error)

    # The broker's way to the client

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        """Send an event; deliveries share their bytes with all other receivers."""
        if isinstance(event, Delivery):
            self._writer.write(self._endpoint.deliveries.buffers(event))
            return
        ack_id = self._connection.send(event, wants_ack=on_ack is not None)
        if ack_id is not None and on_ack is not None:
            self._on_ack[ack_id] = on_ack
        self._flush()

    def acknowledge(self, ack_id: int, value: JsonValue) -> None:
        """Answer an event of the client."""
        self._connection.acknowledge(ack_id, value)
        self._flush()

    def close(self, reason: str, *, may_return: bool) -> None:
        """End the connection: with a word, or in a way that makes the client come back."""
        if may_return:
            self._connection.close(reason)
        else:
            self._connection.disconnect(reason)
        self._settle()

    # The connection's own business

    def _settle(self) -> None:
        """Do what follows from the connection's events outside of ``receive``."""
        for event in self._connection.events_received():
            if isinstance(event, Ended):
                self._ended(event)
        self._flush()

    def _ended(self, event: Ended) -> None:
        if event.error is not None:
            _log.warning("a connection ends, because the client sent: %s", event.error)
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._writer.flush()
        self._writer.close()
        if self._peer is not None:
            self._peer.close(event.reason)
        code = CLOSE_NORMAL if event.error is None else CLOSE_PROTOCOL_ERROR
        self._close_socket(code, event.reason)

    def _flush(self) -> None:
        frames = self._connection.data_to_send()
        if frames:
            self._writer.write(websocket_buffers(frames))

    def _set_timer(self) -> None:
        deadline_s = self._connection.deadline_s
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - self._endpoint.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._connection.tick(self._endpoint.clock())
        self._settle()
        self._set_timer()

    def _give_up_slow_reader(self) -> None:
        """Close without a handshake: the reader would not read it."""
        user = self._peer.user if self._peer is not None else None
        limit = self._endpoint.settings.max_write_buffer_bytes
        _log.warning("disconnecting %s: more than %d bytes are not read", user, limit)
        self._stream.close()
        self._connection.close("slow reader")
        self._settle()


def _ignore() -> None:
    """Take an acknowledgement nobody waits for any more."""


class EndpointMixin(WebSocketHandler):
    """A WebSocket handler that speaks conat; give ``endpoint`` to ``initialize``."""

    _session: _Session | None = None

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
            self._refuse(5, "Unsupported protocol version: this server speaks Engine.IO 4")
        elif self.get_query_argument("transport", "") != "websocket":
            self._refuse(0, "Transport unknown: set transports to ['websocket']")
        else:
            await super().get(*args, **kwargs)

    async def post(self) -> None:
        """Refuse long polling."""
        self._refuse(0, "Transport unknown: set transports to ['websocket']")

    def check_xsrf_cookie(self) -> None:
        """Need none: ``post`` only refuses, and WebSockets are guarded by their origin."""

    def _refuse(self, code: int, message: str) -> None:
        self.set_status(400)
        self.finish({"code": code, "message": message})

    def get_compression_options(self) -> dict[str, Any] | None:
        """Offer no compression: it costs more than it saves (conat-core §1.2)."""
        return None

    @property
    def max_message_size(self) -> int:
        """The largest message; a larger one closes the socket with code 1009."""
        return self._endpoint.broker.limits.max_payload_bytes

    @property
    def ping_interval(self) -> float | None:
        """No WebSocket pings: Engine.IO has its own."""
        return None

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin the conversation."""
        self.set_nodelay(True)
        carrier = self.ws_connection
        if carrier is not None and carrier.stream is not None:
            self._session = _Session(self._endpoint, carrier.stream, self.close, self.authenticate)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Take a message; reading pauses until what is returned is done."""
        return self._session.receive(message) if self._session is not None else None

    def end_session(self, reason: str) -> None:
        """Disconnect the client for good, for instance because its user lost a right."""
        if self._session is not None:
            self._session.close(reason, may_return=False)

    def on_close(self) -> None:
        """End the conversation."""
        if self._session is not None:
            self._session.socket_closed()
