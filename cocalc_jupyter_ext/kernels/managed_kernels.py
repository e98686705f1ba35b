"""The kernels of a kernel manager, Jupyter Server's or jupyter_client's own.

Only attributes that every ``MultiKernelManager`` has are relied on; what a custom one lacks is
taken as "not stopping" or "ready".
"""

import asyncio
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

import zmq
from jupyter_core.utils import ensure_async

from .channels import ConnectionInfo
from .endings import Ending
from .errors import KernelNotFoundError, KernelUnreachableError
from .provisioner import ProjectProvisioner

__all__ = ["ManagedKernels"]

_STATES = b"kernel."
"""The topics of ipykernel and of what is built on it, except for streams and displays."""


class ManagedKernels:
    """Implements ``KernelHost`` on a manager of several kernels, which is untyped upstream."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._spared: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

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

    async def connection_info(self, kernel_id: str) -> ConnectionInfo:
        """Return where the kernel listens, once it was launched.

        Raises ``KernelNotFoundError``, and ``KernelUnreachableError`` if it cannot be launched
        or does not listen on ZeroMQ sockets (a gateway's kernel).
        """
        kernel = self._kernel(kernel_id)
        await self._launched(kernel_id, kernel)
        if not getattr(kernel, "shell_port", 0):
            raise KernelUnreachableError(kernel_id, "it runs behind a gateway, without sockets")
        info: ConnectionInfo = kernel.get_connection_info()
        return info

    def pid(self, kernel_id: str) -> int | None:
        """Return the process of a kernel, or None if it is not on this machine."""
        if not self.exists(kernel_id):
            return None
        pid = getattr(getattr(self._manager.get_kernel(kernel_id), "provisioner", None), "pid", 0)
        return pid if isinstance(pid, int) and pid > 0 else None

    def connection_file(self, kernel_id: str) -> str | None:
        """Return the file that says where a kernel listens, or None if there is none."""
        if not self.exists(kernel_id):
            return None
        return str(getattr(self._manager.get_kernel(kernel_id), "connection_file", "")) or None

    async def signal(self, kernel_id: str, signum: int) -> None:
        """Send a signal to the kernel's process group; raises ``KernelNotFoundError``."""
        await ensure_async(self._kernel(kernel_id).signal_kernel(signum))

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt in the way that the kernel wants; raises ``KernelNotFoundError``.

        One that is being started or ended is left alone: nothing in it goes on, and managers
        refuse to interrupt it. Clients cancel all cells and then end the kernel at once (§4.5).
        """
        ready = getattr(self._kernel(kernel_id), "ready", None)
        if ready is None or ready.done():
            await ensure_async(self._manager.interrupt_kernel(kernel_id))

    async def end(self, kernel_id: str) -> None:
        """End a kernel at once; one that is gone is no error."""
        if self.exists(kernel_id):
            await ensure_async(self._manager.shutdown_kernel(kernel_id, now=True))

    def note_activity(self, kernel_id: str, status_topic: bytes) -> None:
        """Note that a kernel is at work, and spare the server reading all that it prints.

        Jupyter Server reads every output of every kernel on the event loop, only to note the time.
        Where the states come under a topic of their own, it is given nothing but these.
        """
        if not self.exists(kernel_id):
            return
        kernel = self._manager.get_kernel(kernel_id)
        if hasattr(kernel, "last_activity"):
            self._manager.last_kernel_activity = kernel.last_activity = datetime.now(UTC)
        watched = getattr(kernel, "_activity_stream", None)
        if status_topic.startswith(_STATES) and watched not in {None, self._spared.get(kernel)}:
            self._spared[kernel] = watched
            watched.socket.setsockopt(zmq.SUBSCRIBE, _STATES)
            watched.socket.setsockopt(zmq.UNSUBSCRIBE, b"")

    async def ending(self, kernel_id: str) -> Ending:
        """Return how the process of a kernel ended, as far as somebody knows."""
        if self.exists(kernel_id):
            provisioner: Any = getattr(self._manager.get_kernel(kernel_id), "provisioner", None)
            if isinstance(provisioner, ProjectProvisioner):
                return await provisioner.ending()
        return Ending(None)

    def forget_failed_starts(self) -> None:
        """Let the manager forget kernels that could not be started.

        Until jupyter_client 8.10 it keeps them as "starting", and then fails to shut down the
        others: the server would not end after somebody asked for a kernel that is missing.
        """
        starting: dict[str, Any] = getattr(self._manager, "_pending_kernels", {})
        for kernel_id, start in list(starting.items()):
            if start.done() and not self.exists(kernel_id):
                del starting[kernel_id]

    def _kernel(self, kernel_id: str) -> Any:
        if not self.exists(kernel_id):
            raise KernelNotFoundError(kernel_id)
        return self._manager.get_kernel(kernel_id)

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
