"""The code that waits for a script's kernel, one piece at a time (syncdoc-jupyter §4.2, §4.5).

An error empties the queue, unless the execution says otherwise; code that takes too long is
interrupted some times, and then the kernel is ended (§6.1).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ..errors import KernelsError
from .execution import Execution

__all__ = ["INTERRUPTS_S", "CodeQueue", "Work"]

_log = logging.getLogger(__name__)

INTERRUPTS_S: Final = (1.0, 1.3, 1.69)
"""How long to wait after each interrupt of code that took too long, before the kernel is ended."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the queue needs of its kernel.

    ``run`` runs code to its end and returns whether it failed; what it raises ends the execution.
    """

    run: Callable[[Execution], Awaitable[bool]]
    interrupt: Callable[[], Awaitable[None]]
    kill: Callable[[], Awaitable[None]]


class CodeQueue:
    """Executions in order; close it when done."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._waiting: deque[Execution] = deque()
        self._current: Execution | None = None
        self._working: asyncio.Task[None] | None = None
        self._interrupting: set[asyncio.Task[None]] = set()

    def add(self, execution: Execution, *, first: bool = False) -> None:
        """Queue code, or put it before everything that waits."""
        execution.on_cancel = self.cancel
        if first:
            self._waiting.appendleft(execution)
        else:
            self._waiting.append(execution)
        if self._working is None:
            self._working = asyncio.create_task(self._run_all(), name="code of a kernel")

    def cancel(self, execution: Execution) -> None:
        """End code that waits; interrupt the kernel if it runs."""
        if execution in self._waiting:
            self._waiting.remove(execution)
            execution.close()
        elif execution is self._current:
            task = asyncio.create_task(self._interrupt(), name="interrupting a kernel")
            self._interrupting.add(task)
            task.add_done_callback(self._interrupting.discard)

    def drop(self) -> None:
        """End what waits: it was not run because something before it failed or was interrupted."""
        self._close_waiting(None)

    def end_all(self, error: BaseException | None = None) -> None:
        """End everything, also what runs, with this reason."""
        self._close_waiting(error)
        if self._current is not None:
            self._current.close(error)

    async def close(self) -> None:
        """End everything; idempotent."""
        self.end_all()
        tasks = [task for task in (self._working, *self._interrupting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                self._current = self._waiting.popleft()
                await self._run(self._current)
        finally:
            self._current = self._working = None

    async def _run(self, execution: Execution) -> None:
        limit = asyncio.create_task(self._limit(execution.timeout_ms), name="time limit")
        try:
            failed = await self._work.run(execution)
        except Exception as error:  # noqa: BLE001 - whoever reads the executions gets it
            execution.close(error)
            self._close_waiting(error)
        else:
            execution.finish()
            if failed and execution.halt_on_error:
                self._end_waiting(lambda each: each.finish())
        finally:
            limit.cancel()
            await asyncio.gather(limit, return_exceptions=True)

    async def _limit(self, timeout_ms: float | None) -> None:
        """End code that takes too long: interrupts first, then the kernel."""
        if timeout_ms is None:
            return
        await asyncio.sleep(timeout_ms / 1000)
        for wait_s in INTERRUPTS_S:
            await self._interrupt()
            await asyncio.sleep(wait_s)
        await self._work.kill()

    async def _interrupt(self) -> None:
        try:
            await self._work.interrupt()
        except KernelsError as error:
            _log.info("There is no kernel to interrupt any more: %s", error)

    def _close_waiting(self, error: BaseException | None) -> None:
        self._end_waiting(lambda execution: execution.close(error))

    def _end_waiting(self, end: Callable[[Execution], object]) -> None:
        waiting = list(self._waiting)
        self._waiting.clear()
        for execution in waiting:
            end(execution)
