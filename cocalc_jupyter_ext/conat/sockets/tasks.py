"""The tasks of one socket: each has a name, runs at most once at a time, and ends on close."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["Tasks"]

_log = logging.getLogger(__name__)


class Tasks:
    """Owns tasks from their start to their end."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __contains__(self, name: str) -> bool:
        task = self._running.get(name)
        return task is not None and not task.done()

    def __len__(self) -> int:
        """Return how many tasks have not ended."""
        return len(self._running) + len(self._ending)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; one that already runs under this name is cancelled."""
        self.cancel(name)
        task = asyncio.create_task(work, name=f"{self._owner}-{name}")
        self._running[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def cancel(self, *names: str) -> None:
        """Cancel tasks by name, except the one that asks: it is about to end by itself."""
        for name in names:
            task = self._running.pop(name, None)
            if task is not None:
                self._ending.add(task)
                if task is not asyncio.current_task():
                    task.cancel()

    def cancel_all(self) -> None:
        """Cancel every task."""
        self.cancel(*self._running)

    async def wait_until_ended(self) -> None:
        """Wait for what was cancelled, except for the task that asks."""
        others = self._ending - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if self._running.get(name) is task:
            del self._running[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of %s has failed: %s", self._owner, name, exc_info=error)
