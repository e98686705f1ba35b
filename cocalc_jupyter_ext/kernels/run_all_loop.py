"""Runs a notebook again and again, for as long as its settings say so (syncdoc-jupyter §3.4).

``run_all_loop_s`` is the number of seconds between two rounds. In each the kernel is restarted, and
all cells run, also after errors. Removing the number ends the loop; the round that runs goes on.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from ..documents.notebook_actions import NotebookActions
from ..documents.notebook_actions.running import is_at_rest
from ..documents.syncdoc.records import Records
from ..documents.syncdoc.sync_document import SyncDocument

__all__ = ["RunAllLoop", "pause_in"]

_log = logging.getLogger(__name__)

MIN_PAUSE_S: Final = 1.0
"""Shorter pauses are as long: a notebook without cells would do nothing but restart its kernel."""
MAX_PAUSE_S: Final = 30 * 86_400.0
_SETTINGS: Final = {"type": "settings"}

Restart = Callable[[], Awaitable[None]]
"""Restarts the notebook's kernel, if it has one."""


def pause_in(records: Records) -> float | None:
    """Return the seconds between two rounds; None if there is no loop (pure)."""
    pause_s = (records.get_one(_SETTINGS) or {}).get("run_all_loop_s")
    if not isinstance(pause_s, int | float) or isinstance(pause_s, bool) or math.isnan(pause_s):
        return None
    return min(max(float(pause_s), MIN_PAUSE_S), MAX_PAUSE_S)


class RunAllLoop:
    """The loop of one notebook; close it when done."""

    def __init__(
        self,
        document: SyncDocument[Records],
        restart: Restart,
        *,
        pause: Callable[[Records], float | None] = pause_in,
    ) -> None:
        self._document = document
        self._restart = restart
        self._pause = pause
        self._actions = NotebookActions(document, is_project=True)
        self._changed = asyncio.Event()
        self._looping: asyncio.Task[None] | None = None
        self._is_closed = False
        self._disconnects = [
            document.changes.connect(self._look),
            document.commits.connect(self._look),
        ]

    def start(self) -> None:
        """Begin the loop if the settings ask for one."""
        self._look()

    async def close(self) -> None:
        """End the loop, after a restart that is going on; idempotent."""
        self._is_closed = True
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        self._changed.set()
        if self._looping is not None:
            await asyncio.gather(self._looping, return_exceptions=True)

    def _look(self, _what: object = None) -> None:
        self._changed.set()
        if self._looping is None and self._pause_s is not None:
            self._looping = asyncio.create_task(self._loop(), name="run all cells in a loop")

    @property
    def _pause_s(self) -> float | None:
        return None if self._is_closed else self._pause(self._document.value)

    async def _loop(self) -> None:
        try:
            while self._pause_s is not None:
                try:
                    await self._round()
                except Exception as error:  # noqa: BLE001 - everybody is told; it is tried again
                    _log.warning("a loop of a notebook cannot run its cells: %s", error)
                    self._tell(str(error))
                await self._rest()
        finally:
            self._looping = None

    async def _round(self) -> None:
        await self._restart()
        if self._pause_s is None:
            return
        running = frozenset(self._actions.run_all_cells(no_halt=True))
        while self._pause_s is not None and self._is_any_active(running):
            self._changed.clear()
            await self._changed.wait()

    async def _rest(self) -> None:
        """Wait for the pause, also if it becomes shorter or longer meanwhile."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (pause_s := self._pause_s) is not None and loop.time() < began + pause_s:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(began + pause_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _is_any_active(self, cell_ids: Collection[str]) -> bool:
        cells: list[Any] = self._document.value.get({"type": "cell"})
        return any(cell["id"] in cell_ids and not is_at_rest(cell) for cell in cells)

    def _tell(self, reason: str) -> None:
        self._document.editable().set({**_SETTINGS, "kernel_error": reason})
        self._document.commit()
