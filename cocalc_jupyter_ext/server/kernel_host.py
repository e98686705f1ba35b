"""Jupyter Server's kernel manager as the runners see it.

Only attributes that every ``MultiKernelManager`` has are relied on; what a custom one lacks is
taken as "not stopping" or "ready".
"""

import asyncio
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_server.utils import ensure_async

from ..kernels.errors import KernelNotFoundError, KernelUnreachableError

__all__ = ["ServerKernels"]


class ServerKernels:
    """Implements ``KernelHost`` on the kernel manager of a server.

    ``manager`` is Jupyter Server's ``MappingKernelManager`` or a subclass; untyped upstream.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def exists(self, kernel_id: str) -> bool:
        """Return whether the manager knows the kernel."""
        return kernel_id in self._manager

    def is_stopping(self, kernel_id: str) -> bool:
        """Return whether a shutdown or restart is going on."""
        if not self.exists(kernel_id):
            return True
        return bool(getattr(self._manager.get_kernel(kernel_id), "shutting_down", False))

    async def is_alive(self, kernel_id: str) -> bool:
        """Return whether the kernel's process runs."""
        if not self.exists(kernel_id):
            return False
        return bool(await ensure_async(self._manager.get_kernel(kernel_id).is_alive()))

    async def connection_info(self, kernel_id: str) -> KernelConnectionInfo:
        """Return where the kernel listens, once it was launched.

        Raises ``KernelNotFoundError``, and ``KernelUnreachableError`` if it cannot be launched
        or does not listen on ZeroMQ sockets (a gateway's kernel).
        """
        if not self.exists(kernel_id):
            raise KernelNotFoundError(kernel_id)
        kernel = self._manager.get_kernel(kernel_id)
        await self._launched(kernel_id, kernel)
        if not getattr(kernel, "shell_port", 0):
            raise KernelUnreachableError(kernel_id, "it runs behind a gateway, without sockets")
        info: KernelConnectionInfo = kernel.get_connection_info()
        return info

    def forget_failed_starts(self) -> None:
        """Let the manager forget kernels that could not be started.

        Until jupyter_client 8.10 it keeps them as "starting", and then fails to shut down the
        others: the server would not end after somebody asked for a kernel that is missing.
        """
        starting: dict[str, Any] = getattr(self._manager, "_pending_kernels", {})
        for kernel_id, start in list(starting.items()):
            if start.done() and not self.exists(kernel_id):
                del starting[kernel_id]

    @staticmethod
    async def _launched(kernel_id: str, kernel: Any) -> None:
        ready = getattr(kernel, "ready", None)
        if ready is None:
            return
        try:
            await (ready if isinstance(ready, asyncio.Future) else asyncio.wrap_future(ready))
        except Exception as error:
            raise KernelUnreachableError(
                kernel_id, f"it could not be launched ({error})"
            ) from error
