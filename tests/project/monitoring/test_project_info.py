"""What goes on in a project, for who asks (hub-project-api §4.13, ``ProjectInfo``)."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil

from cocalc_jupyter_ext.project.monitoring.project_info import ProjectInfo
from cocalc_jupyter_ext.project.monitoring.settings import MonitoringSettings


class World:
    """A time that a test sets, and notebooks that it names."""

    def __init__(self, home: Path) -> None:
        self.now = datetime.now(UTC).timestamp()
        self.looks = 0
        self.paths: dict[int, str] = {}
        self.info = ProjectInfo(home, self.notebooks, MonitoringSettings(), clock=lambda: self.now)

    async def notebooks(self) -> dict[int, str]:
        self.looks += 1
        await asyncio.sleep(0)
        return self.paths


async def test_the_project_and_its_kernels_are_named_among_the_processes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.paths = {os.getppid(): "a.ipynb"}
    info = await world.info.get(None, "ignored")

    assert info.keys() - {"cgroup"} == {
        *("timestamp", "processes", "disk_usage", "uptime", "boottime"),
    }
    assert info["timestamp"] == round(world.now * 1000)
    assert info["boottime"] == datetime.fromtimestamp(psutil.boot_time(), UTC)
    assert info["processes"][str(os.getpid())]["cocalc"] == {"type": "project"}
    parent = info["processes"].get(str(os.getppid()))  # it may be somebody else's
    assert parent is None or parent["cocalc"] == {"type": "jupyter", "path": "a.ipynb"}


async def test_the_project_is_looked_at_once_in_five_seconds(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, again = await asyncio.gather(world.info.get(), world.info.get())
    world.now += 4.9
    later = await world.info.get()
    assert first is again is later
    assert world.looks == 1

    world.now += 0.2
    assert (await world.info.get())["timestamp"] > first["timestamp"]
    assert world.looks == 2
