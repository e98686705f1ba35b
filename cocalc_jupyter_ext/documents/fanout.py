"""What a room tells its peers: at once, or a little later together with what follows closely.

A frame costs much the same however much it holds. So where there are more than a few peers,
after a round of frames there is a pause that grows with their number, and what comes meanwhile
goes out as one frame to each. Fifty people get everything within hundredths of a second, where a
frame for each key of each of them would be more than a processor can do.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pycrdt import merge_updates

from .presence import merge_states
from .ysync import awareness_frame, update_frame

__all__ = ["Fanout", "Receiver"]

FEW: Final = 4
PAUSE_PER_PEER_S: Final = 0.0003
LONGEST_PAUSE_S: Final = 0.025


class Receiver(Protocol):
    """Who gets frames; compared by identity."""

    def send(self, frame: bytes) -> None:
        """Queue a frame."""
        ...


@dataclass(frozen=True, slots=True)
class _Kind:
    """How several pieces of news become one, and how one becomes a frame."""

    merge: Callable[[Sequence[bytes]], bytes]
    frame: Callable[[bytes], bytes]


_UPDATES: Final = _Kind(lambda updates: merge_updates(*updates), update_frame)
_STATES: Final = _Kind(merge_states, awareness_frame)


class Fanout:
    """Sends news to all peers but the one that it came from, in the order in which it came."""

    def __init__(self, peers: Collection[Receiver]) -> None:
        self._peers = peers
        self._updates: list[tuple[object, bytes]] = []
        self._states: list[tuple[object, bytes]] = []
        self._pause: asyncio.TimerHandle | None = None

    def update(self, origin: object, update: bytes) -> None:
        """Tell of an edit."""
        self._updates.append((origin, update))
        self._send_unless_paused()

    def states(self, origin: object, payload: bytes) -> None:
        """Tell of awareness states."""
        self._states.append((origin, payload))
        self._send_unless_paused()

    def close(self) -> None:
        """Send what waits, and wait no more; calling it again does nothing."""
        self._send()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _send_unless_paused(self) -> None:
        if self._pause is None:
            self._send()

    def _send(self) -> None:
        self._pause = None
        updates, self._updates = self._updates, []
        states, self._states = self._states, []
        if updates:
            self._send_news(updates, _UPDATES)
        if states:
            self._send_news(states, _STATES)
        if (updates or states) and len(self._peers) > FEW:
            pause_s = min(len(self._peers) * PAUSE_PER_PEER_S, LONGEST_PAUSE_S)
            self._pause = asyncio.get_running_loop().call_later(pause_s, self._send)

    def _send_news(self, news: list[tuple[object, bytes]], kind: _Kind) -> None:
        origins = {id(origin) for origin, _ in news}
        common: bytes | None = None
        for peer in list(self._peers):
            if id(peer) not in origins:
                if common is None:
                    common = _frame([piece for _, piece in news], kind)
                peer.send(common)
            elif others := [piece for origin, piece in news if origin is not peer]:
                peer.send(_frame(others, kind))


def _frame(pieces: Sequence[bytes], kind: _Kind) -> bytes:
    return kind.frame(pieces[0] if len(pieces) == 1 else kind.merge(pieces))
