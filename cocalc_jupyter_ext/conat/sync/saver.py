"""When unsaved changes are sent: one pass at a time, again until nothing is unsaved.

A pass sends what is unsaved now. What is written while it is under way waits for the next one,
which follows at once, so that batches grow with the time the server takes. After a failure the
wait is that of conat-sync §4.1: 0.195 s growing to 10 s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final

from ..errors import ConatError
from ..sockets.tasks import Tasks
from .retry import Backoff, Delays, is_final

__all__ = ["FLUSH_S", "Pass", "Saver"]

_log = logging.getLogger(__name__)

DELAYS: Final = Delays(start_s=0.15, decay=1.3, max_s=10.0)
FLUSH_S: Final = 10.0
"""How long closing may take to save what is left."""


class Pass(Enum):
    """How a pass went."""

    COMPLETE = "complete"
    FAILED = "failed"
    BLOCKED = "blocked"
    """All that is left can only be sent after the server has told something new."""


class Saver:
    """Runs the passes of one structure; ``name`` is for the log.

    ``is_automatic`` tells whether changes are saved without anybody asking.
    """

    def __init__(
        self, run_pass: Callable[[], Awaitable[Pass]], has_unsaved: Callable[[], bool], name: str
    ) -> None:
        self._run_pass = run_pass
        self._has_unsaved = has_unsaved
        self._name = name
        self._one_pass = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks = Tasks(f"saver-{name}")
        self._is_failing = False
        self.is_automatic = False

    def start(self) -> None:
        """Save by itself from now on, whenever ``request`` says that there is something."""
        self.is_automatic = True
        self._tasks.spawn("autosave", self._run())

    def request(self) -> None:
        """Note that something is unsaved."""
        self._wanted.set()

    def wake(self) -> None:
        """Note that the server told something, so that what was blocked may go on."""
        self._news.set()

    async def save(self) -> None:
        """Return when nothing is unsaved; failures are logged, only final ones are raised.

        Cancelling it leaves unsaved what is unsaved.
        """
        backoff = Backoff(DELAYS)
        async with self._one_pass:
            while self._has_unsaved():
                self._news.clear()
                result = await self._attempt()
                if result is Pass.COMPLETE:
                    backoff.reset()
                elif result is Pass.FAILED:
                    await asyncio.sleep(backoff.next_s())
                else:
                    await self._wait_for_news(backoff.next_s())

    async def save_once(self) -> None:
        """Make exactly one pass; its failure is raised."""
        async with self._one_pass:
            if self._has_unsaved():
                await self._run_pass()

    async def close(self) -> None:
        """Save what is left if that was automatic, for a limited time; end the task.

        What could not be saved is lost, and the log says so.
        """
        if not self.is_automatic:
            return
        self.is_automatic = False
        self._tasks.cancel_all()
        await self._tasks.wait_until_ended()
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.save()
        except (ConatError, TimeoutError) as error:
            reason = str(error) or f"the server did not answer for {FLUSH_S} s"
            _log.error("'%s' is closed and loses unsaved changes: %s", self._name, reason)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.save()
            except ConatError as error:
                _log.error("'%s' cannot be saved any more: %s", self._name, error)
                return

    async def _attempt(self) -> Pass:
        """Make a pass; a failure is logged."""
        try:
            result = await self._run_pass()
        except ConatError as error:
            if is_final(error):
                raise
            # A server that is away for long is told of once.
            level = logging.DEBUG if self._is_failing else logging.WARNING
            _log.log(level, "saving '%s' failed and is tried again: %s", self._name, error)
            self._is_failing = True
            return Pass.FAILED
        if self._is_failing:
            _log.warning("'%s' is saved again", self._name)
        self._is_failing = False
        return result

    async def _wait_for_news(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._news.wait()
        except TimeoutError:
            return
