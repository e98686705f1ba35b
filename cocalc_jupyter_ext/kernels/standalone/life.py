"""The life of one kernel object: ``off -> spawning -> starting -> running -> closed`` (§4.4).

Sections are those of syncdoc-jupyter. It is ``failed`` when it could not be started or its process
ended. It starts when it is first needed, and takes its code and its tasks along when it ends.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakValueDictionary

from ...conat.signals import Signal
from ..errors import NoKernelChosenError
from ..kernel import KernelTimes
from ..usage import KernelUsage, UsageMeter
from .code_queue import CodeQueue, Work
from .conversation import Conversation
from .errors import KernelClosedError, KernelDiedError
from .execution import Execution
from .host import StartingHost
from .process import KernelProcess
from .progress import Grace, late_s

__all__ = ["KernelLife", "KernelState", "Launch"]

_log = logging.getLogger(__name__)

KernelState: TypeAlias = Literal["off", "spawning", "starting", "running", "closed", "failed"]

_LAST_OUTPUTS_S: Final = 0.1

_started: WeakValueDictionary[str, "KernelLife"] = WeakValueDictionary()
"""The one that was started last for each path."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started: a kernel by its name, for a notebook or for none, in a folder."""

    name: str | None
    path: str | None = None
    cwd: str | None = None
    env: dict[str, str] = field(default_factory=dict)


class KernelLife:
    """One kernel with its process, its code and what is said; ``close`` ends it all.

    With ``ends_host`` the host is its own, and is closed with it.
    """

    def __init__(
        self,
        launch: Launch,
        host: StartingHost,
        *,
        times: KernelTimes,
        grace: Grace,
        ends_host: bool = False,
    ) -> None:
        self.state_changed: Signal[[KernelState]] = Signal("state")
        self.running: Signal[[]] = Signal("running")
        self.failed: Signal[[str]] = Signal("failed")
        self.closed: Signal[[]] = Signal("closed")
        self.kernel_error: Signal[[str]] = Signal("kernel error")
        self.usage: Signal[[KernelUsage]] = Signal("usage")
        self.state: KernelState = "off"
        self.process = KernelProcess(host, times)
        self.talk = Conversation(grace, self._on_lost)
        self.code = CodeQueue(Work(self._run, self._interrupt, self._kill))
        self._launch = launch
        self._host = host
        self._ends_host = ends_host
        self._spawning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def spawn(self) -> None:
        """Start the kernel, unless it runs; returns when it answers.

        Raises ``KernelClosedError``, ``NoKernelChosenError`` without a name,
        ``KernelSpecNotFoundError``, ``KernelDiedError`` with its last words,
        ``KernelUnreachableError``, ``OSError``.
        """
        async with self._spawning:
            if self.state in {"running", "closed"}:
                self.check_open()
                return
            try:
                await self._start()
            except Exception as error:
                await self._fail(str(error))
                raise

    def check_open(self) -> None:
        """Raise ``KernelClosedError`` if it was closed."""
        if self._closing is not None:
            raise KernelClosedError

    async def close(self) -> None:
        """End the kernel and everything that waits for it; idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="closing a kernel")
        await asyncio.shield(self._closing)

    # What the queue of code needs

    async def _run(self, execution: Execution) -> bool:
        if execution.is_over:
            return False
        await self.spawn()
        try:
            return await self.talk.run(execution)
        except ConnectionError:
            raise KernelDiedError(await self.process.ending()) from None

    async def _interrupt(self) -> None:
        if self.process.is_there:
            await self.process.interrupt()

    async def _kill(self) -> None:
        if self.process.is_there:
            await self.process.kill()

    # From start to end

    async def _start(self) -> None:
        await self._replace_previous()
        launch = self._launch
        if launch.name is None:
            raise NoKernelChosenError
        self._set_state("spawning")
        await self.process.launch(launch.name, path=launch.path, cwd=launch.cwd, env=launch.env)
        self.check_open()
        self._set_state("starting")
        link = await self.process.connect(self.talk)
        if self._closing is not None:
            await link.close()
            raise KernelClosedError
        self.talk.use(link, late_s(await self._host.language(launch.name)))
        self._set_state("running")
        self._spawn_task(self._watch_usage())

    async def _replace_previous(self) -> None:
        """Close the one that has this path: one at a time."""
        path = self._launch.path
        if path is None:
            return
        previous = _started.get(path)
        _started[path] = self
        if previous is not None and previous is not self:
            await previous.close()

    async def _fail(self, text: str) -> None:
        """Say that the kernel could not be started; it may be tried again."""
        await self.process.end()
        if self._closing is None:
            self._set_failed(text)

    def _on_lost(self) -> None:
        if self._closing is None:
            self._spawn_task(self._die())

    async def _die(self) -> None:
        """Tell how the process ended, end all code with that, and close."""
        await asyncio.sleep(_LAST_OUTPUTS_S)
        self.talk.on_messages()
        error = KernelDiedError(await self.process.ending())
        if self._closing is not None:
            return
        self.code.end_all(error)
        self._set_failed(str(error))
        self._closing = asyncio.create_task(self._close(), name="closing a kernel that ended")

    async def _close(self) -> None:
        await self.code.close()
        await self.talk.close()
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.process.end()
        if self._ends_host:
            await self._host.close()
        self._set_state("closed")
        self.closed.emit()

    async def _watch_usage(self) -> None:
        """Measure while somebody wants to know."""
        meter = UsageMeter()
        while self.process.pid is not None:
            if len(self.usage) and (found := await meter.measure(self.process.pid)) is not None:
                self.usage.emit(found)
            await asyncio.sleep(meter.interval_s)

    def _set_failed(self, text: str) -> None:
        self._set_state("failed")
        self.kernel_error.emit(text)
        self.failed.emit(text)

    def _set_state(self, state: KernelState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
            if state == "running":
                self.running.emit()

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="kernel of a script")
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Something went wrong with a kernel", exc_info=error)
