"""Has Jupyter Server take its kernels from the pool, whoever starts them (syncdoc-jupyter §5).

Kernels are started by a provisioner of ours, which is Jupyter's own place for that. Where an
administrator or a kernel names another one, or kernels run behind a gateway, nothing changes.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_server.gateway.managers import GatewayMappingKernelManager

from ..kernels.launching import FILENAME_VARIABLE, SESSION_VARIABLE
from ..kernels.pool.pool import KernelPool
from ..kernels.pool.provisioner import PooledProvisioner
from ..kernels.pool.settings import PoolSettings
from ..kernels.pool.warm_kernel import WarmKernel, launch_warm_kernel

__all__ = ["PROVISIONER", "ServerKernelPool", "notebook_path"]

_log = logging.getLogger(__name__)

PROVISIONER: Final = "cocalc-provisioner"
_STOCK: Final = "local-provisioner"


class ServerKernelPool:
    """The part of the server that keeps kernels ready."""

    def __init__(self, manager: Any, settings: PoolSettings) -> None:
        self._manager = manager
        specs = manager.kernel_spec_manager
        self._pool: KernelPool[WarmKernel] = KernelPool(
            settings, lambda key: launch_warm_kernel(key, specs)
        )
        self._factory = KernelProvisionerFactory.instance(parent=manager.parent)
        self._installed = False

    async def start(self) -> None:
        """Start kernels by our provisioner from now on."""
        chosen = self._factory.default_provisioner_name
        if chosen != _STOCK or isinstance(self._manager, GatewayMappingKernelManager):
            _log.info("kernels are started by %s; none is kept ready", chosen)
            return
        find_path = partial(notebook_path, home=Path(self._manager.root_dir))
        make = partial(PooledProvisioner, pool=self._pool, notebook_path=find_path)
        self._factory.provisioners[PROVISIONER] = _Entry(make)  # type: ignore[assignment]  # it is used like one
        self._factory.default_provisioner_name = PROVISIONER
        self._installed = True
        await self._pool.start()

    async def stop(self) -> None:
        """End the kernels that nobody took; running ones stay as they are. Idempotent."""
        if self._installed:
            self._installed = False
            self._factory.default_provisioner_name = _STOCK
            self._factory.provisioners.pop(PROVISIONER, None)
        await self._pool.stop()

    async def processes(self) -> list[dict[str, Any]]:
        """Return ``{pid, connectionFile, kernel_name}`` of the kernels that nobody took."""
        return [kernel.process for kernel in self._pool.ready() if kernel.is_alive()]

    async def stop_kernel(self, pid: int) -> bool:
        """End a kernel that nobody took at once; False if there is none with this process."""
        for kernel in self._pool.ready():
            if kernel.is_alive() and kernel.process["pid"] == pid:
                await kernel.provisioner.kill()
                self._pool.discard(kernel)
                return True
        return False


class _Entry:
    """What the factory keeps for each provisioner; an entry point has the same attributes."""

    name = PROVISIONER
    value = f"{PooledProvisioner.__module__}:{PooledProvisioner.__name__}"

    def __init__(self, make: Callable[..., PooledProvisioner]) -> None:
        self._make = make

    def load(self) -> Callable[..., PooledProvisioner]:
        return self._make


def notebook_path(env: dict[str, str], home: Path) -> str | None:
    """Return the path of a kernel's notebook, relative to the project's home if it is there."""
    session = env.get(SESSION_VARIABLE, "")
    if not session or session.endswith("/"):
        return env.get(FILENAME_VARIABLE)
    path = Path(session)
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
