"""When the archive of a stream is brought up to date: leading and trailing, not too often (§2.10).

How it is copied is the business of the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, runtime_checkable

from ...errors import ConatError

__all__ = ["ARCHIVE_INTERVAL_S", "Archived", "Archiver"]

_log = logging.getLogger(__name__)

ARCHIVE_INTERVAL_S: Final = 30.0


@runtime_checkable
class Archived(Protocol):
    """A stream store that knows how to copy itself."""

    def archive(self) -> None:
        """Copy the stream to its archive, if it has one that does not hold the present state."""
        ...


class Archiver:
    """Calls ``archive`` at a change, and again after ``interval_s`` if there were more."""

    def __init__(self, archive: Callable[[], Awaitable[None]], interval_s: float) -> None:
        self._archive = archive
        self._interval_s = interval_s
        self._has_changed = False
        self._task: asyncio.Task[None] | None = None

    def note_change(self) -> None:
        """Note that there is something to copy."""
        self._has_changed = True
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="archive")

    async def close(self) -> None:
        """Stop; calling it again does nothing. The store copies itself when it is closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._has_changed:
            self._has_changed = False
            try:
                await self._archive()
            except ConatError as error:
                _log.warning("an archive stays as it was: %s", error)
            await asyncio.sleep(self._interval_s)
        self._task = None
