"""The state machine of one connection, without I/O: four verbs on either side.

Give it what came (``receive``, ``tick``), state an intention (``send``, ``acknowledge``,
``disconnect``), take ``events_received()``, take ``data_to_send()``. ``receive`` never
raises: a peer that breaks the framing ends the connection, and ``Ended`` says why. When
``is_closing`` is true the owner writes what ``data_to_send`` returns and closes the
carrier. Time is an argument, in seconds of a monotonic clock (conat-core §1, §2.1).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from ..errors import EventError, ProtocolError
from ..types import JsonValue
from . import engineio, socketio
from .codec import quoted, to_json
from .engineio import ClientHeartbeat, Handshake, Heartbeat, ServerHeartbeat
from .messages import (
    ClientEvent,
    Delivery,
    Info,
    ServerEvent,
    client_event_from_wire,
    client_event_to_wire,
    server_event_from_wire,
    server_event_to_wire,
)
from .socketio import Frame, Packet, PacketReader, write_packet, write_value

__all__ = [
    "Acknowledged",
    "ClientConnection",
    "Connected",
    "ConnectionEvent",
    "Ended",
    "Received",
    "Rejected",
    "ServerConnection",
    "server_event_frames",
]

CONNECT_TIMEOUT_S: Final = 45.0
"""How long a client may take to join the namespace (conat-core §1.2)."""

_BINARY_MESSAGE: Final = f"{engineio.PacketType.MESSAGE}{int(socketio.PacketType.BINARY_EVENT)}"
_ACK_MESSAGE: Final = f"{engineio.PacketType.MESSAGE}{int(socketio.PacketType.ACK)}"

In = TypeVar("In")
Out = TypeVar("Out")


class State(Enum):
    """How far a connection has come."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Connected:
    """Both sides are in the namespace. This does not mean that anybody has signed in."""

    sid: str


