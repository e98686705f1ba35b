"""Kernels of scripts that run inside the server: JupyterLab sees them as its own.

``kernel(name, path, host=ScriptKernels(...))`` uses the kernel of the notebook's session, and
starts a session where there is none; without a path the kernel is one of the server's list.
"""

import os
from typing import Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_server.utils import ensure_async

from ..kernels.errors import KernelSpecNotFoundError
from .kernel_host import ServerKernels
from .notebook_kernels import NotebookKernels

__all__ = ["ScriptKernels"]


class ScriptKernels(ServerKernels):
    """Implements ``StartingHost`` on Jupyter Server's managers of kernels and sessions."""

    def __init__(self, manager: Any, notebooks: NotebookKernels) -> None:
        super().__init__(manager)
        self._notebooks = notebooks
        self._paths: dict[str, str] = {}

    async def start(
        self, name: str, *, path: str | None, cwd: str | None, env: dict[str, str]
    ) -> str:
        """Return the kernel of a notebook, or start one that belongs to none.

        ``path`` is relative to the folder that the server serves; its kernel works in the
        notebook's folder and has the server's environment, so ``env`` is refused with
        ``ValueError``. Raises ``KernelSpecNotFoundError``.
        """
        await self.language(name)
        if path is None:
            options = {"cwd": cwd} if cwd is not None else {}
            started = self._manager.start_kernel(
                kernel_name=name, env={**os.environ, **env}, **options
            )
            return str(await ensure_async(started))
        if env:
            raise ValueError(f"the kernel of {path} has the environment of the server")
        kernel_id = await self._notebooks.ensure(path, name)
        self._paths[kernel_id] = path
        return kernel_id

    async def end(self, kernel_id: str) -> None:
        """End a kernel at once, with its session; one that is gone is no error."""
        path = self._paths.pop(kernel_id, None)
        if path is not None and await self._notebooks.find(path) == kernel_id:
            await self._notebooks.end(path)
        await super().end(kernel_id)

    async def language(self, name: str) -> str:
        """Return the language of a kernel; raises ``KernelSpecNotFoundError``."""
        specs = self._manager.kernel_spec_manager
        try:
            spec = await ensure_async(specs.get_kernel_spec(name))
        except NoSuchKernel as error:
            installed = await ensure_async(specs.find_kernel_specs())
            raise KernelSpecNotFoundError(name, sorted(installed)) from error
        return str(spec.language)

    async def close(self) -> None:
        """Do nothing: the kernels are the server's."""
