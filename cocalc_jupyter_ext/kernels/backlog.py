"""Messages between the thread that reads a kernel's output and the event loop.

Pure data, not thread-safe by itself. Adjacent text of one stream and one execution becomes one
message, so a loop of prints costs the event loop one message per batch. A text too long to be
shown anyway loses its middle here. What is printed and displayed faster than it can be taken goes
too, the oldest first, and a line says how much went: so the memory of the backlog is bounded, and
what a loop of displays has shown last is never missing. Other messages are never left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["OUTPUT_KINDS", "Backlog", "IopubMessage"]

OUTPUT_KINDS: Final = frozenset(
    {"stream", "display_data", "execute_result", "update_display_data", "error"}
)
"""What may be left out."""
_UPDATE: Final = "update_display_data"
_ENTRY_BYTES: Final = 500
_KEPT_SHARE: Final = 0.75
"""Of the largest size so much is kept, so that not every message makes others go."""


@dataclass(frozen=True, slots=True)
class IopubMessage:
    """One message of the kernel; ``parent_id`` is the id of the request that caused it."""

    parent_id: str
    kind: str
    content: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()


@dataclass(slots=True)
class _Text:
    parent_id: str
    name: str
    max_chars: int
    head: list[str] = field(default_factory=list)
    head_chars: int = 0
    tail: str = ""
    omitted_chars: int = 0
    kind: str = "stream"

    @property
    def size_bytes(self) -> int:
        return _ENTRY_BYTES + self.head_chars + len(self.tail)

    def add(self, text: str) -> None:
        part = text[: max(0, self.max_chars - self.head_chars)]
        if part:
            self.head.append(part)
            self.head_chars += len(part)
        self.tail += text[len(part) :]
        surplus = len(self.tail) - self.max_chars
        if surplus > self.max_chars:
            self.tail = self.tail[surplus:]
            self.omitted_chars += surplus

    def to_message(self) -> IopubMessage:
        notice = (
            f"\n[{self.omitted_chars} characters are not shown.]\n" if self.omitted_chars else ""
        )
        text = "".join(self.head) + notice + self.tail
        return IopubMessage(self.parent_id, self.kind, {"name": self.name, "text": text})


@dataclass(slots=True)
class _Whole:
    """A message as it came; ``read`` gives it, or None if it cannot be read."""

    parent_id: str
    kind: str
    size_bytes: int
    read: Callable[[], IopubMessage | None]

    def to_message(self) -> IopubMessage | None:
        return self.read()


@dataclass(slots=True)
class _Gap:
    """Outputs that were left out."""

    parent_id: str
    count: int = 0
    kind: str = "gap"
    size_bytes: int = _ENTRY_BYTES

    def to_message(self) -> IopubMessage:
        what = "output is" if self.count == 1 else "outputs are"
        text = f"[{self.count} {what} not shown: the kernel was faster than the server.]\n"
        return IopubMessage(self.parent_id, "stream", {"name": "stderr", "text": text})


_Entry = _Text | _Whole | _Gap


class Backlog:
    """Messages in order; ``size_bytes`` approximates their memory.

    Beyond ``max_bytes`` outputs are left out. With ``joins_text=False`` every message stays what
    the kernel sent.
    """

    def __init__(
        self,
        max_text_chars: int = 4_000_000,
        *,
        joins_text: bool = True,
        max_bytes: int = 64_000_000,
    ) -> None:
        self._max_text_chars = max_text_chars
        self._joins_text = joins_text
        self._max_bytes = max_bytes
        self._entries: list[_Entry] = []
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether more than ``max_bytes`` are here that may not be left out."""
        return self.size_bytes >= self._max_bytes

    def add(self, message: IopubMessage, size_bytes: int) -> None:
        """Append a message of this size."""
        if self._joins_text and message.kind == "stream":
            self._add_text(message)
            self._make_room()
        else:
            self.add_unread(message.parent_id, message.kind, size_bytes, lambda: message)

    def add_unread(
        self,
        parent_id: str,
        kind: str,
        size_bytes: int,
        read: Callable[[], IopubMessage | None],
    ) -> None:
        """Append a message that is read only when it is taken: it may be left out until then."""
        self._entries.append(_Whole(parent_id, kind, size_bytes, read))
        self.size_bytes += size_bytes
        self._make_room()

    def take(self) -> list[IopubMessage]:
        """Return everything and become empty."""
        entries, self._entries = self._entries, []
        self.size_bytes = 0
        messages = (entry.to_message() for entry in entries)
        return [message for message in messages if message is not None]

    def _add_text(self, message: IopubMessage) -> None:
        name = str(message.content.get("name", "stdout"))
        last = self._entries[-1] if self._entries else None
        if not (
            isinstance(last, _Text) and (last.parent_id, last.name) == (message.parent_id, name)
        ):
            last = _Text(message.parent_id, name, self._max_text_chars)
            self._entries.append(last)
            self.size_bytes += last.size_bytes
        before = last.size_bytes
        last.add(str(message.content.get("text", "")))
        self.size_bytes += last.size_bytes - before

    def _make_room(self) -> None:
        """Leave out the oldest outputs if there is too much, but never the newest."""
        if self.size_bytes <= self._max_bytes:
            return
        *older, newest = self._entries
        kept: list[_Entry] = []
        for entry in older:
            if entry.kind in OUTPUT_KINDS and self.size_bytes > _KEPT_SHARE * self._max_bytes:
                self.size_bytes -= entry.size_bytes
                if entry.kind != _UPDATE:  # the display itself is there
                    self._gap(kept, entry.parent_id).count += 1
            elif isinstance(entry, _Gap):
                self.size_bytes -= entry.size_bytes
                self._gap(kept, entry.parent_id).count += entry.count
            else:
                kept.append(entry)
        self._entries = [*kept, newest]

    def _gap(self, kept: list[_Entry], parent_id: str) -> _Gap:
        last = kept[-1] if kept else None
        if not (isinstance(last, _Gap) and last.parent_id == parent_id):
            last = _Gap(parent_id)
            kept.append(last)
            self.size_bytes += last.size_bytes
        return last
