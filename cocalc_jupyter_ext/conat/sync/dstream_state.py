"""What a log holds beyond the server's messages: those on their way (conat-sync §4.1).

Pure. A message is *local* until the server has acknowledged it, and then *saved* until its echo
has arrived. Reply and echo may come in either order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import ConatError, LimitExceeded
from ..persist.messages import NewMessage, Receipt
from ..types import JsonObject
from .message_ids import MessageIds
from .outgoing import encoded

__all__ = ["MAX_UNSAVED_BYTES", "DStreamState", "Refusal", "Saved"]

MAX_UNSAVED_BYTES: Final = 256_000_000
"""What may wait to be saved; more is refused, since the server does not take it."""


@dataclass(frozen=True, slots=True)
class Local:
    """A message that is not acknowledged yet."""

    message: NewMessage
    value: Any


@dataclass(frozen=True, slots=True)
class Saved:
    """A message that is on the server, but not yet in the mirror."""

    seq: int
    time_ms: int
    headers: JsonObject | None
    value: Any
    epoch: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server does not take a message; it is dropped."""

    error: ConatError
    value: Any


class DStreamState:
    """The messages that this writer has added."""

    def __init__(self, ids: MessageIds) -> None:
        self._ids = ids
        self._local: dict[str, Local] = {}
        self._saved: dict[int, Saved] = {}
        self._unsaved_bytes = 0

    @property
    def local(self) -> list[Any]:
        """The values that are not acknowledged, in the order in which they were added."""
        return [each.value for each in self._local.values()]

    @property
    def saved(self) -> list[Saved]:
        """What is acknowledged but not yet mirrored, in the order of the server."""
        return [self._saved[seq] for seq in sorted(self._saved)]

    @property
    def has_local(self) -> bool:
        """Return whether something is not acknowledged."""
        return bool(self._local)

    @property
    def is_empty(self) -> bool:
        """Return whether everything is in the mirror."""
        return not self._local and not self._saved

    def __len__(self) -> int:
        return len(self._local) + len(self._saved)

    def add(
        self, value: Any, headers: JsonObject | None = None, ttl_ms: float | None = None
    ) -> None:
        """Add a message; raises CodecError, or LimitExceeded when too much is unsaved."""
        raw = encoded(value, headers)
        if self._local and self._unsaved_bytes + len(raw) > MAX_UNSAVED_BYTES:
            raise LimitExceeded(
                f"{self._unsaved_bytes} bytes wait to be saved; await save() before adding more"
            )
        msg_id = self._ids.next()
        message = NewMessage(raw=raw, headers=headers, ttl_ms=ttl_ms, msg_id=msg_id)
        self._local[msg_id] = Local(message, value)
        self._unsaved_bytes += len(raw)

    def batch(self) -> list[NewMessage]:
        """Return what is to be sent; an id stays the same however often it is sent."""
        return [each.message for each in self._local.values()]

    def result(
        self,
        message: NewMessage,
        result: Receipt | ConatError,
        has_seen: Callable[[int], bool],
        epoch: int,
    ) -> Refusal | None:
        """Take what the server answered; ``has_seen`` tells whether an echo is behind us."""
        local = self._local.get(message.msg_id or "")
        if isinstance(result, Receipt):
            self._drop(message.msg_id)
            if local is not None and not has_seen(result.seq):
                self._saved[result.seq] = Saved(
                    result.seq, result.time_ms, message.headers, local.value, epoch
                )
            return None
        if result.code == "reject" and local is not None:
            self._drop(message.msg_id)
            return Refusal(result, local.value)
        return None

    def echoed(self, msg_id: str | None) -> None:
        """Note that a message is in the mirror; it may not be shown twice."""
        self._drop(msg_id)

    def settle(self, has_seen: Callable[[int], bool], epoch: int) -> None:
        """Forget what is in the mirror, and what was acknowledged before it started over."""
        for seq, saved in list(self._saved.items()):
            if saved.epoch != epoch or has_seen(seq):
                del self._saved[seq]

    def clear(self) -> None:
        """Forget everything."""
        self._local.clear()
        self._saved.clear()
        self._unsaved_bytes = 0

    def _drop(self, msg_id: str | None) -> None:
        local = None if msg_id is None else self._local.pop(msg_id, None)
        if local is not None:
            self._unsaved_bytes -= len(local.message.raw)
