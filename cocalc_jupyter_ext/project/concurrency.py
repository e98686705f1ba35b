"""A bounded number of things at a time, and a bounded number that wait for their turn.

All calls of the project's API share the places of one service. Without a bound on those that
wait, slow calls would take all of them, and nothing else would be answered.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .dispatch import ApiError

__all__ = ["ConcurrencyLimit"]


class ConcurrencyLimit:
    """``running`` callers at a time; ``waiting`` more wait, and others are refused."""

    def __init__(self, what: str, *, running: int, waiting: int) -> None:
        self._what = what
        self._most = running + waiting
        self._free = asyncio.Semaphore(running)
        self._callers = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot until the end of the block; raises ApiError if too many want one."""
        if self._callers >= self._most:
            raise ApiError(f"too many {self._what} at once (at most {self._most}); try again later")
        self._callers += 1
        try:
            async with self._free:
                yield
        finally:
            self._callers -= 1
