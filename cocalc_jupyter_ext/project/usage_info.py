"""What the kernels of notebooks use, for the pages that show it (syncdoc-jupyter §4.10).

A kernel is measured every two seconds while somebody asks, and for 15 seconds after that. The
answer changes when a number does so by more than 5 per cent.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..kernels.usage import INTERVAL_S, KernelUsage, UsageMeter

__all__ = ["KEPT_S", "FindProcess", "UsageInfo"]

_log = logging.getLogger(__name__)

KEPT_S: Final = 15.0

FindProcess = Callable[[str], Awaitable[int | None]]
"""Returns the process of a notebook's kernel, or None if it has none."""


class UsageInfo:
    """Answers for all notebooks; ``close`` ends the measuring."""

    def __init__(
        self,
        find: FindProcess,
        *,
        meter: Callable[[], UsageMeter] = UsageMeter,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._find = find
        self._meter = meter
        self._clock = clock
        self._sleep = sleep
        self._watched: dict[int, _Watched] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(
        self, _request: object, path: object = None, *_more: object
    ) -> dict[str, Any] | None:
        """Return what the kernel of a notebook uses; None if it has none.

        More arguments are ignored, as in JavaScript.
        """
        pid = await self._find(path) if isinstance(path, str) else None
        if pid is None:
            return None
        watched = self._watched.get(pid)
        if watched is None:
            watched = self._watched[pid] = _Watched(self._meter())
            task = asyncio.create_task(self._watch(pid, watched), name=f"usage of {pid}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        watched.asked_at = self._clock()
        await watched.first.wait()
        return None if watched.usage is None else watched.usage.to_wire()

    async def close(self) -> None:
        """Stop measuring; idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, pid: int, watched: "_Watched") -> None:
        try:
            while self._clock() - watched.asked_at < KEPT_S:
                found = await watched.meter.measure(pid)
                watched.usage = found or watched.usage
                watched.first.set()
                await self._sleep(INTERVAL_S)
        except OSError:
            _log.exception("what process %d uses cannot be measured", pid)
        finally:
            del self._watched[pid]
            watched.first.set()


class _Watched:
    def __init__(self, meter: UsageMeter) -> None:
        self.meter = meter
        self.usage: KernelUsage | None = None
        self.asked_at = 0.0
        self.first = asyncio.Event()
