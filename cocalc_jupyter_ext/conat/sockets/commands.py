"""What sockets say to one another: subjects, headers and controls; pure (conat-core §14.1-§14.5).

Every message is one of three kinds, told apart by its headers: a command, a request of the
user, or a numbered packet of data. Whatever fits none of them raises SocketError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from ..errors import InvalidSubject
from ..protocol.subjects import is_valid_subject, parse_pattern, parse_subject
from ..types import Pattern, Subject
from .errors import SocketError
from .sequence import Packet

__all__ = [
    "COMMAND_HEADER",
    "NO_DATA",
    "SEQUENCE_HEADER",
    "Address",
    "Command",
    "Control",
    "Emitted",
    "Missing",
    "check_headers",
    "client_subject",
    "command_headers",
    "command_of",
    "packet_headers",
    "packets_from_wire",
    "packets_to_wire",
    "parse_address",
    "parse_channel",
    "parse_control",
    "parse_packet",
    "parse_token",
    "server_pattern",
    "server_subject",
    "status_subject",
]

COMMAND_HEADER: Final = "CN-SocketCmd"
SEQUENCE_HEADER: Final = "CN-SocketSeq"
REPLY_HEADER: Final = "CN-Reply"
NO_DATA: Final = {"error": "nodata"}
"""The headers of the answer to a request for packets that are not held any more."""

MAX_MISSING: Final = 100_000


class Command(StrEnum):
    """What one end asks of the other (conat-core §14.3)."""

    CONNECT = "connect"
    CLOSE = "close"
    PING = "ping"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Address:
    """What the subject of a message to a server says."""

    base: str
    server_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Emitted:
    """Everything up to ``seq`` was handed on."""

    seq: int

    def to_wire(self) -> dict[str, int]:
        """Return the content of the control, which is its reply too."""
        return {"emitted": self.seq}


@dataclass(frozen=True, slots=True)
class Missing:
    """These numbers have not arrived."""

    seqs: tuple[int, ...]

    def to_wire(self) -> dict[str, list[int]]:
        """Return the content of the control."""
        return {"missing": list(self.seqs)}


Control: TypeAlias = Emitted | Missing


# Subjects (§14.1)


def parse_token(text: str) -> str:
    """Return an id that is one token of a subject; raises InvalidSubject."""
    if "." in text or not is_valid_subject(text):
        raise InvalidSubject(text, "socket id")
    return text


def parse_channel(name: str) -> str:
    """Return the name of a channel; raises InvalidSubject for names that sockets use themselves."""
    if not is_valid_subject(name) or name.partition(".")[0] in ("server", "client"):
        raise InvalidSubject(name, "channel")
    return name


def status_subject(base: str) -> Pattern:
    """Return where all servers of a base answer with their ids; the base may be a pattern."""
    return parse_pattern(f"{base}.server.status", "socket")


def server_pattern(base: str, server_id: str) -> Pattern:
    """Return where one server hears all of its clients; the base may be a pattern."""
    return parse_pattern(f"{base}.server.{parse_token(server_id)}.*", "socket")


def server_subject(base: str, server_id: str, client_id: str) -> Subject:
    """Return where one client speaks to one server."""
    return parse_subject(f"{base}.server.{parse_token(server_id)}.{parse_token(client_id)}")


def client_subject(base: str, client_id: str) -> Subject:
    """Return where one client hears its server."""
    return parse_subject(f"{base}.client.{parse_token(client_id)}")


def parse_address(subject: str) -> Address:
    """Take apart the subject of a message that came over a server's pattern."""
    base, _server, server_id, client_id = subject.rsplit(".", 3)
    return Address(base, server_id, client_id)


# Headers (§14.2, §14.3)


def command_headers(command: Command, client_id: str | None = None) -> dict[str, str]:
    """Return the headers of a command; ``connect`` and ``close`` of a client carry its id."""
    headers = {COMMAND_HEADER: str(command)}
    return headers if client_id is None else {**headers, "id": client_id}


def packet_headers(packet: Packet) -> dict[str, Any]:
    """Return the headers of a packet on the wire: the user's, and the number."""
    return {**packet.headers, SEQUENCE_HEADER: packet.seq}


def check_headers(headers: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the headers of a user; raises SocketError for names that mean something here."""
    if headers is not None and (COMMAND_HEADER in headers or REPLY_HEADER in headers):
        raise SocketError(f"the headers {COMMAND_HEADER} and {REPLY_HEADER} are reserved")
    return headers or {}


def command_of(headers: object) -> str | None:
    """Return the name of the command that a message is, known or not; None if it is none."""
    if not isinstance(headers, Mapping) or COMMAND_HEADER not in headers:
        return None
    return str(headers[COMMAND_HEADER])


def parse_packet(raw: bytes, encoding: int, headers: object) -> Packet:
    """Return the packet that a message of data is; raises SocketError without a valid number."""
    if not isinstance(headers, Mapping):
        raise SocketError("a message has no sequence number")
    seq = _whole(headers.get(SEQUENCE_HEADER))
    if seq < 1:
        raise SocketError(f"the sequence number {seq} is not positive")
    users = {name: value for name, value in headers.items() if name != SEQUENCE_HEADER}
    return Packet(seq, raw, encoding, users)


# Controls (§14.5)


def parse_control(data: object) -> Control:
    """Return what a ``socket`` command says; raises SocketError when it makes no sense."""
    content = data.get("socket") if isinstance(data, Mapping) else None
    if not isinstance(content, Mapping):
        raise SocketError("a socket command has no content")
    if "emitted" in content:
        return Emitted(_whole(content["emitted"]))
    numbers = content.get("missing")
    if not isinstance(numbers, list) or len(numbers) > MAX_MISSING:
        raise SocketError("a socket command says neither 'emitted' nor 'missing'")
    return Missing(tuple(_whole(number) for number in numbers))


def packets_to_wire(packets: Sequence[Packet]) -> list[dict[str, Any]]:
    """Return the data of the answer to ``missing``."""
    return [
        {"encoding": each.encoding, "raw": each.raw, "headers": packet_headers(each)}
        for each in packets
    ]


def packets_from_wire(data: object) -> list[Packet]:
    """Return the packets of an answer to ``missing``; raises SocketError."""
    if not isinstance(data, list):
        raise SocketError("the answer with missing messages is not a list")
    return [_packet_from_wire(item) for item in data]


def _packet_from_wire(item: object) -> Packet:
    if not isinstance(item, Mapping) or not isinstance(item.get("raw"), bytes):
        raise SocketError("a missing message came without its bytes")
    return parse_packet(item["raw"], _whole(item.get("encoding")), item.get("headers"))


def _whole(number: object) -> int:
    """Return a number that JavaScript may have written as a float; raises SocketError."""
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number // 1:
        raise SocketError(f"{number!r} is not a whole number")
    return int(number)
