"""The carrier below Socket.IO: Engine.IO version 4 over a WebSocket (conat-core §1).

A text message begins with a digit that tells its type; a binary message is an
attachment of the layer above. The server sends a ping, the client answers. Time comes
in as an argument: the owner of a connection asks ``deadline_s`` when to look again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ..errors import CodecError, ProtocolError
from .codec import from_json, to_json

__all__ = [
    "ClientHeartbeat",
    "Handshake",
    "Heartbeat",
    "PacketType",
    "ServerHeartbeat",
    "read_handshake",
    "read_packet",
    "write_handshake",
]


class PacketType(StrEnum):
    """The first character of a text message."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


_TYPES: Final = {str(each): each for each in PacketType}


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the server announces when a connection opens (conat-core §1.2)."""

    sid: str
    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000
    max_payload_bytes: int = 8_000_000


def read_packet(text: str) -> tuple[PacketType, str]:
    """Return type and rest of a text message; raises ProtocolError."""
    packet_type = _TYPES.get(text[:1])
    if packet_type is None:
        raise ProtocolError("a text message must begin with the digit of a packet type, 0 to 6")
    return packet_type, text[1:]


def write_handshake(handshake: Handshake) -> str:
    """Return the open packet."""
    return PacketType.OPEN + to_json(
        {
            "sid": handshake.sid,
            "upgrades": [],
            "pingInterval": handshake.ping_interval_ms,
            "pingTimeout": handshake.ping_timeout_ms,
            "maxPayload": handshake.max_payload_bytes,
        }
    )


def read_handshake(text: str) -> Handshake:
    """Return what the body of an open packet announces; raises ProtocolError."""
    try:
        wire: Any = from_json(text)
    except CodecError as error:
        raise ProtocolError("the open packet is not JSON") from error
    if not isinstance(wire, Mapping):
        raise ProtocolError("the open packet must hold an object")
    names = ("pingInterval", "pingTimeout", "maxPayload")
    numbers = [number for name in names if isinstance(number := wire.get(name), int) and number > 0]
    if len(numbers) < len(names):
        raise ProtocolError(f"the open packet needs positive numbers {', '.join(names)}")
    return Handshake(str(wire.get("sid")), *numbers)


@dataclass(slots=True)
class ServerHeartbeat:
    """When the server must ping, and when it gives the client up."""

    interval_s: float
    timeout_s: float
    deadline_s: float
    _awaiting_pong: bool = False

    @classmethod
    def start(cls, handshake: Handshake, now_s: float) -> "ServerHeartbeat":
        """Return the heartbeat of a connection that has just opened."""
        interval_s, timeout_s = handshake.ping_interval_ms / 1000, handshake.ping_timeout_ms / 1000
        return cls(interval_s, timeout_s, now_s + interval_s)

    def tick(self, now_s: float) -> tuple[bool, bool]:
        """Return whether to ping now, and whether the client is dead."""
        if now_s < self.deadline_s:
            return False, False
        if self._awaiting_pong:
            return False, True
        self._awaiting_pong = True
        self.deadline_s = now_s + self.timeout_s
        return True, False

    def pong_received(self, now_s: float) -> None:
        """Note that the client answered."""
        if self._awaiting_pong:
            self._awaiting_pong = False
            self.deadline_s = now_s + self.interval_s


@dataclass(slots=True)
class ClientHeartbeat:
    """When the client gives up a server that does not ping any more (conat-core §11.8)."""

    silence_s: float
    deadline_s: float

    @classmethod
    def start(cls, handshake: Handshake, now_s: float) -> "ClientHeartbeat":
        """Return the heartbeat of a connection that has just opened."""
        silence_s = (handshake.ping_interval_ms + handshake.ping_timeout_ms) / 1000
        return cls(silence_s, now_s + silence_s)

    def tick(self, now_s: float) -> tuple[bool, bool]:
        """Return False, since clients do not ping, and whether the server is dead."""
        return False, now_s >= self.deadline_s

    def ping_received(self, now_s: float) -> None:
        """Note that the server is alive."""
        self.deadline_s = now_s + self.silence_s


Heartbeat = ServerHeartbeat | ClientHeartbeat
