"""A kernel for scripts: ``kernel(name=..., path=...)`` (syncdoc-jupyter §4, §15).

``off -> spawning -> starting -> running -> closed``; ``failed`` when it could not be started or
its process ended. It starts when it is first needed. Code waits in a queue, one piece runs at a
time; an error empties the queue unless the execution says otherwise.
"""

import asyncio
import logging
import signal as signals
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias
from weakref import WeakValueDictionary

from ...conat.signals import Signal
from ..errors import KernelUnreachableError, NoKernelChosenError
from ..kernel import KernelTimes
from ..overflow import Overflow
from ..startup_code import chdir_code
from ..usage import KernelUsage, UsageMeter
from .code_queue import CodeQueue, Work
from .conversation import Conversation
from .errors import KernelClosedError, KernelDiedError
from .execution import MAX_OVERFLOW_CHARS, Execution, Message, Stdin, is_done
from .host import LocalKernels, StartingHost
from .process import KernelProcess
from .progress import Grace, late_s

__all__ = ["Kernel", "KernelState", "kernel"]

_log = logging.getLogger(__name__)

KernelState: TypeAlias = Literal["off", "spawning", "starting", "running", "closed", "failed"]

START_TIMEOUT_S: Final = 120.0
QUESTION_TIMEOUT_S: Final = 60.0
_LAST_OUTPUTS_S: Final = 0.1

_started: WeakValueDictionary[str, "Kernel"] = WeakValueDictionary()
"""The object that was started last for each path."""


def kernel(
    name: str | None = None,
    path: str | None = None,
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    ulimit: str = "",
    host: StartingHost | None = None,
) -> "Kernel":
    """Return a kernel object, which starts nothing yet; close it, or use it in ``async with``.

    ``path`` is the notebook: the kernel works in its folder (or in ``cwd``), and an object that
    was there for this path is closed when the new one starts. ``ulimit`` are options of the
    shell's ``ulimit``. Without a ``host`` the kernel is a process of this one; with a server's
    host, JupyterLab sees it as the notebook's kernel.
    """
    if host is None:
        times = KernelTimes(connect_s=START_TIMEOUT_S, dead_s=0.0)  # nobody starts it again
        made = Kernel(name, path, cwd=cwd, env=env, host=LocalKernels(ulimit=ulimit), times=times)
        made.ends_host = True
    else:
        made = Kernel(name, path, cwd=cwd, env=env, host=host)
    return made


