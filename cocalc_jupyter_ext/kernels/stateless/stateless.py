"""Runs code once, in kernels that are kept ready and never used again (syncdoc-jupyter §6.1).

A pool for each kernel name. It is refilled when a request comes, unless memory is short, and
shrinks to one kernel when none comes for long.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol
from weakref import WeakSet

from ..usage import MIN_FREE_BYTES, available_memory_bytes
from .collected import Output
from .policy import delays_s, is_idle, size_of
from .request import PoolOptions, Request, ulimit_of
from .single_use import SingleUseKernel

__all__ = ["LOOK_S", "MAX_CONCURRENT", "StatelessExecution"]

_log = logging.getLogger(__name__)

LOOK_S: Final = 30.0
MAX_CONCURRENT: Final = 10
"""Requests that run at a time; others wait, and their total time limit counts meanwhile."""


class Start(Protocol):
    """Starts a kernel under limits; ``SingleUseKernel.start`` is one."""

    def __call__(
        self, name: str, ulimit: str, on_made: Callable[[SingleUseKernel], object], /
    ) -> Awaitable[SingleUseKernel]:
        """Return it when it is ready; ``on_made`` is told of it before."""
        ...


class StatelessExecution:
    """The pools of one project; ``language`` tells that of a kernel, and that it exists.

    Close it when the project ends.
    """

    def __init__(
        self,
        language: Callable[[str], Awaitable[str]],
        *,
        start: Start = SingleUseKernel.start,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        free_bytes: Callable[[], int] = available_memory_bytes,
    ) -> None:
        self._language = language
        self._start_kernel = start
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._free_bytes = free_bytes
        self._pools: dict[str, _Pool] = {}
        self._kernels: WeakSet[SingleUseKernel] = WeakSet()
        self._running = asyncio.Semaphore(MAX_CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._looking = False

    async def execute(self, request: Request) -> list[Output]:
        """Run a request and return its outputs.

        Raises ``KernelSpecNotFoundError``, ``KernelDiedError`` with the reason,
        ``TotalTimeError``, and what starting a kernel raises.
        """
        received_ms = time.time() * 1000
        name = request.kernel.lower()
        ulimit = ulimit_of(await self._language(name))
        async with self._running:
            kernel = self._take(name, request.pool, ulimit)
            if kernel is None:
                kernel = await self._start_kernel(name, ulimit, self._kernels.add)
            try:
                return await kernel.run(request, received_ms)
            finally:
                self._end(kernel)

    def ready(self, name: str) -> int:
        """Return how many kernels of this name wait for requests."""
        pool = self._pools.get(name.lower())
        return len(pool.kernels) if pool is not None else 0

    def processes(self) -> list[dict[str, Any]]:
        """Return ``{pid, connectionFile, kernel_name}`` of all kernels, ready, busy or starting."""
        found = (kernel.process for kernel in list(self._kernels))
        return [process for process in found if process is not None]

    async def stop_kernel(self, pid: int) -> bool:
        """End a kernel at once, and fail what it runs; False if none has this process."""
        for kernel in list(self._kernels):
            process = kernel.process
            if process is not None and process["pid"] == pid:
                await kernel.kill()
                for pool in self._pools.values():
                    if kernel in pool.kernels:
                        pool.kernels.remove(kernel)
                        self._end(kernel)
                return True
        return False

    async def close(self) -> None:
        """End all kernels; idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in self._pools.values():
            while pool.kernels:
                self._end(pool.kernels.popleft())
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _take(self, name: str, options: PoolOptions, ulimit: str) -> SingleUseKernel | None:
        """Return the oldest kernel that lives, and have the missing ones started."""
        size = size_of(options.size)
        pool = self._pools.get(name)
        if size == 0 and pool is None:
            return None
        if pool is None:
            pool = self._pools[name] = _Pool()
        pool.last_request, pool.timeout_s = self._clock(), options.timeout_s
        kernel = pool.take(self._end) if size > 0 else None
        missing = size - len(pool.kernels) - pool.starting
        for delay_s in delays_s(missing, self._random):
            pool.starting += 1
            self._spawn(self._add_one(pool, name, ulimit, delay_s), self._tasks)
        if not self._looking:
            self._looking = True
            self._spawn(self._shrink(), self._tasks)
        return kernel

    async def _add_one(self, pool: "_Pool", name: str, ulimit: str, delay_s: float) -> None:
        try:
            await self._sleep(delay_s)
            if self._free_bytes() >= MIN_FREE_BYTES:
                pool.kernels.append(await self._start_kernel(name, ulimit, self._kernels.add))
            else:
                _log.info("no %s kernel is started for later requests: memory is short", name)
        except Exception as error:  # noqa: BLE001 - whoever needs one starts it and sees it fail
            _log.warning("No %s kernel could be started for later requests: %s", name, error)
        finally:
            pool.starting -= 1

    async def _shrink(self) -> None:
        while True:
            await self._sleep(LOOK_S)
            now = self._clock()
            for pool in self._pools.values():
                while len(pool.kernels) > 1 and is_idle(now, pool.last_request, pool.timeout_s):
                    self._end(pool.kernels.popleft())

    def _end(self, kernel: SingleUseKernel) -> None:
        self._kernels.discard(kernel)  # nobody is to stop what ends anyway
        self._spawn(kernel.close(), self._ending)

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work, name="stateless execution")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_report)


class _Pool:
    def __init__(self) -> None:
        self.kernels: deque[SingleUseKernel] = deque()
        self.starting = 0
        self.last_request = 0.0
        self.timeout_s = 0.0

    def take(self, end: Callable[[SingleUseKernel], object]) -> SingleUseKernel | None:
        while self.kernels:
            kernel = self.kernels.popleft()
            if kernel.is_usable:
                return kernel
            end(kernel)
        return None


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("Running code once failed", exc_info=error)
