"""A kernel that runs one request and is then gone (syncdoc-jupyter §6.1).

It works in a temporary folder of its own, under limits of the operating system.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from ..standalone.errors import KernelDiedError
from ..standalone.kernel import Kernel, kernel
from .collected import Collected, Output
from .errors import TotalTimeError
from .request import Limits, Request

__all__ = ["SingleUseKernel"]


class SingleUseKernel:
    """One kernel; ``close`` it, whatever became of it."""

    def __init__(self, kernel: Kernel, folder: str) -> None:
        self._kernel = kernel
        self._folder = folder

    @classmethod
    async def start(cls, name: str, ulimit: str) -> "SingleUseKernel":
        """Start a kernel and let it run something empty, so that the next code is fast.

        Raises what starting a kernel raises.
        """
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="cocalc-stateless-")
        single = cls(kernel(name, cwd=folder, ulimit=ulimit), folder)
        try:
            await single._kernel.run_code("")
        except BaseException:
            await single.close()
            raise
        return single

    @property
    def is_usable(self) -> bool:
        """Whether the process lives."""
        return self._kernel.state == "running"

    async def run(self, request: Request, received_ms: float) -> list[Output]:
        """Run a request; return what its input puts out.

        Raises ``KernelDiedError``, ``TotalTimeError``.
        """
        clock = _Clock(request.limits, received_ms)
        collected = Collected(request.limits.max_chars)
        if request.path is not None:
            await self._chdir(request.path, collected)
        if request.history:
            await self._execute("\n".join(request.history), clock, Collected(0))
        await self._execute(request.input, clock, collected)
        return collected.outputs

    async def close(self) -> None:
        """End the kernel and remove its folder; idempotent."""
        try:
            await self._kernel.close()
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _chdir(self, path: str, collected: Collected) -> None:
        folder = str(Path.home() / path)
        try:
            await self._kernel.chdir(folder)
        except (LookupError, NotADirectoryError, KernelDiedError) as error:
            collected.say("stderr", f"The folder could not be changed to '{path}': {error}\n")

    async def _execute(self, code: str, clock: "_Clock", collected: Collected) -> None:
        execution = self._kernel.execute_code(
            code, halt_on_error=False, timeout_ms=clock.timeout_ms()
        )
        async for message in execution:
            if "msg_type" in message:
                collected.add(message)


class _Clock:
    """The time that a request has left."""

    def __init__(self, limits: Limits, received_ms: float) -> None:
        self._limits = limits
        self._started_ms = received_ms if limits.start_time is None else limits.start_time

    def timeout_ms(self) -> float:
        """Return how long the next code may run; raises ``TotalTimeError``."""
        total_ms = self._limits.timeout_ms
        if total_ms is None:
            return self._limits.timeout_ms_per_cell
        left_ms = self._started_ms + total_ms - time.time() * 1000
        if left_ms <= 0:
            raise TotalTimeError(total_ms)
        return min(left_ms, self._limits.timeout_ms_per_cell)
