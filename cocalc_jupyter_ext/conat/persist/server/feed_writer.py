"""Writes the changes of a stream to one subscriber, in messages of a sensible size (§1.6).

The first change goes out at once; those of the next 30 ms wait for one another. A subscriber
that does not read is given up with ``SocketFull`` instead of filling memory, and nobody else
notices.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from ...sockets.errors import SocketFull
from ..messages import MAX_BATCH_BYTES, Stored, Update
from ..wire import update_to_wire

__all__ = ["MAX_UNREAD_BYTES", "WINDOW_S", "CallLater", "FeedWriter", "split_updates"]

WINDOW_S: Final = 0.03

MAX_UNREAD_BYTES: Final = 256_000_000
"""So much a subscriber may be behind; the socket itself counts messages only."""


class CallLater(Protocol):
    """Calls back after a time in seconds; the ``call_later`` of an event loop is one."""

    def __call__(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle: ...  # noqa: D102 - documented by the class


def split_updates(
    updates: Sequence[Update], max_bytes: int = MAX_BATCH_BYTES
) -> Iterator[list[Update]]:
    """Yield the updates in lists that end as soon as their payloads have ``max_bytes``."""
    part: list[Update] = []
    size_bytes = 0
    for update in updates:
        part.append(update)
        size_bytes += _size_of(update)
        if size_bytes >= max_bytes:
            yield part
            part, size_bytes = [], 0
    if part:
        yield part


class FeedWriter:
    """The changefeed of one socket; its messages are counted from 0 in the header ``seq``.

    ``write`` takes a value and headers. Its errors are given to ``on_failure``, once, and so is
    SocketFull when more than ``MAX_UNREAD_BYTES`` were written since the subscriber had last read
    everything.
    """

    def __init__(
        self,
        write: Callable[[list[dict[str, Any]], dict[str, int]], None],
        on_failure: Callable[[Exception], None],
        call_later: CallLater,
    ) -> None:
        self._write = write
        self._on_failure = on_failure
        self._call_later = call_later
        self._waiting: list[Update] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0
        self._unread_bytes = 0
        self._is_closed = False

    def add(self, updates: Sequence[Update]) -> None:
        """Take changes, to be written now or at the end of the window."""
        if self._is_closed:
            return
        self._waiting.extend(updates)
        if self._timer is None:
            self._flush()

    def note_drained(self) -> None:
        """Note that the subscriber has read everything."""
        self._unread_bytes = 0

    def close(self) -> None:
        """Write nothing any more; calling it again does nothing."""
        self._is_closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        updates, self._waiting = self._waiting, []
        self._timer = self._call_later(WINDOW_S, self._flush)
        try:
            for part in split_updates(updates):
                self._write_part(part)
        except Exception as error:  # noqa: BLE001 - must not reach the one whose change it is
            self.close()
            self._on_failure(error)

    def _write_part(self, part: list[Update]) -> None:
        if self._unread_bytes > MAX_UNREAD_BYTES:
            raise SocketFull(self._count)
        self._write([update_to_wire(update) for update in part], {"seq": self._count})
        self._count += 1
        self._unread_bytes += sum(_size_of(update) for update in part)


def _size_of(update: Update) -> int:
    return len(update.message.raw) if isinstance(update, Stored) else 0
