"""Keeps kernels ready: the shell that starts, hands out and ends what ``policy`` says (§5).

Sections are those of syncdoc-jupyter. Nothing is started while memory is short.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, Protocol, TypeVar

from ..usage import MIN_FREE_BYTES, available_memory_bytes
from .keys import PoolKey
from .policy import Pools
from .remembered import RememberedKey
from .settings import PoolSettings

__all__ = ["MAINTENANCE_S", "KernelPool", "ReadyKernel"]

_log = logging.getLogger(__name__)

MAINTENANCE_S: Final = 30.0


class ReadyKernel(Protocol):
    """A kernel that runs and that nobody uses."""

    def is_usable(self) -> bool:
        """Return whether it is what would be started now, and lives."""
        ...

    def end(self) -> Coroutine[Any, Any, None]:
        """End it; idempotent."""
        ...


K = TypeVar("K", bound=ReadyKernel)


class KernelPool(Generic[K]):
    """The pools of one server; ``launch`` starts a kernel and returns it when it answers."""

    def __init__(
        self,
        settings: PoolSettings,
        launch: Callable[[PoolKey], Awaitable[K]],
        *,
        clock: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[], int] = available_memory_bytes,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._launch = launch
        self._clock = clock
        self._free_bytes = free_bytes
        self._sleep = sleep
        self._pools: Pools[K] = Pools(settings.size, settings.timeout_s)
        self._remembered = RememberedKey(settings.config_file)
        self._remembering = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._running = False

    async def start(self) -> None:
        """Begin to look after the pools; with size 0 nothing happens."""
        if self._settings.size > 0:
            self._running = True
            self._spawn(self._maintain(), self._tasks)

    async def stop(self) -> None:
        """End all kernels that nobody took; idempotent."""
        self._running = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for kernel in self._pools.clear():
            self._spawn(kernel.end(), self._ending)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def take(self, key: PoolKey) -> K | None:
        """Return a kernel that is ready, or None; another one is started in the background.

        Whoever takes it ends it.
        """
        if not self._running:
            return None
        kernel = self._pools.take(key)
        while kernel is not None and not kernel.is_usable():
            self._spawn(kernel.end(), self._ending)
            kernel = self._pools.take(key)
        self._refill(key)
        return kernel

    def ready(self) -> list[K]:
        """Return the kernels that nobody took."""
        return self._pools.ready()

    def discard(self, kernel: K) -> None:
        """End a kernel that nobody took; one that somebody took meanwhile stays."""
        if self._pools.discard(kernel):
            self._spawn(kernel.end(), self._ending)

    async def _maintain(self) -> None:
        while True:
            for kernel in self._pools.expire(self._clock()):
                self._spawn(kernel.end(), self._ending)
            if self._pools.is_empty():
                key = await asyncio.to_thread(self._remembered.read)
                if key is not None:
                    self._refill(key)
            await self._sleep(MAINTENANCE_S)

    def _refill(self, key: PoolKey) -> None:
        if self._pools.begin_refill(key):
            self._spawn(self._start_one(key), self._tasks)

    async def _start_one(self, key: PoolKey) -> None:
        kernel: K | None = None
        try:
            async with self._remembering:  # the kind that was asked for last is written last
                await asyncio.to_thread(self._remembered.write, key)
            await self._sleep(self._settings.launch_delay_s)
            if self._free_bytes() >= MIN_FREE_BYTES:
                kernel = await self._launch(key)
            else:
                _log.info("No %s kernel is started in advance: memory is short", key.name)
        except Exception as error:  # noqa: BLE001 - whoever needs one starts it and sees it fail
            _log.warning("No %s kernel could be started in advance: %s", key.name, error)
        finally:
            self._pools.end_refill(key, kernel, self._clock())
        if kernel is not None:
            self._refill(key)

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work, name="kernel pool")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._on_task_done)

    @staticmethod
    def _on_task_done(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The kernel pool failed", exc_info=error)
