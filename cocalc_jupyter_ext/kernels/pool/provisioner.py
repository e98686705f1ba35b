"""Gives kernels that Jupyter starts a process that already runs, where there is one (§5).

Sections are those of syncdoc-jupyter. To Jupyter it is a local kernel like any other: the kernel
manager, its restarts, its culling and its shutdown know no difference. Whatever is unusual about
a launch, or goes wrong with a pooled process, leads to an ordinary start.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any, Final

from jupyter_client.connect import KernelConnectionInfo

from ..provisioner import ProjectProvisioner
from .keys import SET_LATER, PoolKey, is_pooled, key_from_launch
from .pool import KernelPool
from .warm_kernel import KernelNotMovedError, WarmKernel

__all__ = ["PooledProvisioner"]

_log = logging.getLogger(__name__)
_USUAL: Final = {"env", "cwd", "kernel_id", "extra_arguments", "path"}


class PooledProvisioner(ProjectProvisioner):
    """Takes the process of its first start from the pool; later ones are ordinary."""

    def __init__(self, *, pool: KernelPool[WarmKernel], **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool
        self._is_first = True
        self._warm: WarmKernel | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Prepare the launch, with the address of a pooled kernel if there is one."""
        first, self._is_first = self._is_first, False
        cwd = kwargs.get("cwd")
        if cwd is not None:
            await asyncio.to_thread(os.makedirs, cwd, exist_ok=True)
        self._warm = await self._take(kwargs) if first else None
        if self._warm is not None:
            manager: Any = self.parent
            manager.load_connection_info(self._warm.connection_info)
            self.ports_cached = self._warm.provisioner.ports_cached
            self._warm.provisioner.ports_cached = False  # whoever has them gives them back
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Take over the pooled process, or start one."""
        if self._warm is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.adopt(self._warm.provisioner)
        self.cwd = kwargs.get("cwd")
        info: KernelConnectionInfo = self.connection_info
        return info

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of what belonged to the pooled process, as Jupyter does with its own."""
        warm, self._warm = self._warm, None
        if warm is not None:
            await warm.release()
        await super().cleanup(restart=restart)

    async def _take(self, kwargs: dict[str, Any]) -> WarmKernel | None:
        """Return a pooled kernel that was moved to where this one is to be, or None."""
        key = self._key(kwargs)
        kernel = None if key is None else self._pool.take(key)
        if kernel is None:
            return None
        env = self.environment(dict(kwargs.get("env") or os.environ))
        variables: dict[str, str] = {name: env[name] for name in SET_LATER if name in env}
        try:
            await kernel.move(str(kwargs.get("cwd") or Path.cwd()), variables)
        except BaseException as error:
            await kernel.end()
            if not isinstance(error, KernelNotMovedError):
                raise
            _log.warning("A pooled %s kernel was of no use: %s", self.kernel_name, error)
            return None
        return kernel

    def _key(self, kwargs: dict[str, Any]) -> PoolKey | None:
        """Return what to look for in the pool; None if this launch is not an ordinary one."""
        manager: Any = self.parent
        if (
            not is_pooled(self.kernel_name, str(self.kernel_spec.language))
            or set(kwargs) - _USUAL
            or kwargs.get("extra_arguments")
            or manager.transport != "tcp"
            or manager.ip not in {"127.0.0.1", "localhost"}
            or manager.shell_port
            or getattr(manager, "transport_encryption", "disabled") != "disabled"
        ):
            return None
        return key_from_launch(
            self.kernel_name.lower(), kwargs.get("env") or os.environ, os.environ, self.ulimit
        )
