"""A kernel that was started in advance: from its launch until it is somebody's (§5).

Sections are those of syncdoc-jupyter. It runs in the home folder; before it is handed over,
start-up code moves it to the notebook's folder and tells it the notebook's name.
"""

import asyncio
import hashlib
import json
import logging
import os
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_core.utils import ensure_dir_exists

from ..channels import ConnectionInfo
from ..errors import KernelSpecNotFoundError
from ..kernel_queries import ask_kernel
from ..launching import SESSION_VARIABLE
from ..provisioner import ProjectProvisioner
from ..startup_code import startup_code
from .keys import PoolKey

__all__ = ["KernelNotMovedError", "WarmKernel", "fingerprint", "launch_warm_kernel"]

_log = logging.getLogger(__name__)

READY_TIMEOUT_S: Final = 60.0
MOVE_TIMEOUT_S: Final = 5.0
_TERMINATE_S: Final = 2.0
_LOOK_S: Final = 0.02


class KernelNotMovedError(RuntimeError):
    """Start-up code did not work; the kernel is of no use to this notebook."""


def fingerprint(spec: Any, base: Mapping[str, str]) -> str:
    """Return what a kernel depends on beside its key: its specification, our environment."""
    said = json.dumps([spec.to_dict(), sorted(base.items())], sort_keys=True)
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()


class WarmKernel:
    """A process that answers; ``end`` it, or ``release`` it after somebody took it over."""

    def __init__(
        self, manager: AsyncKernelManager, provisioner: ProjectProvisioner, made_of: str
    ) -> None:
        self._manager = manager
        self._made_of = made_of
        self.provisioner = provisioner

    @property
    def connection_info(self) -> ConnectionInfo:
        """Where the kernel listens."""
        info: ConnectionInfo = self._manager.get_connection_info()
        return info

    @property
    def process(self) -> dict[str, Any]:
        """``{pid, connectionFile, kernel_name}``."""
        file, name = self._manager.connection_file, self._manager.kernel_name
        return {"pid": self.provisioner.pid, "connectionFile": str(file), "kernel_name": str(name)}

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        process = self.provisioner.process
        return process is not None and process.poll() is None

    def is_usable(self) -> bool:
        """Return whether the process runs and is what would be started now."""
        specs, name = self._manager.kernel_spec_manager, self._manager.kernel_name
        try:
            made_of_now = fingerprint(specs.get_kernel_spec(name), os.environ)
        except NoSuchKernel:
            return False
        return self.is_alive() and self._made_of == made_of_now

    async def move(self, cwd: str, variables: Mapping[str, str]) -> None:
        """Run the start-up code; raises ``KernelNotMovedError``."""
        code = self._startup_code(cwd, variables)
        if not code:
            return
        try:
            reply = await ask_kernel(
                self.connection_info,
                lambda client: client.execute(code, silent=True, allow_stdin=False),
                MOVE_TIMEOUT_S,
            )
        except TimeoutError as error:
            raise KernelNotMovedError("it does not answer") from error
        if reply.get("status") != "ok":
            raise KernelNotMovedError(f"{reply.get('ename')}: {reply.get('evalue')}")

    async def end(self) -> None:
        """End the process, first politely; idempotent."""
        if self.is_alive():
            await self.provisioner.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_TERMINATE_S):
                    while self.is_alive():  # noqa: ASYNC110 - a process tells nobody
                        await asyncio.sleep(_LOOK_S)
            except TimeoutError:
                await self.provisioner.kill()
        await self.provisioner.wait()
        await self.release()

    async def release(self) -> None:
        """Remove the connection file and close our sockets; the process stays. Idempotent."""
        await self._manager.cleanup_resources()

    def _startup_code(self, cwd: str, variables: Mapping[str, str]) -> str:
        language = str(self._manager.kernel_spec.language)  # type: ignore[union-attr]  # it was started
        code = startup_code(language, cwd, variables)
        session = variables.get(SESSION_VARIABLE)
        if session is not None and language.lower().startswith("python"):
            # The kernel read the variable when it started, and gave it to the user's code.
            code += f"\n__session__ = {session!r}"
        return code


async def launch_warm_kernel(
    key: PoolKey, specs: KernelSpecManager, *, cwd: Path | None = None
) -> WarmKernel:
    """Start a kernel and return it when it answers.

    Raises ``KernelSpecNotFoundError``, also for one that is not allowed (any more), and
    ``TimeoutError``, ``OSError``.
    """
    allowed = await asyncio.to_thread(specs.find_kernel_specs)
    if key.name not in allowed:
        raise KernelSpecNotFoundError(key.name, sorted(allowed))
    folder = jupyter_runtime_dir()
    await asyncio.to_thread(ensure_dir_exists, folder, 0o700)
    manager = AsyncKernelManager(
        kernel_name=key.name,
        kernel_spec_manager=specs,
        connection_file=str(Path(folder) / f"kernel-{uuid.uuid4()}.json"),
    )
    provisioner = ProjectProvisioner(
        kernel_spec=manager.kernel_spec, parent=manager, ulimit=key.ulimit, ends_with_us=True
    )
    manager.provisioner = provisioner
    kernel = WarmKernel(manager, provisioner, fingerprint(manager.kernel_spec, os.environ))
    try:
        await manager.start_kernel(env=key.environment(os.environ), cwd=str(cwd or Path.home()))
        await ask_kernel(
            kernel.connection_info, lambda client: client.kernel_info(), READY_TIMEOUT_S
        )
    except BaseException:
        await kernel.end()
        raise
    return kernel
