"""Numbers that make a direction of a socket reliable and ordered; pure (conat-core §14.5).

The sender numbers its packets from 1 and keeps each until the receiver has acknowledged it.
The receiver hands packets on in order, each once, keeps those that came too early, and knows
which are missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .errors import SocketFull

__all__ = ["Packet", "Receiver", "Sender"]

MAX_EARLY_BYTES: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class Packet:
    """One numbered message; ``headers`` are the user's, without the number."""

    seq: int
    raw: bytes
    encoding: int = 0
    headers: Mapping[str, Any] = field(default_factory=dict)


class Sender:
    """What was written and is not acknowledged yet; at most ``max_unacknowledged`` packets."""

    def __init__(self, max_unacknowledged: int) -> None:
        self._max = max_unacknowledged
        self._kept: dict[int, Packet] = {}
        self._last_seq = 0
        self._published_seq = 0
        self.acknowledged_seq = 0

    def __len__(self) -> int:
        """Return the number of unacknowledged packets."""
        return len(self._kept)

    @property
    def is_full(self) -> bool:
        """Return whether nothing can be written now."""
        return len(self._kept) >= self._max

    @property
    def last(self) -> Packet | None:
        """The newest packet, if it is not acknowledged."""
        return self._kept.get(self._last_seq)

    @property
    def next_unpublished(self) -> Packet | None:
        """The oldest packet that has never been published."""
        return self._kept.get(max(self._published_seq, self.acknowledged_seq) + 1)

    def add(self, raw: bytes, headers: Mapping[str, Any]) -> Packet:
        """Keep a message under the next number; raises SocketFull."""
        if self.is_full:
            raise SocketFull(self._max)
        self._last_seq += 1
        packet = self._kept[self._last_seq] = Packet(self._last_seq, raw, headers=headers)
        return packet

    def mark_published(self, packet: Packet) -> None:
        """Note that the packet, and so all before it, went out at least once."""
        self._published_seq = max(self._published_seq, packet.seq)

    def acknowledge(self, seq: int) -> int:
        """Drop everything up to a number; return how many packets that were."""
        upto = min(seq, self._last_seq)
        dropped = max(upto - self.acknowledged_seq, 0)
        for number in range(self.acknowledged_seq + 1, upto + 1):
            del self._kept[number]
        self.acknowledged_seq += dropped
        return dropped

    def recall(self, numbers: Sequence[int]) -> list[Packet] | None:
        """Return the packets of these numbers, in this order; None if one is not held any more."""
        if len(numbers) > len(self._kept) or not all(number in self._kept for number in numbers):
            return None
        return [self._kept[number] for number in numbers]


class Receiver:
    """What has arrived. At most ``max_early`` packets wait for their predecessors."""

    def __init__(self, max_early: int, max_early_bytes: int = MAX_EARLY_BYTES) -> None:
        self._max_early = max_early
        self._max_early_bytes = max_early_bytes
        self._early: dict[int, Packet] = {}
        self._early_bytes = 0
        self._largest_seq = 0
        self.emitted_seq = 0

    def receive(self, packet: Packet) -> list[Packet]:
        """Take a packet; return those whose turn it is now, in order.

        A duplicate returns nothing. A packet that comes too early is kept if there is room;
        otherwise it counts as missing.
        """
        self._largest_seq = max(self._largest_seq, packet.seq)
        if packet.seq == self.emitted_seq + 1:
            return self._emit(packet)
        if packet.seq > self.emitted_seq and packet.seq not in self._early:
            self._keep(packet)
        return []

    def is_duplicate(self, seq: int) -> bool:
        """Return whether the packet of this number was handed on before."""
        return seq <= self.emitted_seq

    def missing(self, limit: int) -> list[int]:
        """Return up to ``limit`` numbers that are needed next, in ascending order."""
        numbers: list[int] = []
        seq = self.emitted_seq + 1
        while seq <= self._largest_seq and len(numbers) < limit:
            if seq not in self._early:
                numbers.append(seq)
            seq += 1
        return numbers

    def lacks(self, seq: int) -> bool:
        """Return whether the packet of this number has never arrived."""
        return seq > self.emitted_seq and seq not in self._early

    def _emit(self, packet: Packet) -> list[Packet]:
        ready = [packet]
        while (successor := self._early.pop(ready[-1].seq + 1, None)) is not None:
            self._early_bytes -= len(successor.raw)
            ready.append(successor)
        self.emitted_seq = ready[-1].seq
        return ready

    def _keep(self, packet: Packet) -> None:
        has_room = len(self._early) < self._max_early
        if has_room and self._early_bytes + len(packet.raw) <= self._max_early_bytes:
            self._early[packet.seq] = packet
            self._early_bytes += len(packet.raw)
