"""What a measurement found: pure arithmetic, and the words for it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["MIN_SIZE", "Report", "percentile", "sent_at_s", "stamped"]

_HEADER: Final = struct.Struct("!BI")
_STAMP: Final = struct.Struct("!8sd")
_MARK: Final = b"conatms\x01"
_BIN32: Final = 0xC6
MIN_SIZE: Final = _HEADER.size + _STAMP.size

PERCENTILES: Final = (50, 90, 99)


def stamped(size: int, now_s: float) -> bytes:
    """Return an encoded value of ``size`` bytes (at least MIN_SIZE) that says when it was sent.

    It is MessagePack, a ``bin``, so that every subscriber can decode it.
    """
    head = _HEADER.pack(_BIN32, size - _HEADER.size) + _STAMP.pack(_MARK, now_s)
    return head.ljust(size, b"\0")


def sent_at_s(raw: bytes) -> float | None:
    """Return when a payload was sent; None for one that does not say so."""
    if len(raw) < MIN_SIZE:
        return None
    mark, sent_s = _STAMP.unpack_from(raw, _HEADER.size)
    return float(sent_s) if mark == _MARK else None


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest of the ordered values that ``percent`` % do not exceed."""
    index = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(index)]


@dataclass(frozen=True, slots=True)
class Report:
    """So many messages of ``size`` bytes took so long; latencies are in seconds."""

    what: str
    messages: int
    size: int
    clients: int
    seconds: float
    latencies_s: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.messages / max(self.seconds, 1e-9)

    def as_json(self) -> dict[str, object]:
        """Return all numbers, latencies in milliseconds."""
        report: dict[str, object] = {
            "what": self.what,
            "messages": self.messages,
            "size": self.size,
            "clients": self.clients,
            "seconds": round(self.seconds, 6),
            "messages_per_s": round(self.rate, 1),
            "bytes_per_s": round(self.rate * self.size, 1),
        }
        if self.latencies_s:
            report["latency_ms"] = self._latencies_ms()
        return report

    def as_text(self) -> str:
        """Return one or two lines for people."""
        plural = "" if self.clients == 1 else "s"
        text = (
            f"{self.what}: {self.rate:,.0f} messages/s, {self.rate * self.size / 1e6:,.2f} MB/s "
            f"({self.messages:,} messages of {self.size:,} bytes, {self.clients} client{plural}, "
            f"{self.seconds:.2f} s)"
        )
        if self.latencies_s:
            pairs = (f"{name} {value:,.2f}" for name, value in self._latencies_ms().items())
            text += f"\nlatency in ms: {', '.join(pairs)}"
        return text

    def _latencies_ms(self) -> dict[str, float]:
        ordered = sorted(self.latencies_s)
        named = {f"p{each}": percentile(ordered, each) for each in PERCENTILES}
        values = {"min": ordered[0], **named, "max": ordered[-1]}
        return {name: round(value * 1000, 3) for name, value in values.items()}
