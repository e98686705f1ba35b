"""The changefeed of one reader: a bounded iterator (conat-sync §1.10)."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from ...errors import ConatError
from ..access import Events, Reset
from ..messages import Stored

__all__ = ["MAX_BYTES", "MAX_UPDATES", "Feed"]

MAX_UPDATES: Final = 20_000
MAX_BYTES: Final = 128_000_000


class Feed:
    """A Changefeed; a reader that does not keep up gets a Reset in place of what it missed."""

    def __init__(self, on_close: Callable[["Feed"], None]) -> None:
        self._on_close = on_close
        self._events: deque[Events] = deque()
        self._updates = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._is_ended = False
        self._error: ConatError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Events:
        """Return the next events; cancelling this loses none."""
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._is_ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        events = self._events.popleft()
        count, size_bytes = _size_of(events)
        self._updates -= count
        self._bytes -= size_bytes
        return events

    def put(self, events: Events) -> None:
        """Keep events for the reader. One batch always fits."""
        if self._is_ended:
            return
        count, size_bytes = _size_of(events)
        if self._events and (
            self._updates + count > MAX_UPDATES or self._bytes + size_bytes > MAX_BYTES
        ):
            self._events.clear()
            self._updates = self._bytes = count = size_bytes = 0
            events = Reset()
        self._updates += count
        self._bytes += size_bytes
        self._events.append(events)
        self._arrived.set()

    def close(self) -> None:
        """End at once, and keep nothing; calling it again does nothing."""
        if not self._is_ended:
            self._events.clear()
            self.end()
            self._on_close(self)

    def end(self, error: ConatError | None = None) -> None:
        """End after what is kept was read, with an error if there is one."""
        if not self._is_ended:
            self._is_ended, self._error = True, error
            self._arrived.set()


def _size_of(events: Events) -> tuple[int, int]:
    if isinstance(events, Reset):
        return 0, 0
    return len(events), sum(len(each.message.raw) for each in events if isinstance(each, Stored))
