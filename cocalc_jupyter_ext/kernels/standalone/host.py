"""Who starts the kernels of scripts: jupyter_client, where there is no Jupyter Server.

A kernel started here has its own process group, environment and last words as every kernel of a
project has (syncdoc-jupyter §4.8).
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.multikernelmanager import AsyncMultiKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_core.utils import ensure_dir_exists

from ..endings import Ending
from ..errors import KernelSpecNotFoundError
from ..kernel import KernelHost
from ..launching import FILENAME_VARIABLE
from ..managed_kernels import ManagedKernels
from ..provisioner import ProjectProvisioner

__all__ = ["LocalKernels", "StartingHost"]

_Manager: TypeAlias = AsyncKernelManager


class StartingHost(KernelHost, Protocol):
    """Who starts kernels, and does to them what a script asks for."""

    async def start(
        self, name: str, *, path: str | None, cwd: str | None, env: dict[str, str]
    ) -> str:
        """Start a kernel for a notebook or for none, in this folder; return its id.

        Raises ``KernelSpecNotFoundError``, ``OSError`` and what else starting raises.
        """
        ...

    def pid(self, kernel_id: str) -> int | None:
        """Return the process of a kernel, or None if it is not on this machine."""
        ...

    def connection_file(self, kernel_id: str) -> str | None:
        """Return the file that says where a kernel listens, or None if there is none."""
        ...

    async def signal(self, kernel_id: str, signum: int) -> None:
        """Send a signal to the kernel's process group; raises ``KernelNotFoundError``."""
        ...

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt in the way that the kernel wants; raises ``KernelNotFoundError``."""
        ...

    async def end(self, kernel_id: str) -> None:
        """End a kernel at once; one that is gone is no error."""
        ...

    async def ending(self, kernel_id: str) -> Ending:
        """Return how the process of a kernel ended, as far as somebody knows."""
        ...

    async def language(self, name: str) -> str:
        """Return the language of a kernel; raises ``KernelSpecNotFoundError``."""
        ...

    async def close(self) -> None:
        """End what was started; idempotent."""
        ...


class LocalKernels(ManagedKernels):
    """Kernels of this process, which end with it; ``ulimit`` limits each of them.

    On Linux they end even if it is killed, and already with the thread that started them.
    """

    def __init__(self, *, ulimit: str = "", specs: KernelSpecManager | None = None) -> None:
        self._specs = specs or KernelSpecManager()
        # They hold the keys of the kernels, and are nobody's files: not in the working directory.
        self._connection_dir = jupyter_runtime_dir()
        self._local = AsyncMultiKernelManager(
            kernel_spec_manager=self._specs, connection_dir=self._connection_dir
        )
        self._local.kernel_manager_factory = self._make
        self._ulimit = ulimit
        self._starting: set[asyncio.Future[str]] = set()
        super().__init__(self._local)

    async def start(
        self, name: str, *, path: str | None, cwd: str | None, env: dict[str, str]
    ) -> str:
        """Start a kernel."""
        if cwd is not None:
            await asyncio.to_thread(os.makedirs, cwd, exist_ok=True)
        await asyncio.to_thread(ensure_dir_exists, self._connection_dir, 0o700)
        variables = {**os.environ, **env}
        variables.pop(FILENAME_VARIABLE, None)
        if path is not None:
            variables[FILENAME_VARIABLE] = path
        starting = asyncio.ensure_future(
            self._local.start_kernel(kernel_name=name, env=variables, cwd=cwd or str(Path.home()))
        )
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        try:
            # Half a start cannot be taken back; ``close`` ends the kernel of one who gave up.
            return str(await asyncio.shield(starting))
        except NoSuchKernel as error:
            raise KernelSpecNotFoundError(name, sorted(self._specs.find_kernel_specs())) from error

    async def language(self, name: str) -> str:
        """Return the language of a kernel; raises ``KernelSpecNotFoundError``."""
        try:
            return str(self._specs.get_kernel_spec(name).language)
        except NoSuchKernel as error:
            raise KernelSpecNotFoundError(name, sorted(self._specs.find_kernel_specs())) from error

    async def close(self) -> None:
        """End all kernels at once; idempotent."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        self.forget_failed_starts()
        await self._local.shutdown_all(now=True)
        self._local.context.destroy(linger=0)

    def _make(self, **options: Any) -> _Manager:
        manager = AsyncKernelManager(context=self._local.context, **options)
        manager.provisioner = ProjectProvisioner(
            ulimit=self._ulimit,
            ends_with_us=True,
            kernel_spec=manager.kernel_spec,
            parent=manager,
        )
        return manager
