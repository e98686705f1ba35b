"""How much a mirror holds (conat-sync §3.6 ``stats``)."""

from dataclasses import dataclass

from .replica import Replica

__all__ = ["Stats", "stats_of"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Number of messages, and the summed lengths of their payloads."""

    count: int
    bytes: int


def stats_of(replica: Replica, start_seq: int = 1) -> Stats:
    """Count the messages from ``start_seq`` on."""
    sizes = [entry.size_bytes for entry in replica.entries if entry.seq >= start_seq]
    return Stats(len(sizes), sum(sizes))
