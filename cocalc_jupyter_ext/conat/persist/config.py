"""The settings of a stream: limits, retention, description (conat-sync §2.6)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from ..types import JsonValue

__all__ = ["MAX_EPHEMERAL_BYTES", "StreamConfig"]

MAX_EPHEMERAL_BYTES: Final = 64_000_000

_NUMBERS: Final = (
    "max_msgs",
    "max_age",
    "max_bytes",
    "max_msg_size",
    "max_bytes_per_second",
    "max_msgs_per_second",
)


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """All nine fields; the field names are those of the wire.

    ``max_age`` is in milliseconds, sizes are in bytes as in conat-sync §2.4. -1 (for
    ``max_age`` 0) means no limit; a number that was no number is None, which means the same.
    """

    max_msgs: int | None = -1
    max_age: int | None = 0
    max_bytes: int | None = -1
    max_msg_size: int | None = -1
    max_bytes_per_second: int | None = -1
    max_msgs_per_second: int | None = -1
    discard_policy: Literal["old", "new"] = "old"
    allow_msg_ttl: bool = False
    desc: JsonValue = None

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the complete configuration as the ``config`` command answers it."""
        return asdict(self)

    def limits(self) -> dict[str, JsonValue]:
        """Return the fields that differ from the defaults (conat-sync §2.9)."""
        default = StreamConfig().to_wire()
        return {name: value for name, value in self.to_wire().items() if value != default[name]}

    def changed(self, wanted: Mapping[str, object]) -> "StreamConfig":
        """Return this with the fields of a request; null, absent and unknown ones change nothing.

        Numbers are truncated, and text that is not a number disables its limit, as in
        JavaScript; any ``discard_policy`` but ``new`` is ``old``.
        """
        changes: dict[str, object] = {}
        for name in _NUMBERS:
            if wanted.get(name) is not None:
                changes[name] = _to_integer(wanted[name])
        if wanted.get("discard_policy") is not None:
            changes["discard_policy"] = "new" if wanted["discard_policy"] == "new" else "old"
        if wanted.get("allow_msg_ttl") is not None:
            changes["allow_msg_ttl"] = bool(wanted["allow_msg_ttl"])
        if wanted.get("desc") is not None:
            changes["desc"] = wanted["desc"]
        return replace(self, **changes)  # type: ignore[arg-type]  # each field was converted above

    def for_ephemeral(self) -> "StreamConfig":
        """Return what is in force for a stream in memory: its bytes are always limited (§2.6)."""
        wanted = self.max_bytes
        if wanted is not None and 0 < wanted <= MAX_EPHEMERAL_BYTES:
            return self
        return replace(self, max_bytes=MAX_EPHEMERAL_BYTES)


def _to_integer(value: object) -> int | None:
    if isinstance(value, bool | int | float | str):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return None
    return None
