"""The frames of the room socket, to and from bytes (pure; reference jupyterlab-rtc §3).

A frame starts with its type as a variable-length integer: 0 synchronisation, 1 awareness, 2 the
"raw" messages of the stock front end (save requests and their answers), 3 awareness query.
Types from 100 on belong to other extensions and are skipped.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pycrdt import (
    Decoder,
    YMessageType,
    YSyncMessageType,
    create_awareness_message,
    create_update_message,
    write_message,
    write_var_uint,
)

from .errors import MalformedFrameError

__all__ = [
    "EMPTY_UPDATE",
    "KEEP_ALIVE",
    "AwarenessFrame",
    "AwarenessQuery",
    "ForeignFrame",
    "Frame",
    "SaveRequest",
    "StateVectorFrame",
    "UpdateFrame",
    "awareness_frame",
    "decode_state_vector",
    "missing_updates_frame",
    "parse_frame",
    "raw_frame",
    "save_answer",
    "state_vector_frame",
    "update_frame",
]

_RAW = 2
_QUERY_AWARENESS = 3
_FIRST_FOREIGN = 100

EMPTY_UPDATE = b"\x00\x00"
"""A Yjs update without changes."""
KEEP_ALIVE = create_awareness_message(b"\x00")
"""An awareness update about nobody: the client only notes that the server is there."""


@dataclass(frozen=True, slots=True)
class StateVectorFrame:
    """Synchronisation step 1: what the sender has; the answer is what it lacks."""

    state: bytes


@dataclass(frozen=True, slots=True)
class UpdateFrame:
    """A change of the document: step 2 (what was missing) or a new update."""

    update: bytes


@dataclass(frozen=True, slots=True)
class AwarenessFrame:
    """Who is there, in the encoding of y-protocols."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class AwarenessQuery:
    """The sender asks who is there."""


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """The sender asks for the file to be written; ``save_id`` names the answer."""

    save_id: int


@dataclass(frozen=True, slots=True)
class ForeignFrame:
    """A type that other extensions use; nothing is known about its content."""

    type: int


Frame: TypeAlias = (
    StateVectorFrame | UpdateFrame | AwarenessFrame | AwarenessQuery | SaveRequest | ForeignFrame
)


def parse_frame(data: bytes) -> Frame:
    """Read one frame; raises MalformedFrameError for anything that is not one."""
    decoder = Decoder(data)
    try:
        return _parse(decoder, decoder.read_var_uint())
    except (IndexError, RuntimeError, UnicodeDecodeError) as error:
        msg = "the frame ends too early or holds no valid text"
        raise MalformedFrameError(msg) from error


def _parse(decoder: Decoder, kind: int) -> Frame:
    if kind == YMessageType.SYNC:
        return _parse_sync(decoder)
    if kind == YMessageType.AWARENESS:
        return AwarenessFrame(_payload(decoder))
    if kind == _RAW:
        return _parse_raw(decoder)
    if kind == _QUERY_AWARENESS:
        return AwarenessQuery()
    if kind >= _FIRST_FOREIGN:
        return ForeignFrame(kind)
    msg = f"frames of type {kind} are not known"
    raise MalformedFrameError(msg)


def _parse_sync(decoder: Decoder) -> Frame:
    kind = decoder.read_var_uint()
    payload = _payload(decoder)
    if kind == YSyncMessageType.SYNC_STEP1:
        return StateVectorFrame(payload)
    if kind in (YSyncMessageType.SYNC_STEP2, YSyncMessageType.SYNC_UPDATE):
        return UpdateFrame(payload)
    msg = f"synchronisation messages of type {kind} are not known"
    raise MalformedFrameError(msg)


def _parse_raw(decoder: Decoder) -> Frame:
    word = _payload(decoder).decode()
    if word == "save":
        return SaveRequest(decoder.read_var_uint())
    msg = f"the raw message {word[:40]!r} is not known"
    raise MalformedFrameError(msg)


def _payload(decoder: Decoder) -> bytes:
    length = decoder.read_var_uint()
    if length > decoder.length:
        msg = f"the frame announces {length} bytes and holds {decoder.length}"
        raise MalformedFrameError(msg)
    start = decoder.i0
    decoder.i0 += length
    decoder.length -= length
    return decoder.stream[start : start + length]


def state_vector_frame(state: bytes) -> bytes:
    """Build step 1: ask for what ``state`` lacks."""
    return bytes([YMessageType.SYNC, YSyncMessageType.SYNC_STEP1]) + write_message(state)


def missing_updates_frame(update: bytes) -> bytes:
    """Build step 2: the answer to a state vector."""
    return bytes([YMessageType.SYNC, YSyncMessageType.SYNC_STEP2]) + write_message(update)


def update_frame(update: bytes) -> bytes:
    """Build the frame that carries one update."""
    return create_update_message(update)


def awareness_frame(payload: bytes) -> bytes:
    """Build the frame that carries an awareness update."""
    return create_awareness_message(payload)


def raw_frame(message: Mapping[str, Any]) -> bytes:
    """Build a JSON message of the stock front end's own kind."""
    return write_var_uint(_RAW) + write_message(json.dumps(message).encode())


def save_answer(save_id: int, status: Literal["success", "skipped", "failed"]) -> bytes:
    """Build the answer to a save request."""
    return raw_frame({"type": "save", "responseTo": save_id, "status": status})


def decode_state_vector(state: bytes) -> dict[int, int]:
    """Read a state vector: client id to the number of that client's operations present."""
    decoder = Decoder(state)
    count = decoder.read_var_uint()
    return {decoder.read_var_uint(): decoder.read_var_uint() for _ in range(count)}
