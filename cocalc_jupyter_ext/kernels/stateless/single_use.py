"""A kernel that runs one request and is then gone (syncdoc-jupyter §6.1).

It works in a temporary folder of its own, under limits of the operating system.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        self._is_ending = False

    @classmethod
    async def start(
        cls,
        name: str,
        ulimit: str,
        on_made: Callable[["SingleUseKernel"], object] = lambda _kernel: None,
    ) -> "SingleUseKernel":
        """Start a kernel and let it run something empty, so that the next code is fast.

        ``on_made`` is told of it as soon as there is something to end. Raises what starting a
        kernel raises.
        """
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="cocalc-stateless-")
        single = cls(kernel(name, cwd=folder, ulimit=ulimit), folder)
        on_made(single)
        try:
            await single._kernel.run_code("")
        except BaseException:
            await single.close()
            raise
        return single

    @property
    def is_usable(self) -> bool:
        """Whether the process lives."""
        return self._kernel.state == "running" and not self._is_ending

    @property
    def process(self) -> dict[str, Any] | None:
        """``{pid, connectionFile, kernel_name}``; None unless it has one that stays."""
        pid = None if self._is_ending else self._kernel.pid
        if pid is None:
            return None
        file = self._kernel.connection_file or ""
        return {"pid": pid, "connectionFile": file, "kernel_name": self._kernel.name}

    async def kill(self) -> None:
        """End the process group at once; what runs in it fails. ``close`` is needed still."""
        self._is_ending = True
        await self._kernel.signal("SIGKILL")

    async def run(self, request: Request, received_ms: float) -> list[Output]:
        """Run a request; return what its input puts out.

        Raises ``KernelDiedError``, ``TotalTimeError``.
        """
        limits = request.limits
        clock = _Clock(limits, received_ms)
        collected = Collected(limits.max_chars, limits.notice)
        if request.path is not None:
            await self._chdir(request.path, collected)
        if request.history:
            await self._execute("\n".join(request.history), clock, Collected(0, limits.notice))
        await self._execute(request.input, clock, collected)
        clock.check_total()
        return collected.outputs

    async def close(self) -> None:
        """End the kernel and remove its folder; idempotent."""
        self._is_ending = True
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
        if self._limits.timeout_ms is None:
            return self._limits.timeout_ms_per_cell
        left_ms = self._left_ms(self._limits.timeout_ms)
        if left_ms <= 0:
            raise TotalTimeError(self._limits.timeout_ms)
        return min(left_ms, self._limits.timeout_ms_per_cell)

    def check_total(self) -> None:
        """Raise ``TotalTimeError`` if the code has ended because the total time was over.

        Where both limits are alike and nobody says since when the total counts, it was the limit
        of the cell, whose interrupt is no error (§6.1).
        """
        limits = self._limits
        if limits.timeout_ms is None:
            return
        counts = limits.start_time is not None or limits.timeout_ms < limits.timeout_ms_per_cell
        if counts and self._left_ms(limits.timeout_ms) <= 0:
            raise TotalTimeError(limits.timeout_ms)

    def _left_ms(self, total_ms: float) -> float:
        return self._started_ms + total_ms - time.time() * 1000
