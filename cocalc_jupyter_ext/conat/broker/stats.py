"""Counters of what a broker moves."""

from dataclasses import dataclass, field

from ..protocol.chunks import Chunk

__all__ = ["PeerStats", "Traffic"]


@dataclass(slots=True)
class Traffic:
    """Whole messages, and bytes of payload."""

    messages: float = 0
    bytes: float = 0

    def count(self, chunk: Chunk) -> None:
        """Add a chunk: a message counts when its last chunk passes (conat-core §11.7)."""
        self.messages += chunk.done
        self.bytes += len(chunk.raw)


@dataclass(slots=True)
class PeerStats:
    """What one connection was sent, and what its client says it received."""

    sent: Traffic = field(default_factory=Traffic)
    received: Traffic = field(default_factory=Traffic)
