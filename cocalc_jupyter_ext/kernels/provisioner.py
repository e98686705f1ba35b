"""Starts the processes of kernels on this machine, and remembers how they ended.

A provisioner is Jupyter's own place for that: one object per kernel, through all its restarts.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .endings import Ending
from .launching import (
    FILENAME_VARIABLE,
    kernel_environment,
    with_limits,
    with_parent,
    with_prompt_output,
)
from .process_pipe import ProcessPipe, to_own_stderr, to_own_stdout
from .relaunched import hear_of_relaunched

__all__ = ["ProjectProvisioner"]

_LAST_WORDS_S = 0.5


class ProjectProvisioner(LocalProvisioner):
    """Jupyter's local kernels, with a project's environment, limits and last words.

    ``ulimit`` are options of the shell's ``ulimit``; ``pass_on`` takes what the kernel writes to
    stderr; ``notebook_path`` finds the path of the notebook in a kernel's environment; with
    ``ends_with_us`` the kernel ends even when this process is killed.
    """

    def __init__(
        self,
        *,
        ulimit: str = "",
        ends_with_us: bool = False,
        pass_on: Callable[[bytes], object] = to_own_stderr,
        notebook_path: Callable[[dict[str, str]], str | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ulimit = ulimit
        self._setpriv = which("setpriv") if ends_with_us and sys.platform == "linux" else None
        self._pass_on = pass_on
        self._notebook_path = notebook_path or (lambda env: env.get(FILENAME_VARIABLE))
        self._stderr: ProcessPipe | None = None
        self._exit_code: int | None = None
        self._ended_by_itself: bool | None = None
        self._previous = Ending(None)
        self._launches = 0
        self._hearing: asyncio.Task[None] | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Prepare the launch as Jupyter does, then set the environment of a project's kernel."""
        prepared = await super().pre_launch(**kwargs)
        prepared["env"] = self.environment(prepared["env"])
        return prepared

    def environment(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment of this kernel, made from the one it would have."""
        return kernel_environment(
            env,
            name=self.kernel_name,
            argv=self.kernel_spec.argv,
            path=self._notebook_path(env),
            home=env.get("HOME", ""),
        )

    @property
    def kernel_name(self) -> str:
        """The name of the kernel's specification."""
        return str(getattr(self.parent, "kernel_name", ""))

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the process."""
        self._previous, self._exit_code = await self.ending(), None
        self._ended_by_itself = None
        self._launches += 1
        if _is_our_python(cmd[0]):
            cmd = with_prompt_output(cmd, kwargs.get("env") or os.environ)
        wrapped = with_parent(with_limits(cmd, self.ulimit), self._setpriv)
        if wrapped != cmd:
            _check_exists(cmd[0], kwargs.get("env"))
        stdout = ProcessPipe("stdout", to_own_stdout)
        self._stderr = ProcessPipe("stderr", self._pass_on)
        try:
            return await super().launch_kernel(
                wrapped,
                **{"stdout": stdout.writer, "stderr": self._stderr.writer, **kwargs},
            )
        finally:
            stdout.close_writer()
            self._stderr.close_writer()

    async def post_launch(self, **kwargs: Any) -> None:
        """Find out how a process is that took the place of another one."""
        await super().post_launch(**kwargs)
        if self._launches > 1:
            await self._stop_hearing()
            hearing = hear_of_relaunched(self.parent)
            self._hearing = asyncio.create_task(hearing, name="kernel that was started again")

    def adopt(self, other: "ProjectProvisioner") -> None:
        """Be the provisioner of a process that another one started."""
        self._launches += 1
        self.process, self.pid, self.pgid = other.process, other.pid, other.pgid
        self._stderr, self._exit_code = other._stderr, None  # noqa: SLF001 - of this class

    async def poll(self) -> int | None:
        """Return the exit code of a process that ended, None for one that runs."""
        status = await super().poll()
        if self.process is not None and status is not None:
            self._exit_code = status
        return status

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Notice that Jupyter has asked the process to end, or restarts one that is gone."""
        await self._note_own_end()
        await super().shutdown_requested(restart)

    async def kill(self, restart: bool = False) -> None:
        """End the process at once."""
        await self._note_own_end()
        await super().kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Give ports back as Jupyter does, but not before they are known."""
        await self._stop_hearing()
        if self.connection_info:
            await super().cleanup(restart=restart)

    async def ending(self) -> Ending:
        """Return how the last process ended that did: the one that runs now has not."""
        await self.poll()
        if self._stderr is None or self._exit_code is None:
            return self._previous
        await asyncio.to_thread(self._stderr.wait_until_read, _LAST_WORDS_S)
        return Ending(
            self._exit_code, self._stderr.text, self._launches, self._ended_by_itself is True
        )

    async def _note_own_end(self) -> None:
        """Notice whether the process ended before Jupyter did anything about it."""
        status = await self.poll()
        if self._ended_by_itself is None:
            self._ended_by_itself = status is not None and self.process is not None

    async def _stop_hearing(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing.cancel()
            await asyncio.wait({hearing})


def _is_our_python(program: str) -> bool:
    """Return whether a program is this Python, with the packages that are installed here.

    All virtual environments link to one program, so its folder counts as well.
    """
    path, ours = Path(program), Path(sys.executable)
    return path.parent == ours.parent and path.resolve() == ours.resolve()


def _check_exists(program: str, env: dict[str, str] | None) -> None:
    """Raise what starting a missing program raises, where another one starts it for us."""
    path = None if env is None else env.get("PATH")
    if which(str(Path(program).expanduser()), path=path) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
