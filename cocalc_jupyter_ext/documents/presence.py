"""Who is in a room: the awareness states of y-protocols (pure).

Every participant has a state (user, cursor, selection) under a client id, with a clock that its
owner counts up. The rules are those of y-protocols: a state counts if its clock is newer, and a
removal also if it is equal. Two things are added. Each state belongs to the connection that
brought it last, so it goes when that connection goes. And clocks of the departed are
remembered for a while, because the stock client sends back every state it receives and
would otherwise revive them.

States stay encoded JSON here; only ``state_of`` reads one.
"""

import json
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycrdt import Decoder, write_message, write_var_uint

from .errors import MalformedFrameError

__all__ = ["Presence", "encode_state", "merge_states"]

_NULL = b"null"
_MAX_STATE_BYTES = 100_000
_MAX_STATES_PER_OWNER = 100
_MAX_REMEMBERED = 1000


@dataclass(slots=True)
class _Entry:
    clock: int
    state: bytes
    owner: Hashable


class Presence:
    """The awareness states of one room."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._departed: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def apply(self, payload: bytes, owner: Hashable) -> bytes | None:
        """Take an awareness update from a connection; return what is new in it, encoded.

        Raises MalformedFrameError when the bytes are not an awareness update or too large.
        """
        changed = [
            client_id
            for client_id, clock, state in _decode(payload)
            if self._apply_one(client_id, clock, state, owner)
        ]
        return self.encode(changed) if changed else None

    def _apply_one(self, client_id: int, clock: int, state: bytes, owner: Hashable) -> bool:
        entry = self._entries.get(client_id)
        known = entry.clock if entry else self._departed.get(client_id, -1)
        if state == _NULL:
            if entry is None or clock < known:
                return False
            self._depart(client_id, clock)
            return True
        if clock <= known:
            return False
        if entry is None and self._count(owner) >= _MAX_STATES_PER_OWNER:
            msg = f"one connection may show at most {_MAX_STATES_PER_OWNER} participants"
            raise MalformedFrameError(msg)
        self._entries[client_id] = _Entry(clock, state, owner)
        self._departed.pop(client_id, None)
        return True

    def remove_owner(self, owner: Hashable) -> bytes | None:
        """Forget the states of a connection that ended; return their removal, encoded."""
        gone = [client_id for client_id, entry in self._entries.items() if entry.owner == owner]
        for client_id in gone:
            self._depart(client_id, self._entries[client_id].clock)
        return self.encode(gone) if gone else None

    def encode_all(self) -> bytes:
        """Encode everybody's state, for somebody who has just come."""
        return self.encode(self._entries)

    def encode(self, client_ids: Iterable[int]) -> bytes:
        """Encode the states (or removals) of some participants."""
        parts = []
        for client_id in client_ids:
            entry = self._entries.get(client_id)
            clock = entry.clock if entry else self._departed[client_id]
            state = entry.state if entry else _NULL
            parts.append(_encode_one(client_id, clock, state))
        return write_var_uint(len(parts)) + b"".join(parts)

    def states(self) -> list[dict[str, Any]]:
        """Return everybody's state as values; what is not an object is skipped."""
        values = [json.loads(entry.state) for entry in self._entries.values()]
        return [value for value in values if isinstance(value, dict)]

    def _depart(self, client_id: int, clock: int) -> None:
        self._entries.pop(client_id, None)
        self._departed[client_id] = clock
        self._departed.move_to_end(client_id)
        while len(self._departed) > _MAX_REMEMBERED:
            self._departed.popitem(last=False)

    def _count(self, owner: Hashable) -> int:
        return sum(entry.owner == owner for entry in self._entries.values())


def merge_states(payloads: Sequence[bytes]) -> bytes:
    """Return one awareness update with the newest state of everybody in several, in order."""
    newest: dict[int, tuple[int, bytes]] = {}
    for payload in payloads:
        for client_id, clock, state in _decode(payload):
            newest[client_id] = (clock, state)
    parts = [_encode_one(client_id, *entry) for client_id, entry in newest.items()]
    return write_var_uint(len(parts)) + b"".join(parts)


def encode_state(client_id: int, clock: int, state: Mapping[str, Any] | None) -> bytes:
    """Return an awareness update with one participant's state; None tells that it has gone."""
    return write_var_uint(1) + _encode_one(client_id, clock, json.dumps(state).encode())


def _encode_one(client_id: int, clock: int, state: bytes) -> bytes:
    return write_var_uint(client_id) + write_var_uint(clock) + write_message(state)


def _decode(payload: bytes) -> list[tuple[int, int, bytes]]:
    decoder = Decoder(payload)
    try:
        count = decoder.read_var_uint()
        if count > len(payload):
            msg = "the awareness update announces more states than it can hold"
            raise MalformedFrameError(msg)
        return [_decode_one(decoder) for _ in range(count)]
    except (IndexError, RuntimeError, ValueError, RecursionError) as error:
        msg = "the awareness update cannot be read"
        raise MalformedFrameError(msg) from error


def _decode_one(decoder: Decoder) -> tuple[int, int, bytes]:
    client_id, clock = decoder.read_var_uint(), decoder.read_var_uint()
    length = decoder.read_var_uint()
    if length > min(decoder.length, _MAX_STATE_BYTES):
        msg = f"a participant's state of {length} bytes is cut short or too long"
        raise MalformedFrameError(msg)
    state = decoder.stream[decoder.i0 : decoder.i0 + length]
    decoder.i0 += length
    decoder.length -= length
    return client_id, clock, _NULL if json.loads(state) is None else state
