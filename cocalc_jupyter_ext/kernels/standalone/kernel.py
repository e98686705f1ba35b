"""A kernel for scripts: ``kernel(name=..., path=...)`` (syncdoc-jupyter §4, §15).

``off -> spawning -> starting -> running -> closed``; ``failed`` when it could not be started or
its process ended. It starts when it is first needed. Code waits in a queue, one piece runs at a
time; an error empties the queue unless the execution says otherwise.
"""

import asyncio
import signal as signals
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ..errors import KernelUnreachableError
from ..kernel import KernelTimes
from ..overflow import Overflow
from ..startup_code import chdir_code
from .execution import MAX_OVERFLOW_CHARS, Execution, Message, Stdin, is_done
from .host import LocalKernels, StartingHost
from .life import KernelLife, KernelState, Launch
from .progress import Grace

__all__ = ["Kernel", "KernelState", "kernel"]

START_TIMEOUT_S: Final = 120.0
QUESTION_TIMEOUT_S: Final = 60.0


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
        local = LocalKernels(ulimit=ulimit)
        return Kernel(name, path, cwd=cwd, env=env, host=local, times=times, ends_host=True)
    return Kernel(name, path, cwd=cwd, env=env, host=host)


class Kernel:
    """One kernel of a script; the signals tell what happens to it.

    With ``ends_host`` closing it closes the host too.
    """

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
        ends_host: bool = False,
    ) -> None:
        self.name = name
        self.path = path
        self._host = host
        folder = cwd if cwd is not None or path is None else _folder_of(path)
        self._life = KernelLife(
            Launch(name, path, folder, dict(env or {})),
            host,
            times=times or KernelTimes(connect_s=START_TIMEOUT_S),
            grace=grace or Grace(),
            ends_host=ends_host,
        )
        self.state_changed = self._life.state_changed
        self.running = self._life.running
        self.failed = self._life.failed
        self.closed = self._life.closed
        self.kernel_error = self._life.kernel_error
        self.usage = self._life.usage
        self.shell = self._life.talk.shell
        self.iopub = self._life.talk.iopub
        self.stdin = self._life.talk.stdin
        self._info: dict[str, Any] | None = None
        self.state_changed.connect(self._forget_info)
        self._overflow = Overflow()

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
        return self._life.state

    @property
    def kernel_id(self) -> str | None:
        """The id in the kernel manager, once there is a process."""
        return self._life.process.kernel_id

    @property
    def pid(self) -> int | None:
        """The process of the kernel, if it is on this machine."""
        return self._life.process.pid

    @property
    def connection_file(self) -> str | None:
        """The file that says where the kernel listens, once there is a process."""
        return self._life.process.connection_file

    # Life

    async def spawn(self) -> None:
        """Start the kernel, unless it runs; returns when it answers.

        Raises ``KernelClosedError``, ``NoKernelChosenError`` without a name,
        ``KernelSpecNotFoundError``, ``KernelDiedError`` with its last words,
        ``KernelUnreachableError``, ``OSError``.
        """
        await self._life.spawn()

    async def close(self) -> None:
        """End the kernel and everything that waits for it; idempotent."""
        await self._life.close()

    async def signal(self, name: str) -> None:
        """Send a signal such as ``SIGINT`` to the kernel's process group.

        An interrupt also drops what waits in the queue. Without a process nothing happens; an
        unknown name is a ``ValueError``.
        """
        number = _signal_number(name)
        if not self._life.process.is_there:
            return
        if number == signals.SIGINT:
            self._life.code.drop()
            await self._life.process.interrupt()
        else:
            await self._life.process.signal(number)

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
        self._life.check_open()
        self._life.code.add(execution)
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
        self._life.check_open()
        self._life.code.add(execution, first=True)
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
            return await self._life.talk.ask(kind, content, QUESTION_TIMEOUT_S)
        except TimeoutError as error:
            why = f"it has not answered within {QUESTION_TIMEOUT_S:g} s, perhaps because it is busy"
            raise KernelUnreachableError(self.kernel_id or "", why) from error
        except ConnectionError as error:
            raise KernelUnreachableError(self.kernel_id or "", "it ended") from error

    def _forget_info(self, _state: KernelState) -> None:
        self._info = None


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
