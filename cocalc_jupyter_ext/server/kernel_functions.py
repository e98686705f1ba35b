"""Offers what CoCalc clients may ask of a project about kernels, beside one notebook.

Code that runs once, the processes of kernels, and what they use (syncdoc-jupyter §4.10, §6;
hub-project-api §3.2).
"""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from ..conat.client.client import Client
from ..conat.protocol.subjects import project_subject
from ..conat.services.rpc import RpcService
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..kernels.stateless.stateless import StatelessExecution
from ..project.kernel_functions import KernelFunctions, KernelProcesses
from ..project.usage_info import UsageInfo
from .conat import API_COMPUTE_SERVER, ConatService
from .notebook_kernels import NotebookKernels
from .script_kernels import ScriptKernels

__all__ = ["ServerKernelFunctions"]


class ServerKernelFunctions:
    """The part of the server that offers the functions.

    ``manager`` is Jupyter's of kernels, ``pool`` has those that nobody uses yet.
    """

    def __init__(
        self,
        conat: ConatService,
        manager: Any,
        notebooks: NotebookKernels,
        pool: KernelProcesses,
    ) -> None:
        self._conat = conat
        self._pool = pool
        self._manager = manager
        self._notebooks = notebooks
        self._kernels = ScriptKernels(manager, notebooks)
        self._stateless: StatelessExecution | None = None
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Offer the functions."""
        async with AsyncExitStack() as stack:
            stateless = StatelessExecution(self._kernels.language)
            stack.push_async_callback(stateless.close)
            self._stateless = stateless
            usage = UsageInfo(self._find_process)
            stack.push_async_callback(usage.close)
            home = Path(self._manager.root_dir)
            self._conat.offer(KernelFunctions(self, stateless.execute, home).functions())
            project_id = self._conat.project_id
            transport = LoopbackTransport(self._conat.broker, User("project", project_id))
            client = await stack.enter_async_context(Client(transport))
            subject = project_subject(
                project_id, "usage-info", compute_server_id=API_COMPUTE_SERVER
            )
            await stack.enter_async_context(RpcService(client, subject, {"get": usage.get}))
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """End the kernels that ran code once, and the measuring; idempotent."""
        await self._running.aclose()

    async def processes(self) -> list[dict[str, Any]]:
        """Return the kernels on this machine: of Jupyter, of the pool, for code that runs once."""
        found = await self._pool.processes()
        found += [] if self._stateless is None else self._stateless.processes()
        for kernel_id in self._manager.list_kernel_ids():
            pid = self._kernels.pid(kernel_id)
            if pid is not None and await self._kernels.is_alive(kernel_id):
                kernel = self._manager.get_kernel(kernel_id)
                file = self._kernels.connection_file(kernel_id) or ""
                name = str(kernel.kernel_name)
                found.append({"pid": pid, "connectionFile": file, "kernel_name": name})
        return found

    async def stop_kernel(self, pid: int) -> bool:
        """End a kernel at once; False if there is none with this process."""
        for kernel_id in self._manager.list_kernel_ids():
            if self._kernels.pid(kernel_id) == pid:
                await self._kernels.end(kernel_id)
                return True
        if self._stateless is not None and await self._stateless.stop_kernel(pid):
            return True
        return await self._pool.stop_kernel(pid)

    async def _find_process(self, path: str) -> int | None:
        kernel_id = await self._notebooks.find(path)
        return None if kernel_id is None else self._kernels.pid(kernel_id)
