"""A clock that moves when a test says so, and wakes whoever sleeps until then."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["SteppedClock"]


class SteppedClock:
    """Starts at 0; ``settle`` lets everything run until it waits for the clock again."""

    def __init__(self, settle: Callable[[], Awaitable[None]]) -> None:
        self.now = 0.0
        self._settle = settle
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return len(self._sleepers)

    def time(self) -> float:
        """Return the time in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed; no time at all is not waited for."""
        if seconds <= 0:
            return
        sleeper = (self.now + seconds, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def pass_time(self, seconds: float) -> None:
        """Move on, and stop at each moment at which somebody wakes."""
        until = self.now + seconds
        await self._settle()
        while due := [each for each in self._sleepers if each[0] <= until]:
            first = min(due, key=lambda each: each[0])
            self._sleepers.remove(first)
            self.now = first[0]
            first[1].set()
            await self._settle()
        self.now = until