@dataclass(frozen=True, slots=True)
class Received(Generic[In]):
    """An event came; ``ack_id`` is the number to answer with, if an answer is wanted."""

    event: In
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event came that makes no sense; the connection goes on."""

    name: str
    ack_id: int | None
    error: EventError


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer answered the event that was sent with this number."""

    ack_id: int
    arguments: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over. ``error`` is set when the peer broke the protocol."""

    reason: str
    error: ProtocolError | None = None


ConnectionEvent = Connected | Received[In] | Rejected | Acknowledged | Ended


def server_event_frames(event: ServerEvent, ack_id: int | None = None) -> list[Frame]:
    """Return the WebSocket messages of a server's event.

    A delivery looks the same to all its receivers, so it can be built once for all.
    """
    if isinstance(event, Delivery) and ack_id is None:
        return _delivery_frames(event)
    name, arguments = server_event_to_wire(event)
    return _message(Packet(socketio.PacketType.EVENT, [name, *arguments], ack_id))


def _delivery_frames(delivery: Delivery) -> list[Frame]:
    """Do what the general way does, for what most messages are, in a fifth of the time."""
    chunk = delivery.chunk
    attachments = [chunk.raw]
    headers = "" if chunk.headers is None else f",{write_value(chunk.headers, attachments)}"
    text = (
        f"{_BINARY_MESSAGE}{len(attachments)}-[{quoted(delivery.pattern)},"
        f'{{"subject":{quoted(delivery.subject)},"data":[{to_json(chunk.id)},{chunk.seq},'
        f'{chunk.done:d},{chunk.encoding},{{"_placeholder":true,"num":0}}{headers}]}}]'
    )
    return [text, *attachments]


def _message(packet: Packet) -> list[Frame]:
    text, *attachments = write_packet(packet)
    return [f"{engineio.PacketType.MESSAGE}{text!s}", *attachments]


def _only_count(arguments: tuple[JsonValue, ...]) -> int | None:
    """Return n when the answer is ``{count: n}``, as to most events: it is quickly written."""
    if len(arguments) != 1 or type(arguments[0]) is not dict or len(arguments[0]) != 1:
        return None
    count = arguments[0].get("count")
    return count if type(count) is int else None


class _Connection(ABC, Generic[In, Out]):
    """What both sides share."""

    def __init__(self) -> None:
        self.state = State.CONNECTING
        self.is_closing = False
        self._reader = PacketReader()
        self._events: list[ConnectionEvent[In]] = []
        self._outgoing: list[Frame] = []
        self._next_ack_id = 0
        self._heartbeat: Heartbeat | None = None

    @property
    def is_mid_packet(self) -> bool:
        """Whether an attachment of what came last is still to come."""
        return self._reader.is_mid_packet

    def receive(self, frame: Frame, now_s: float) -> None:
        """Take one WebSocket message; what follows from it is in ``events_received``."""
        if self.state is State.CLOSED:
            return
        try:
            if isinstance(frame, bytes):
                self._receive_packet(self._reader.binary(frame))
            else:
                self._receive_text(*engineio.read_packet(frame), now_s)
        except ProtocolError as error:
            self._end("parse error", error)

    def events_received(self) -> list[ConnectionEvent[In]]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> list[Frame]:
        """Return the WebSocket messages to write now, in order."""
        frames, self._outgoing = self._outgoing, []
        return frames

    def send(self, event: Out, *, wants_ack: bool = False) -> int | None:
        """Send an event; return the number its acknowledgement will carry, if wanted.

        Raises CodecError when the event cannot be written; nothing is sent then.
        """
        ack_id = self._next_ack_id if wants_ack else None
        name, arguments = self._to_wire(event)
        self._write(Packet(socketio.PacketType.EVENT, [name, *arguments], ack_id))
        self._next_ack_id += wants_ack
        return ack_id

    def acknowledge(self, ack_id: int, *arguments: JsonValue) -> None:
        """Answer the event that came with this number."""
        count = _only_count(arguments)
        if count is None:
            self._write(Packet(socketio.PacketType.ACK, list(arguments), ack_id))
        elif self.state is not State.CLOSED:
            self._outgoing.append(f'{_ACK_MESSAGE}{ack_id}[{{"count":{count}}}]')

    def disconnect(self, reason: str) -> None:
        """Leave the namespace and close; ``Ended`` follows with this reason."""
        if self.state is not State.CLOSED:
            self._write(Packet(socketio.PacketType.DISCONNECT))
            self._end(reason)

    def close(self, reason: str = "transport close") -> None:
        """End the connection without a word, or note that the carrier is gone.

        A client whose carrier closes comes back by itself; one that was disconnected
        does not (conat-core §2.3).
        """
        self._end(reason)

    def tick(self, now_s: float) -> None:
        """Ping, or give the peer up, if it is time; call when ``deadline_s`` has come."""
        if self.state is State.CLOSED or self._heartbeat is None:
            return
        must_ping, is_dead = self._heartbeat.tick(now_s)
        if must_ping:
            self._outgoing.append(engineio.PacketType.PING)
        if is_dead:
            self._end("ping timeout")

    @property
    def deadline_s(self) -> float | None:
        """When to call ``tick`` again; None when there is nothing to wait for."""
        if self.state is State.CLOSED or self._heartbeat is None:
            return None
        return self._heartbeat.deadline_s

    @abstractmethod
    def _to_wire(self, event: Out) -> tuple[str, Sequence[JsonValue]]:
        """Return the name and the arguments that an event has on the wire."""

    @abstractmethod
    def _from_wire(self, name: str, arguments: Sequence[Any]) -> In:
        """Return the event that a name and its arguments mean; raises EventError."""

    @abstractmethod
    def _receive_connect(self, packet: Packet) -> None:
        """Handle the other side's CONNECT packet."""

    def _receive_text(self, packet_type: engineio.PacketType, body: str, now_s: float) -> None:
        if packet_type is engineio.PacketType.MESSAGE:
            self._receive_packet(self._reader.text(body))
        elif packet_type is engineio.PacketType.CLOSE:
            self._end("transport close")
        elif packet_type is not engineio.PacketType.NOOP:
            self._receive_control(packet_type, body, now_s)

    @abstractmethod
    def _receive_control(self, packet_type: engineio.PacketType, body: str, now_s: float) -> None:
        """Handle a carrier packet that only this side may get."""

    def _receive_packet(self, packet: Packet | None) -> None:
        if packet is None:
            return
        if packet.type is socketio.PacketType.CONNECT:
            self._receive_connect(packet)
        elif packet.namespace != socketio.ROOT_NAMESPACE or self.state is not State.CONNECTED:
            self._receive_outside(packet)
        elif packet.type is socketio.PacketType.EVENT:
            self._receive_event(packet.data[0], packet.data[1:], packet.ack_id)
        elif packet.type is socketio.PacketType.ACK and packet.ack_id is not None:
            self._events.append(Acknowledged(packet.ack_id, packet.data))
        elif packet.type is socketio.PacketType.DISCONNECT:
            self._end(self._peer_left)

    _peer_left = "peer namespace disconnect"

    def _receive_outside(self, packet: Packet) -> None:
        raise ProtocolError(f"packet type {int(packet.type)} came before the namespace was joined")

    def _receive_event(self, name: str, arguments: list[Any], ack_id: int | None) -> None:
        try:
            self._events.append(Received(self._from_wire(name, arguments), ack_id))
        except EventError as error:
            self._events.append(Rejected(name, ack_id, error))

    def _write(self, packet: Packet) -> None:
        if self.state is not State.CLOSED:
            self._outgoing.extend(_message(packet))

    def _end(self, reason: str, error: ProtocolError | None = None) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self.is_closing = True
        self._events.append(Ended(reason, error))


