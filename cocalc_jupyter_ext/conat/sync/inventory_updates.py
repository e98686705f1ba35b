"""When a store's entry in the inventory is brought up to date (conat-sync §4.7).

The first write starts it, after a short wait in which more may come; then at most once per
interval, and once more at its end if there was another write.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import ConatError
from ..sockets.tasks import Tasks

__all__ = ["InventoryUpdates"]

_log = logging.getLogger(__name__)

INTERVAL_S: Final = 90.0
DELAY_S: Final = 0.5


class InventoryUpdates:
    """Runs ``update`` now and then; what fails is logged and costs only that update."""

    def __init__(
        self, update: Callable[[], Awaitable[None]], name: str, *, interval_s: float = INTERVAL_S
    ) -> None:
        self._update = update
        self._name = name
        self._interval_s = interval_s
        self._is_wanted = False
        self._tasks = Tasks(f"inventory-{name}")

    def request(self) -> None:
        """Note that the store was written to."""
        self._is_wanted = True
        if "updates" not in self._tasks:
            self._tasks.spawn("updates", self._run())

    async def close(self) -> None:
        """Drop what is pending; calling it again does nothing."""
        self._tasks.cancel_all()
        await self._tasks.wait_until_ended()

    async def _run(self) -> None:
        while self._is_wanted:
            await asyncio.sleep(DELAY_S)
            self._is_wanted = False
            try:
                await self._update()
            except ConatError as error:
                _log.warning("the inventory entry of '%s' stays old: %s", self._name, error)
            await asyncio.sleep(self._interval_s - DELAY_S)
