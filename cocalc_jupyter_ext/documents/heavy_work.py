"""Lets long work in threads be done one piece after the other.

Threads that run Python take turns with the event loop. With many of them it waits long for each of
its turns, and they are not done earlier. What is short does not wait for what is long.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

__all__ = ["LARGE", "is_large", "one_at_a_time"]

LARGE: Final = 1_000_000
"""Content of about so many characters takes long."""

_PART: Final = 50
"""What a part of a content counts for, beside its text: it takes time, too."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def one_at_a_time(*, is_long: bool) -> AsyncIterator[None]:
    """Wait until no other long work of this event loop is under way, if this is such."""
    if not is_long:
        yield
        return
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1)):
        yield


def is_large(content: object, limit: int = LARGE) -> bool:
    """Return whether content is large, as text and by its number of parts, at a short look."""
    left, waiting = limit, [content]
    while waiting and left > 0:
        part = waiting.pop()
        if isinstance(part, str | bytes):
            left -= len(part)
        elif isinstance(part, Mapping):
            left -= _PART * len(part)
            waiting.extend(part.values() if left > 0 else ())
        elif isinstance(part, list):
            left -= _PART * len(part)
            waiting.extend(part if left > 0 else ())
    return left <= 0
