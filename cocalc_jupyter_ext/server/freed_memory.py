"""Gives memory back to the machine after large notebooks, printouts and pictures.

What is freed stays with the C library, which may need it again. Between pieces that are still
used, that is several hundred megabytes in a server that has done a lot and holds nothing. What
closed documents leave behind is freed by a search for garbage, which Python makes rarely in a
server that has little to do.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable
from typing import Final

import psutil

__all__ = ["FreedMemory", "trim_of"]

_EVERY_S: Final = 5.0
_WORTH_BYTES: Final = 50_000_000

Trim = Callable[[], object]


def trim_of(library: object) -> Trim | None:
    """Return what makes a C library give back what it does not use, if it can."""
    trim = getattr(library, "malloc_trim", None)
    return None if trim is None else lambda: trim(0)


class FreedMemory:
    """Looks every ``every_s`` whether the process is larger by ``worth_bytes`` than at its start.

    Where nothing can be given back, asking for it takes about a millisecond. The search for garbage
    takes longer; it is made when fewer documents are open than before, as ``open_count`` tells.
    ``used`` returns the memory of the process in bytes; ``trim`` is None where nothing can be done.
    """

    def __init__(
        self,
        open_count: Callable[[], int],
        *,
        every_s: float = _EVERY_S,
        worth_bytes: int = _WORTH_BYTES,
        used: Callable[[], int] | None = None,
        trim: Trim | None = None,
    ) -> None:
        self._open_count = open_count
        self._every_s = every_s
        self._worth_bytes = worth_bytes
        self._used = used or _used_here
        self._trim = trim or trim_of(ctypes.CDLL(None))
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        if self._trim is not None:
            giving = self._run(self._trim, self._used() + self._worth_bytes)
            self._task = asyncio.create_task(giving, name="freed memory")

    async def stop(self) -> None:
        """Stop looking; calling it again does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, trim: Trim, much: int) -> None:
        were_open = self._open_count()
        while True:
            await asyncio.sleep(self._every_s)
            if self._used() >= much:
                before, were_open = were_open, self._open_count()
                if were_open < before:
                    gc.collect()
                # In a thread: the library works for a while, and needs no Python for it.
                await asyncio.to_thread(trim)


def _used_here() -> int:
    return int(psutil.Process().memory_info().rss)
