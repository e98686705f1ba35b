"""Messages on a kernel websocket, in both of its protocols (pure).

What a browser sends is data of a stranger: what cannot be read is reported as such.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)

__all__ = ["V1", "PageMessage", "UnreadableMessageError", "is_framed", "read", "write"]

# They have no annotations upstream.
_deserialize_binary: Callable[..., Any] = deserialize_binary_message
_deserialize_v1: Callable[..., Any] = deserialize_msg_from_ws_v1
_serialize_binary: Callable[..., Any] = serialize_binary_message
_serialize_v1: Callable[..., Any] = serialize_msg_to_ws_v1

V1: Final = "v1.kernel.websocket.jupyter.org"


class UnreadableMessageError(ValueError):
    """A browser sent something that is not a message."""


@dataclass(frozen=True, slots=True)
class PageMessage:
    """One message with the channel it belongs to."""

    channel: str
    header: dict[str, Any]
    content: dict[str, Any]
    parent: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()

    @property
    def kind(self) -> str:
        """What the message is."""
        return str(self.header.get("msg_type", ""))


def read(raw: str | bytes, subprotocol: str | None, session: Session) -> PageMessage:
    """Return what a browser sent; raises UnreadableMessageError."""
    if not is_framed(raw, subprotocol):
        raise UnreadableMessageError("it lacks parts that it announces")
    try:
        message = _read_v1(raw, session) if subprotocol == V1 else _read_plain(raw)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
        raise UnreadableMessageError(f"{type(error).__name__}: {error}") from error
    if not isinstance(message.channel, str):
        raise UnreadableMessageError("its channel is not text")
    parts = (message.header, message.content, message.parent, message.metadata)
    if not all(isinstance(part, dict) for part in parts):
        raise UnreadableMessageError("a part of it is not an object")
    return message


def is_framed(raw: str | bytes, subprotocol: str | None) -> bool:
    """Return whether the parts that a message says it has can be in it.

    The stock readers believe the number of parts, and would count to it.
    """
    if isinstance(raw, str):
        return subprotocol != V1
    if subprotocol == V1:
        return 0 < int.from_bytes(raw[:8], "little") <= len(raw) // 8
    return 0 < int.from_bytes(raw[:4], "big") <= len(raw) // 4


def write(message: PageMessage, subprotocol: str | None, session: Session) -> str | bytes:
    """Return a message as it is sent to a browser."""
    if subprotocol == V1:
        parts = [message.header, message.parent, message.metadata, message.content]
        packed = [session.pack(part) for part in parts]
        return bytes(_serialize_v1([*packed, *message.buffers], message.channel))
    whole = {
        "header": message.header,
        "msg_id": message.header.get("msg_id"),
        "msg_type": message.kind,
        "parent_header": message.parent,
        "metadata": message.metadata,
        "content": message.content,
        "buffers": list(message.buffers),
        "channel": message.channel,
    }
    if message.buffers:
        return bytes(_serialize_binary(whole))
    return json.dumps(whole, default=json_default)


def _read_v1(raw: str | bytes, session: Session) -> PageMessage:
    channel, parts = _deserialize_v1(raw)
    header, parent, metadata, content = (session.unpack(part) for part in parts[:4])
    buffers = tuple(bytes(part) for part in parts[4:])
    return PageMessage(channel, header, content, parent, metadata, buffers)


def _read_plain(raw: str | bytes) -> PageMessage:
    message = _deserialize_binary(raw) if isinstance(raw, bytes) else json.loads(raw)
    return PageMessage(
        message.get("channel") or "shell",
        message["header"],
        message.get("content") or {},
        message.get("parent_header") or {},
        message.get("metadata") or {},
        tuple(bytes(part) for part in message.get("buffers") or ()),
    )
