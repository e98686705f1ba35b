"""Socket.IO version 5 packets: events and acknowledgements with binary attachments.

A packet is one text message ``<type><attachments>-<ack id><JSON>`` and, after it, as
many binary messages as it announced (conat-core §1.4). Bytes anywhere in the arguments
become attachments; in their place stands ``{"_placeholder":true,"num":k}``. Only the
namespace ``/`` exists.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from ..errors import CodecError, ProtocolError
from .codec import from_json, to_json

__all__ = ["Frame", "Packet", "PacketReader", "PacketType", "write_packet", "write_value"]

MAX_ATTACHMENTS: Final = 10
MAX_ATTACHED_BYTES: Final = 16_000_000
"""What several attachments of one packet may hold; the carrier limits a single one."""
MAX_ACK_ID_DIGITS: Final = 16
ROOT_NAMESPACE: Final = "/"

Frame = str | bytes
"""One WebSocket message: text or binary. The text is without the Engine.IO type."""


class PacketType(IntEnum):
    """The first digit of a packet."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


_BINARY_OF: Final = {
    PacketType.EVENT: PacketType.BINARY_EVENT,
    PacketType.ACK: PacketType.BINARY_ACK,
}
_PLAIN_OF: Final = {binary: plain for plain, binary in _BINARY_OF.items()}
_TYPES: Final = {str(int(each)): each for each in PacketType}
_HEAD: Final = re.compile(r"([0-6])(?:(\d{1,3})-)?(?:(/[^,]*),)?(\d+)?")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. ``data`` is the list of arguments of events and acknowledgements.

    The type is never one of the two binary ones: attachments are inside ``data``.
    """

    type: PacketType
    data: Any = None
    ack_id: int | None = None
    namespace: str = ROOT_NAMESPACE


def write_packet(packet: Packet) -> list[Frame]:
    """Return the text and the attachments of a packet; raises CodecError."""
    attachments: list[bytes] = []
    body = "" if packet.data is None else write_value(packet.data, attachments)
    namespace = "" if packet.namespace == ROOT_NAMESPACE else f"{packet.namespace},"
    ack_id = "" if packet.ack_id is None else str(packet.ack_id)
    kind = f"{_BINARY_OF[packet.type]}{len(attachments)}-" if attachments else packet.type
    return [f"{kind}{namespace}{ack_id}{body}", *attachments]


def write_value(value: object, attachments: list[bytes]) -> str:
    """Return the JSON text of a value; append the bytes in it. Raises CodecError."""

    def placeholder(binary: bytes) -> object:
        attachments.append(binary)
        return {"_placeholder": True, "num": len(attachments) - 1}

    text = to_json(value, binary=placeholder)
    if len(attachments) > MAX_ATTACHMENTS:
        raise CodecError(f"at most {MAX_ATTACHMENTS} binary values fit into one event")
    return text


class PacketReader:
    """Puts packets together from text and binary messages.

    Raises ProtocolError on anything that is no packet; the connection must then end,
    because nothing tells where the next packet would begin.
    """

    def __init__(self) -> None:
        self._waiting: Packet | None = None
        self._expected = 0
        self._attachments: list[bytes] = []
        self._attached_bytes = 0

    @property
    def is_mid_packet(self) -> bool:
        """Whether attachments of the packet that began are still to come."""
        return self._waiting is not None

    def text(self, text: str) -> Packet | None:
        """Take a text message; return the packet unless attachments follow."""
        if self._waiting is not None:
            raise ProtocolError("a binary attachment was announced, but text came")
        packet, expected = _read_head(text)
        if expected == 0:
            return packet
        self._waiting, self._expected = packet, expected
        return None

    def binary(self, attachment: bytes) -> Packet | None:
        """Take a binary message; return the packet when this was its last attachment."""
        if self._waiting is None:
            raise ProtocolError("a binary message came that was not announced")
        self._attached_bytes += len(attachment)
        if self._attachments and self._attached_bytes > MAX_ATTACHED_BYTES:
            raise ProtocolError("the attachments of one packet are too large together")
        self._attachments.append(attachment)
        if len(self._attachments) < self._expected:
            return None
        waiting, attachments = self._waiting, dict(enumerate(self._attachments))
        self._waiting, self._attachments, self._attached_bytes = None, [], 0
        try:
            _fill(waiting.data, attachments)
        except RecursionError as error:
            raise ProtocolError("the arguments are nested too deeply") from error
        return waiting


def _read_head(text: str) -> tuple[Packet, int]:
    """Return the packet, and the number of attachments that follow."""
    head = _HEAD.match(text)
    if head is None:
        raise ProtocolError("not a Socket.IO packet")
    digit, count, namespace, ack_id = head.groups()
    packet_type, expected = _read_type(_TYPES[digit], count)
    if ack_id is not None and len(ack_id) > MAX_ACK_ID_DIGITS:
        raise ProtocolError("the number of an acknowledgement is too long")
    packet = Packet(
        packet_type,
        _read_body(packet_type, text[head.end() :]),
        None if ack_id is None else int(ack_id),
        namespace or ROOT_NAMESPACE,
    )
    _check(packet)
    return packet, expected


def _read_type(packet_type: PacketType, count: str | None) -> tuple[PacketType, int]:
    if packet_type not in _PLAIN_OF:
        if count is not None:
            raise ProtocolError("only binary packets announce attachments")
        return packet_type, 0
    expected = int(count) if count is not None else -1
    if not 0 <= expected <= MAX_ATTACHMENTS:
        raise ProtocolError(f"a binary packet announces 0 to {MAX_ATTACHMENTS} attachments")
    return _PLAIN_OF[packet_type], expected


def _read_body(packet_type: PacketType, body: str) -> Any:
    if not body:
        return None
    try:
        return from_json(body)
    except CodecError as error:
        raise ProtocolError(f"the body of packet type {int(packet_type)} is not JSON") from error


def _check(packet: Packet) -> None:
    if packet.type is PacketType.EVENT:
        if not isinstance(packet.data, list) or not packet.data:
            raise ProtocolError("an event must be an array that begins with its name")
        if not isinstance(packet.data[0], str):
            raise ProtocolError("the name of an event must be a string")
    if packet.type is PacketType.ACK and (
        not isinstance(packet.data, list) or packet.ack_id is None
    ):
        raise ProtocolError("an acknowledgement must be an array with a number before it")


def _fill(value: Any, attachments: dict[int, bytes]) -> None:
    """Replace the placeholders inside a list or an object that was just read."""
    items = enumerate(value) if type(value) is list else value.items()
    for key, item in items:
        if type(item) is dict and item.get("_placeholder") is True:
            value[key] = _attachment(item.get("num"), attachments)
        elif type(item) is dict or type(item) is list:
            _fill(item, attachments)


def _attachment(number: object, attachments: dict[int, bytes]) -> bytes:
    if not isinstance(number, int) or number not in attachments:
        raise ProtocolError(
            "a placeholder names an attachment that does not exist, or not any more"
        )
    return attachments.pop(number)
