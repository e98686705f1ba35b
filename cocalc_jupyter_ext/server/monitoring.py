"""Tells clients what goes on in the project, and how it is (hub-project-api §3.6, §4.13)."""

import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
from jupyter_server.utils import ensure_async

from .._version import __version__
from ..conat.client.client import Client
from ..conat.protocol.subjects import project_subject
from ..conat.services.rpc import RpcService
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..project.monitoring.project_info import ProjectInfo
from ..project.monitoring.settings import settings_from_environment
from ..project.monitoring.status import StatusWatch
from ..project.monitoring.status_reports import StatusReports
from ..project.system import version_number
from .conat import API_COMPUTE_SERVER, ConatService
from .kernel_host import ServerKernels

__all__ = ["ServerMonitoring"]

_MIB = 2**20


class ServerMonitoring:
    """The part of the server that answers on ``project-info`` and publishes ``project-status``.

    ``settings`` are those of the running server.
    """

    def __init__(self, conat: ConatService, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._conat = conat
        self._settings = settings
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Answer, and report to those who listen."""
        project_id = self._conat.project_id
        limits = settings_from_environment(os.environ)
        home = Path(self._settings()["kernel_manager"].root_dir)
        info = ProjectInfo(home, self._notebooks, limits)
        machine_mib = psutil.virtual_memory().total / _MIB
        watch = StatusWatch(version_number(__version__), machine_mib, os.cpu_count() or 1)
        async with AsyncExitStack() as stack:
            transport = LoopbackTransport(self._conat.broker, User("project", project_id))
            client = await stack.enter_async_context(Client(transport))
            asked, told = (
                project_subject(project_id, name, compute_server_id=API_COMPUTE_SERVER)
                for name in ("project-info", "project-status")
            )
            await stack.enter_async_context(RpcService(client, asked, {"get": info.get}))
            await stack.enter_async_context(StatusReports(client, told, info.get, watch, limits))
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """End; calling it again does nothing."""
        await self._running.aclose()

    async def _notebooks(self) -> dict[int, str]:
        """Return the notebooks whose kernels run, by the numbers of their processes."""
        settings = self._settings()
        kernels = ServerKernels(settings["kernel_manager"])
        sessions = await ensure_async(settings["session_manager"].list_sessions())
        found = ((kernels.pid(each["kernel"]["id"]), each["path"]) for each in sessions)
        return {pid: path for pid, path in found if pid is not None}
