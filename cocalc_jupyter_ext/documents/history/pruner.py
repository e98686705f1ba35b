"""Prunes the histories of a project where limits are set (rules: SPEC H)."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from ...conat.errors import ConatError
from ..syncdoc.stores import open_record
from .listing import listed_paths
from .pruning import Limits, Plan, keeps_newest, plan_pruning
from .service import HistoryService
from .stream_history import StreamHistory

__all__ = ["Pruner"]

_log = logging.getLogger(__name__)

FIRST_AFTER_S: Final = 600.0
EVERY_S: Final = 86_400.0


class Pruner:
    """Looks once a day at all histories; ``start`` and ``stop`` it."""

    def __init__(
        self,
        service: HistoryService,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.time,
        first_after_s: float = FIRST_AFTER_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._service = service
        self._limits = limits
        self._clock = clock
        self._first_after_s = first_after_s
        self._every_s = every_s
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; without limits there is nothing to do."""
        if self._running is None and not self._limits.keep_everything:
            self._running = asyncio.create_task(self._run(), name="pruning of histories")

    async def stop(self) -> None:
        """End, perhaps between two steps: each of them leaves all documents whole."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def prune_all(self) -> int:
        """Prune every document of the project; return how many messages were deleted."""
        service = self._service
        count = 0
        for path in await listed_paths(service.client, service.project_id):
            try:
                count += await self.prune(path)
            except ConatError as error:
                _log.warning("the history of %s was not pruned: %s", path, error)
        return count

    async def prune(self, path: str) -> int:
        """Prune the history of one synced path; return how many messages were deleted.

        Raises NoHistory, and what the stream refuses.
        """
        return await self._service.use(path, lambda history: self._prune(path, history))

    async def _run(self) -> None:
        await asyncio.sleep(self._first_after_s)
        while True:
            try:
                await self.prune_all()
            except ConatError as error:
                _log.warning("histories were not pruned, which is tried again: %s", error)
            await asyncio.sleep(self._every_s)

    async def _prune(self, path: str, history: StreamHistory) -> int:
        await history.load_older()
        items, kind = await history.items(), history.shape.kind
        now_ms = self._clock() * 1000
        plan = await asyncio.to_thread(plan_pruning, items, kind, self._limits, now_ms)
        if plan is None:
            return 0
        if plan.snapshot is not None:
            await history.publish(plan.snapshot)
        await self._begin_at(path, plan)
        # Somebody may have come back meanwhile with commits on top of what is to go.
        if not await asyncio.to_thread(keeps_newest, await history.items(), kind, plan):
            return 0
        deleted = await history.core.delete(seqs=plan.seqs)
        _log.info("%s: %d messages of the history were pruned", path, len(deleted))
        return len(deleted)

    async def _begin_at(self, path: str, plan: Plan) -> None:
        """Let readers begin at the first patch that stays, if they would begin before it."""
        service = self._service
        record = await open_record(service.client, service.project_id, path, is_file_server=True)
        try:
            newest = record.get().get("last_snapshot")
            if not isinstance(newest, int) or newest < plan.first:
                record.update({"last_snapshot": plan.first, "last_seq": plan.first_seq})
                await record.save()
        finally:
            await record.close()