class Kernel:
    """One kernel of a script; the signals tell what happens to it."""

    ends_host = False

    def __init__(
        self,
        name: str | None,
        path: str | None,
        *,
        host: StartingHost,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        times: KernelTimes | None = None,
        grace: Grace | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.state_changed: Signal[[KernelState]] = Signal("state")
        self.running: Signal[[]] = Signal("running")
        self.failed: Signal[[str]] = Signal("failed")
        self.closed: Signal[[]] = Signal("closed")
        self.kernel_error: Signal[[str]] = Signal("kernel error")
        self.usage: Signal[[KernelUsage]] = Signal("usage")
        self._host = host
        self._cwd = cwd if cwd is not None or path is None else _folder_of(path)
        self._env = dict(env or {})
        self._process = KernelProcess(host, times or KernelTimes(connect_s=START_TIMEOUT_S))
        self._talk = Conversation(grace or Grace(), self._on_lost)
        self.shell = self._talk.shell
        self.iopub = self._talk.iopub
        self.stdin = self._talk.stdin
        self._state: KernelState = "off"
        self._info: dict[str, Any] | None = None
        self._spawning = asyncio.Lock()
        self._queue = CodeQueue(Work(self._run, self._interrupt, self._kill))
        self._overflow = Overflow()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def state(self) -> KernelState:
        """Where in its life the kernel is."""
        return self._state

    @property
    def kernel_id(self) -> str | None:
        """The id in the kernel manager, once there is a process."""
        return self._process.kernel_id

    @property
    def pid(self) -> int | None:
        """The process of the kernel, if it is on this machine."""
        return self._process.pid

    @property
    def connection_file(self) -> str | None:
        """The file that says where the kernel listens, once there is a process."""
        return self._process.connection_file

    # Life

    async def spawn(self) -> None:
        """Start the kernel, unless it runs; returns when it answers.

        Raises ``KernelClosedError``, ``NoKernelChosenError`` without a name,
        ``KernelSpecNotFoundError``, ``KernelDiedError`` with its last words,
        ``KernelUnreachableError``, ``OSError``.
        """
        async with self._spawning:
            if self._state in {"running", "closed"}:
                self._check_open()
                return
            try:
                await self._start()
            except Exception as error:
                await self._fail(str(error))
                raise

    async def close(self) -> None:
        """End the kernel and everything that waits for it; idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="closing a kernel")
        await asyncio.shield(self._closing)

    async def signal(self, name: str) -> None:
        """Send a signal such as ``SIGINT`` to the kernel's process group.

        An interrupt also drops what waits in the queue. Without a process nothing happens; an
        unknown name is a ``ValueError``.
        """
        number = _signal_number(name)
        if not self._process.is_there:
            return
        if number == signals.SIGINT:
            self._queue.drop()
            await self._process.interrupt()
        else:
            await self._process.signal(number)

    # Running

    def execute_code(
        self,
        code: str,
        *,
        id: str = "",  # noqa: A002 - the name in the contract
        halt_on_error: bool = True,
        stdin: Stdin | None = None,
        timeout_ms: float | None = None,
    ) -> Execution:
        """Queue code and return its execution at once; starts the kernel when needed.

        Raises ``KernelClosedError``.
        """
        execution = Execution(
            code,
            id=id,
            halt_on_error=halt_on_error,
            stdin=stdin,
            timeout_ms=timeout_ms,
            overflow=self._overflow.begin(id, MAX_OVERFLOW_CHARS),
        )
        self._check_open()
        self._queue.add(execution)
        return execution

    async def run_code(self, code: str, **options: Any) -> list[Message]:
        """Run code and return all its messages, without the last item of ``execute_code``."""
        execution = self.execute_code(code, **options)
        return [message async for message in execution if not is_done(message)]

    def more_output(self, id: str) -> list[dict[str, Any]]:  # noqa: A002 - the name in the contract
        """Return the end of what the latest execution with this id has left out."""
        return self._overflow.outputs(id)

    async def chdir(self, path: str) -> None:
        """Change the kernel's folder, before anything that waits in the queue.

        Raises ``LookupError`` for a language that cannot, ``NotADirectoryError`` if the kernel
        says that it did not work.
        """
        await self.spawn()
        assert self.name is not None  # noqa: S101 - it was started by this name
        code = chdir_code(await self._host.language(self.name), path)
        if not code:
            return
        execution = Execution(code, halt_on_error=False, silent=True)
        self._check_open()
        self._queue.add(execution, first=True)
        errors = [m["content"] async for m in execution if m.get("msg_type") == "error"]
        if errors:
            raise NotADirectoryError(f"{errors[0].get('ename')}: {errors[0].get('evalue')}")
        # R's kernel does not say that silent code has failed.
        is_here = self.pid is not None and Path(path).is_absolute()
        if is_here and not await asyncio.to_thread(Path(path).is_dir):
            raise NotADirectoryError(f"there is no folder {path}")

    # Asking

    async def kernel_info(self) -> dict[str, Any]:
        """Return what the kernel says of itself; it is asked once."""
        if self._info is None:
            self._info = await self._ask("kernel_info_request", {})
        return self._info

    async def complete(self, code: str, cursor_pos: int | None = None) -> dict[str, Any]:
        """Return completions; positions count code points, the default is the end.

        Raises ``ValueError`` for empty code, ``KernelUnreachableError`` if a busy kernel does not
        answer in time.
        """
        return await self._ask("complete_request", _at_cursor(code, cursor_pos))

    async def introspect(
        self, code: str, cursor_pos: int | None = None, detail_level: int = 0
    ) -> dict[str, Any]:
        """Return documentation, with ``detail_level`` 1 the source; raises like ``complete``."""
        level = min(max(detail_level, 0), 1)
        content = _at_cursor(code, cursor_pos) | {"detail_level": level}
        return await self._ask("inspect_request", content)

    async def _ask(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        await self.spawn()
        try:
            return await self._talk.ask(kind, content, QUESTION_TIMEOUT_S)
        except TimeoutError as error:
            why = f"it has not answered within {QUESTION_TIMEOUT_S:g} s, perhaps because it is busy"
            raise KernelUnreachableError(self.kernel_id or "", why) from error
        except ConnectionError as error:
            raise KernelUnreachableError(self.kernel_id or "", "it ended") from error

    # The process

    async def _run(self, execution: Execution) -> bool:
        if execution.is_over:
            return False
        await self.spawn()
        try:
            return await self._talk.run(execution)
        except ConnectionError:
            raise KernelDiedError(await self._process.ending()) from None

    async def _interrupt(self) -> None:
        if self._process.is_there:
            await self._process.interrupt()

    async def _kill(self) -> None:
        await self.signal("SIGKILL")

    async def _start(self) -> None:
        await self._replace_previous()
        if self.name is None:
            raise NoKernelChosenError
        self._set_state("spawning")
        await self._process.launch(self.name, path=self.path, cwd=self._cwd, env=self._env)
        self._check_open()
        self._set_state("starting")
        link = await self._process.connect(self._talk)
        if self._closing is not None:
            await link.close()
            raise KernelClosedError
        self._talk.use(link, late_s(await self._host.language(self.name)))
        self._set_state("running")
        self._spawn_task(self._watch_usage())

    async def _replace_previous(self) -> None:
        """Close the object that has this path: one at a time."""
        if self.path is None:
            return
        previous = _started.get(self.path)
        _started[self.path] = self
        if previous is not None and previous is not self:
            await previous.close()

    async def _fail(self, text: str) -> None:
        """Say that the kernel could not be started; it may be tried again."""
        await self._process.end()
        if self._closing is None:
            self._set_state("failed")
            self.kernel_error.emit(text)
            self.failed.emit(text)

    def _on_lost(self) -> None:
        if self._closing is None:
            self._spawn_task(self._die())

    async def _die(self) -> None:
        """Tell how the process ended, end all code with that, and close."""
        await asyncio.sleep(_LAST_OUTPUTS_S)
        self._talk.on_messages()
        error = KernelDiedError(await self._process.ending())
        if self._closing is not None:
            return
        self._queue.end_all(error)
        self._set_state("failed")
        self.kernel_error.emit(str(error))
        self.failed.emit(str(error))
        self._closing = asyncio.create_task(self._close(), name="closing a kernel that ended")

    async def _close(self) -> None:
        await self._queue.close()
        await self._talk.close()
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._process.end()
        if self.ends_host:
            await self._host.close()
        self._set_state("closed")
        self.closed.emit()

    async def _watch_usage(self) -> None:
        """Measure while somebody wants to know."""
        meter = UsageMeter()
        while self.pid is not None:
            if len(self.usage) and (found := await meter.measure(self.pid)) is not None:
                self.usage.emit(found)
            await asyncio.sleep(meter.interval_s)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise KernelClosedError

    def _set_state(self, state: KernelState) -> None:
        if state != self._state:
            self._state = state
            self._info = None
            self.state_changed.emit(state)
            if state == "running":
                self.running.emit()

    def _spawn_task(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name="kernel of a script")
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Something went wrong with a kernel", exc_info=error)


def _folder_of(path: str) -> str:
    return str((Path.home() / path).parent)


def _at_cursor(code: str, cursor_pos: int | None) -> dict[str, Any]:
    if not code:
        raise ValueError("there is no code at the cursor")
    return {"code": code, "cursor_pos": len(code) if cursor_pos is None else cursor_pos}


def _signal_number(name: str) -> int:
    try:
        return signals.Signals[name]
    except KeyError:
        raise ValueError(f"{name!r} is not the name of a signal, such as SIGINT") from None
