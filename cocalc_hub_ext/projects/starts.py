"""The starts in progress: one task each, whose latest step anybody may look at.

A start belongs to nobody's request: it goes on when the browser that asked for it is closed.
The number of entries is bounded by the number of starts the hub allows at once, for an entry
goes when its start has ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..ids import ProjectId
from .lifecycle import Progress

__all__ = ["Report", "Starts"]

Report = Callable[[Progress], None]
log = logging.getLogger("cocalc.hub.projects")


class Starts:
    """Owns the tasks; ``close`` ends them."""

    def __init__(self) -> None:
        self._tasks: dict[ProjectId, asyncio.Task[None]] = {}
        self._progress: dict[ProjectId, Progress] = {}

    def progress_of(self, project_id: ProjectId) -> Progress | None:
        """Return the latest step of a start in progress, or None."""
        return self._progress.get(project_id)

    def follow(self, project_id: ProjectId, run: Callable[[Report], Awaitable[None]]) -> None:
        """Run a start in a task of its own, unless one is running for this project.

        ``run`` gets a function to report steps to, and handles its own expected errors.
        """
        if project_id in self._tasks:
            return
        self._progress[project_id] = Progress(0, "Starting")
        task = asyncio.create_task(self._run(project_id, run), name=f"start {project_id}")
        self._tasks[project_id] = task
        task.add_done_callback(lambda done: self._forget(project_id, done))

    async def _run(self, project_id: ProjectId, run: Callable[[Report], Awaitable[None]]) -> None:
        def report(progress: Progress) -> None:
            self._progress[project_id] = progress

        await run(report)

    def _forget(self, project_id: ProjectId, task: asyncio.Task[None]) -> None:
        del self._tasks[project_id], self._progress[project_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Start of project %s", project_id, exc_info=error)

    async def wait(self, project_id: ProjectId) -> None:
        """Wait until no start of this project is in progress; its outcome is recorded elsewhere."""
        task = self._tasks.get(project_id)
        if task is not None:
            await asyncio.wait([task])

    async def close(self) -> None:
        """Stop following; the hub goes on starting. Idempotent."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