class ServerConnection(_Connection[ClientEvent, ServerEvent]):
    """The server's side. ``sid`` is the id the client learns when it joins the namespace."""

    _peer_left = "client namespace disconnect"

    def __init__(self, handshake: Handshake, sid: str, now_s: float) -> None:
        super().__init__()
        self._sid = sid
        self._connect_deadline_s = now_s + CONNECT_TIMEOUT_S
        self._pulse = ServerHeartbeat.start(handshake, now_s)
        self._heartbeat = self._pulse
        self._outgoing.append(engineio.write_handshake(handshake))

    def tick(self, now_s: float) -> None:
        """As for both sides; a client that does not join in time is given up too."""
        if self.state is State.CONNECTING and now_s >= self._connect_deadline_s:
            self._end("connect timeout")
        super().tick(now_s)

    @property
    def deadline_s(self) -> float | None:
        """As for both sides, or when the client must have joined."""
        deadline_s = super().deadline_s
        if self.state is State.CONNECTING and deadline_s is not None:
            return min(deadline_s, self._connect_deadline_s)
        return deadline_s

    def _to_wire(self, event: ServerEvent) -> tuple[str, Sequence[JsonValue]]:
        return server_event_to_wire(event)

    def _from_wire(self, name: str, arguments: Sequence[Any]) -> ClientEvent:
        return client_event_from_wire(name, arguments)

    def _receive_control(self, packet_type: engineio.PacketType, body: str, now_s: float) -> None:
        if packet_type is not engineio.PacketType.PONG or body:
            raise ProtocolError(f"a client may not send packet type {packet_type}")
        self._pulse.pong_received(now_s)

    def _receive_connect(self, packet: Packet) -> None:
        if packet.namespace != socketio.ROOT_NAMESPACE:
            refusal = {"message": "Invalid namespace"}
            kind = socketio.PacketType.CONNECT_ERROR
            self._write(Packet(kind, refusal, namespace=packet.namespace))
        elif self.state is State.CONNECTING:
            self.state = State.CONNECTED
            self._write(Packet(socketio.PacketType.CONNECT, {"sid": self._sid}))
            self._events.append(Connected(self._sid))


class ClientConnection(_Connection[ServerEvent, ClientEvent]):
    """The client's side. It joins the namespace as soon as the server has opened."""

    _peer_left = "io server disconnect"

    def __init__(self) -> None:
        super().__init__()
        self._pulse: ClientHeartbeat | None = None

    def _to_wire(self, event: ClientEvent) -> tuple[str, Sequence[JsonValue]]:
        return client_event_to_wire(event)

    def _from_wire(self, name: str, arguments: Sequence[Any]) -> ServerEvent:
        return server_event_from_wire(name, arguments)

    def _receive_event(self, name: str, arguments: list[Any], ack_id: int | None) -> None:
        """Acknowledge ``info`` at once, with no arguments (conat-core §2.2)."""
        super()._receive_event(name, arguments, ack_id)
        last = self._events[-1]
        if ack_id is not None and isinstance(last, Received) and isinstance(last.event, Info):
            self.acknowledge(ack_id)

    def _receive_control(self, packet_type: engineio.PacketType, body: str, now_s: float) -> None:
        if packet_type is engineio.PacketType.OPEN and self._pulse is None:
            self._pulse = ClientHeartbeat.start(engineio.read_handshake(body), now_s)
            self._heartbeat = self._pulse
            self._write(Packet(socketio.PacketType.CONNECT))
        elif packet_type is engineio.PacketType.PING and self._pulse is not None:
            self._pulse.ping_received(now_s)
            self._outgoing.append(f"{engineio.PacketType.PONG}{body}")
        else:
            raise ProtocolError(f"a server may not send packet type {packet_type} now")

    def _receive_connect(self, packet: Packet) -> None:
        if self.state is State.CONNECTING:
            self.state = State.CONNECTED
            sid = packet.data.get("sid") if isinstance(packet.data, dict) else None
            self._events.append(Connected(str(sid)))

    def _receive_outside(self, packet: Packet) -> None:
        if packet.type is socketio.PacketType.CONNECT_ERROR:
            self._end("connect error")
        else:
            super()._receive_outside(packet)
