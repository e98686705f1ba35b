"""What goes on in a project, for who asks (hub-project-api §4.13, ``ProjectInfo``).

It is looked at when somebody asks, at most once in five seconds; those who ask at the same time
share a look.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import psutil

from ...conat.services.worker_threads import in_thread
from .container import Container, look_at_container
from .disk import disk_usage
from .processes import ProcessTable
from .settings import MonitoringSettings

__all__ = ["FindNotebooks", "Info", "ProjectInfo"]

Info: TypeAlias = dict[str, Any]

FindNotebooks: TypeAlias = Callable[[], Awaitable[Mapping[int, str]]]
"""Returns the paths of the notebooks whose kernels run, by the numbers of their processes."""

_PROJECT: Final = {"type": "project"}


class ProjectInfo:
    """Looks at one project, whose files are in ``home``."""

    def __init__(
        self,
        home: Path,
        notebooks: FindNotebooks,
        settings: MonitoringSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._notebooks = notebooks
        self._settings = settings
        self._clock = clock
        self._table = ProcessTable(settings.max_processes)
        self._looking = asyncio.Lock()
        self._info: Info | None = None
        self._looked_at = 0.0
        self._cpu_s: float | None = None

    async def get(self, _request: object = None, *_more: object) -> Info:
        """Return ``{timestamp, processes, cgroup?, disk_usage, uptime, boottime}``.

        Times of processes are in seconds, memory and disk in MiB. Arguments are ignored, as in
        JavaScript.
        """
        async with self._looking:
            now = self._clock()
            if self._info is None or now - self._looked_at >= self._settings.scan_interval_s:
                notebooks = await self._notebooks()
                self._info = await in_thread(self._look, now, notebooks)
                self._looked_at = now
            return self._info

    def _look(self, now: float, notebooks: Mapping[int, str]) -> Info:
        processes = self._table.look(now)
        for pid, process in processes.items():
            if pid == os.getpid():
                process["cocalc"] = _PROJECT
            elif pid in notebooks:
                process["cocalc"] = {"type": "jupyter", "path": notebooks[pid]}
        booted = psutil.boot_time()
        info: Info = {
            "timestamp": round(now * 1000),
            "processes": {str(pid): process for pid, process in processes.items()},
            "disk_usage": disk_usage(self._home),
            "uptime": round(now - booted, 3),
            "boottime": datetime.fromtimestamp(booted, UTC),
        }
        container = look_at_container(psutil.virtual_memory().total)
        if container is not None:
            info["cgroup"] = container.to_wire(self._rate(container, now))
        return info

    def _rate(self, container: Container, now: float) -> float:
        """Return how many cores were busy since the last look."""
        before, self._cpu_s = self._cpu_s, container.cpu_s
        elapsed_s = now - self._looked_at
        if before is None or elapsed_s <= 0:
            return 0.0
        return max(0.0, container.cpu_s - before) / elapsed_s
