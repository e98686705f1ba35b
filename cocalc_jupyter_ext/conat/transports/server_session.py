"""The server's side of one connection, whatever carries it.

It feeds the protocol connection, gives its events to the broker, and is the broker's way
back. The carrier hides behind an ``Outlet``.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

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
from ..types import Clock, ConnectionId, JsonValue, User

if TYPE_CHECKING:
    from ..broker.peer import Peer

__all__ = ["Authenticate", "Outlet", "ServerSession"]

_log = logging.getLogger(__name__)

SIGN_IN_TIMEOUT_S: Final = 30.0
"""How long it may take to find out who a client is; it keeps a connection meanwhile."""
CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL_ERROR: Final = 1002

Authenticate = Callable[[], Awaitable[User | None]]
"""Says who the user is; raises ConatError to refuse with a reason."""


class Outlet(Protocol):
    """The outgoing half of a carrier. No method blocks or raises."""

    def write(self, frames: list[Frame]) -> None:
        """Send messages, in order."""
        ...  # pragma: no cover - a protocol has no body

    def deliver(self, delivery: Delivery) -> None:
        """Send a delivery; many outlets get the same one, so its bytes can be shared."""
        ...  # pragma: no cover - a protocol has no body

    def close(self, code: int, reason: str) -> None:
        """Send what is pending, then close; calling it again does nothing."""
        ...  # pragma: no cover - a protocol has no body


class ServerSession:
    """One connection of a client, from its opening to its end."""

    def __init__(
        self,
        broker: Broker,
        outlet: Outlet,
        *,
        authenticate: Authenticate,
        handshake: Handshake,
        clock: Clock,
        address: str = "",
    ) -> None:
        self._broker = broker
        self._outlet = outlet
        self._authenticate = authenticate
        self._clock = clock
        self._address = address
        self._sid = secrets.token_urlsafe(15)
        self._connection = ServerConnection(handshake, self._sid, clock())
        self._peer: Peer | None = None
        self._on_ack: dict[int, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flush()
        self._set_timer()

    @property
    def user(self) -> User | None:
        """Who it is; None before the sign-in, and on a server that asks nobody."""
        return None if self._peer is None else self._peer.user

    @property
    def is_mid_packet(self) -> bool:
        """Whether an attachment of the last message is still to come."""
        return self._connection.is_mid_packet

    def receive(self, frame: Frame) -> Awaitable[None] | None:
        """Take a message; what is returned must be awaited before the next one is given."""
        self._connection.receive(frame, self._clock())
        hold: Awaitable[None] | None = None
        for event in self._connection.events_received():
            match event:
                case Received(message, ack_id) if self._peer is not None:
                    hold = self._peer.receive(message, ack_id)
                case Rejected(_name, ack_id, error) if self._peer is not None:
                    self._peer.reject(ack_id, error)
                case Acknowledged(ack_id):
                    self._acknowledged(ack_id)
                case Connected():
                    hold = self._sign_in()
                case Ended():
                    self._ended(event)
        self._flush()
        return hold

    def carrier_closed(self, reason: str = "transport close") -> None:
        """Note that the carrier is gone, or no longer of use."""
        self._connection.close(reason)
        self._settle()

    # The broker's way to the client

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        """Send an event; call ``on_ack`` when the client has acknowledged it."""
        if isinstance(event, Delivery):
            self._outlet.deliver(event)
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

    async def _sign_in(self) -> None:
        """Ask who the user is; refuse or let in (conat-core §2.1, §2.3).

        Events that come meanwhile wait in the carrier.
        """
        try:
            async with asyncio.timeout(SIGN_IN_TIMEOUT_S):
                user = await self._authenticate()
            if self._connection.is_closing:
                return  # it ended meanwhile; nobody would tell the broker
            self._peer = self._broker.connect(
                self, user, connection=ConnectionId(self._sid), address=self._address
            )
        except ConatError as error:
            await refuse(self, self._broker, error)
        except Exception:  # noqa: BLE001 - whatever fails, the client may try again
            _log.exception("nobody can sign in, because it cannot be found out who it is")
            self.close("internal error", may_return=True)

    def _acknowledged(self, ack_id: int) -> None:
        on_ack = self._on_ack.pop(ack_id, None)
        if on_ack is not None:
            on_ack()

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
        if self._peer is not None:
            self._peer.close(event.reason)
        code = CLOSE_NORMAL if event.error is None else CLOSE_PROTOCOL_ERROR
        self._outlet.close(code, event.reason)

    def _flush(self) -> None:
        frames = self._connection.data_to_send()
        if frames:
            self._outlet.write(frames)

    def _set_timer(self) -> None:
        deadline_s = self._connection.deadline_s
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._connection.tick(self._clock())
        self._settle()
        self._set_timer()
