"""Tasks and timers with one owner, who learns of every failure and ends them all."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["OwnedTasks"]


class OwnedTasks:
    """Runs work for its owner until ``close``; ``on_failure`` is given what was not expected."""

    def __init__(self, name: str, on_failure: Callable[[BaseException], None]) -> None:
        self._name = name
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._temporary: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_closed = False

    def spawn(self, work: Coroutine[Any, Any, None], *, temporary: bool = False) -> None:
        """Run in a task; a temporary one is also ended by ``end_temporary``."""
        task = asyncio.create_task(work, name=self._name)
        self._tasks.add(task)
        if temporary:
            self._temporary.add(task)
        task.add_done_callback(self._on_done)

    def end_temporary(self) -> None:
        """Cancel the temporary tasks, except the one that calls this."""
        for task in self._temporary - {asyncio.current_task()}:
            task.cancel()

    def has_timer(self, name: str) -> bool:
        """Return whether a timer of this name runs."""
        return name in self._timers

    def start_timer(self, name: str, delay_s: float, then: Callable[[], None]) -> None:
        """Call ``then`` later; a timer of the same name is replaced."""
        self.stop_timer(name)
        if not self._is_closed:
            self._timers[name] = self._loop.call_later(delay_s, self._on_timer, name, then)

    def stop_timer(self, name: str) -> None:
        """Stop a timer; one that does not run is no error."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    async def close(self) -> None:
        """Stop all timers and wait for what still runs; idempotent."""
        self._is_closed = True
        for name in list(self._timers):
            self.stop_timer(name)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._temporary.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)

    def _on_timer(self, name: str, then: Callable[[], None]) -> None:
        self._timers.pop(name, None)
        try:
            then()
        except Exception as error:  # noqa: BLE001 - the owner ends visibly what fails
            self._on_failure(error)
