"""The recorded conversations between real clients and a real server.

Each file in ``tests/vectors`` holds one short scenario: every WebSocket message in both
directions. Long payloads are recorded by length and digest; they are made again here.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.conat.protocol.socketio import Frame

__all__ = ["ROUTED", "SCENARIOS", "Conversation", "Recorded", "load", "messages"]

FOLDER = Path(__file__).parent.parent / "vectors"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.json"))
ROUTED = [name for name in SCENARIOS if not name.startswith(("dkv", "dstream", "persist"))]
"""Those in which all that a client hears comes from the broker and the other clients.

In the rest the server's process also answers as a service of its own.
"""
_ATTACHMENTS = re.compile(r"45(\d+)-")


@dataclass(frozen=True)
class Recorded:
    """One WebSocket message."""

    t_ms: float
    connection: int
    is_from_client: bool
    frame: Frame


@dataclass(frozen=True)
class Conversation:
    """One scenario."""

    options: dict[str, Any]
    connections: list[dict[str, Any]]
    outcome: Any
    frames: list[Recorded]

    def of(self, connection: int, *, from_client: bool) -> list[Frame]:
        """Return what one side of one connection sent."""
        return [
            each.frame
            for each in self.frames
            if each.connection == connection and each.is_from_client == from_client
        ]


@cache
def load(scenario: str) -> Conversation:
    """Return a scenario with its payloads complete."""
    wire = json.loads((FOLDER / f"{scenario}.json").read_text())
    payload = _Payload(_LONG_PAYLOADS.get(scenario, b""))
    frames = [
        Recorded(each["t_ms"], each["conn"], each["dir"] == "c2s", payload.frame(each))
        for each in wire["frames"]
    ]
    return Conversation(
        wire.get("server_options") or {}, wire["connections"], wire.get("outcome"), frames
    )


def messages(frames: list[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Group frames into messages: a text, and the attachments it announces."""
    rest = iter(frames)
    for frame in rest:
        announced = _ATTACHMENTS.match(frame) if isinstance(frame, str) else None
        count = int(announced[1]) if announced else 0
        yield (frame, *(next(rest) for _ in range(count)))


class _Payload:
    """Finds the long payloads by their digests."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole

    def frame(self, wire: dict[str, Any]) -> Frame:
        if wire["kind"] == "text":
            return str(wire["data"])
        if not wire.get("truncated"):
            return base64.b64decode(wire["data"])
        return self._piece(wire["length"], wire["sha256"])

    @cache  # noqa: B019 - as many entries as a scenario has long frames
    def _piece(self, length: int, digest: str) -> bytes:
        for start in range(0, len(self._whole), 500_000 if length == 500_000 else 7_900_000):
            piece = self._whole[start : start + length]
            if hashlib.sha256(piece).hexdigest() == digest:
                return piece
        raise AssertionError("no piece of the payload has the recorded digest")


_LONG_PAYLOADS = {
    "chunked-3mb": b"\xc6"
    + (3_000_000).to_bytes(4, "big")
    + bytes((i * 31 + (i >> 8)) & 255 for i in range(3_000_000)),
    "chunked-20mb-default": b"\xc6" + (20_000_000).to_bytes(4, "big") + b"\x07" * 20_000_000,
}
