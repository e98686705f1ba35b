"""Messages between the thread that reads a kernel's output and the event loop.

Pure data, not thread-safe by itself. Adjacent text of one stream and one execution becomes one
message, so a loop of prints costs the event loop one message per batch. A text too long to be
shown anyway loses its middle here, which bounds the memory of the backlog.
"""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Backlog", "IopubMessage"]


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
        return IopubMessage(self.parent_id, "stream", {"name": self.name, "text": text})


class Backlog:
    """Messages in order; ``size_bytes`` approximates their memory.

    With ``joins_text=False`` every message stays what the kernel sent.
    """

    def __init__(self, max_text_chars: int = 4_000_000, *, joins_text: bool = True) -> None:
        self._max_text_chars = max_text_chars
        self._joins_text = joins_text
        self._entries: list[IopubMessage | _Text] = []
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, message: IopubMessage, size_bytes: int) -> None:
        """Append a message of this size."""
        if self._joins_text and message.kind == "stream":
            self._add_text(message)
            self.size_bytes += min(size_bytes, len(str(message.content.get("text", ""))))
        else:
            self._entries.append(message)
            self.size_bytes += size_bytes

    def take(self) -> list[IopubMessage]:
        """Return everything and become empty."""
        entries, self._entries = self._entries, []
        self.size_bytes = 0
        return [entry.to_message() if isinstance(entry, _Text) else entry for entry in entries]

    def _add_text(self, message: IopubMessage) -> None:
        name = str(message.content.get("name", "stdout"))
        last = self._entries[-1] if self._entries else None
        if not (
            isinstance(last, _Text) and (last.parent_id, last.name) == (message.parent_id, name)
        ):
            last = _Text(message.parent_id, name, self._max_text_chars)
            self._entries.append(last)
        last.add(str(message.content.get("text", "")))
