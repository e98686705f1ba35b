"""Running code once, and the processes of kernels (hub-project-api §3.2, syncdoc-jupyter §6).

Whoever may call these may run code in the project, so any of its processes may be signalled.
"""

import os
import signal
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from ..kernels.stateless.collected import Output
from ..kernels.stateless.request import Limits, PoolOptions, Request
from .arguments import Arguments
from .concurrency import ConcurrencyLimit
from .dispatch import ApiError, ApiFunction

__all__ = ["MAX_EXECUTING", "Execute", "KernelFunctions", "KernelProcesses", "read_request"]

_EXECUTE: Final = "system.jupyterExecute"
_SIGNAL: Final = "system.signal"
_INIT_PID: Final = 1
MAX_EXECUTING: Final = 60
"""Pieces of code to be run once, those that wait among them; more are refused."""


class Execute(Protocol):
    """Runs a request once."""

    def __call__(self, request: Request) -> Awaitable[list[Output]]:
        """Return what it puts out."""
        ...


class KernelProcesses(Protocol):
    """The kernels that this project has started."""

    async def processes(self) -> list[dict[str, Any]]:
        """Return ``{pid, connectionFile, kernel_name}`` of those that live."""
        ...

    async def stop_kernel(self, pid: int) -> bool:
        """End a kernel and its process group at once; False if there is no such kernel."""
        ...


class KernelFunctions:
    """The functions, on the kernels of one project, whose relative paths begin in ``home``."""

    def __init__(self, kernels: KernelProcesses, execute: Execute, home: Path) -> None:
        self._kernels = kernels
        self._execute = execute
        self._home = home
        self._concurrency = ConcurrencyLimit(
            "pieces of code to run", running=MAX_EXECUTING, waiting=0
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {
            _EXECUTE: self.execute,
            "system.listJupyterKernels": self.list_kernels,
            "system.stopJupyterKernel": self.stop_kernel,
            _SIGNAL: self.signal,
        }

    async def execute(self, options: object) -> object:
        """Run code in a kernel of its own; return its outputs."""
        request = read_request(options, self._home)
        async with self._concurrency.slot():
            return await self._execute(request)

    async def list_kernels(self) -> object:
        """Return the kernels of the project."""
        return await self._kernels.processes()

    async def stop_kernel(self, options: object) -> object:
        """End a kernel by its process id; one that is unknown is no success, and no error."""
        pid = Arguments("system.stopJupyterKernel", options).integer("pid")
        return {"success": await self._kernels.stop_kernel(pid)}

    async def signal(self, options: object) -> object:
        """Send a signal to processes, to all of them; then raise the last failure, if any."""
        arguments = Arguments(_SIGNAL, options)
        number = _signal_number(arguments.value("signal"))
        failure: OSError | None = None
        for pid in _pids(arguments):
            try:
                os.kill(pid, number)
            except OSError as error:
                failure = error
        if failure is not None:
            raise ApiError(f"{_SIGNAL}: {failure.strerror}") from failure
        return None


def read_request(options: object, home: Path) -> Request:
    """Return what is to be run; raises ApiError for what is no such request."""
    arguments = Arguments(_EXECUTE, options)
    path = arguments.path("path", None)
    limits = arguments.mapping("limits", None)
    if limits is not None:
        limits = _numbers(f"{_EXECUTE}: limits", limits)
    pool = Arguments(f"{_EXECUTE}: pool", arguments.mapping("pool", None))
    default = PoolOptions()
    size = pool.value("size")
    return Request(
        kernel=arguments.text("kernel"),
        input=arguments.text("input"),
        history=arguments.texts("history", []),
        path=None if path is None else str(home / path),
        # A size below 0 is allowed, and means that there is no pool.
        pool=PoolOptions(
            size=int(size) if _is_number(size) else default.size,
            timeout_s=pool.number("timeout_s", default.timeout_s),
        ),
        limits=Limits.from_given(limits),
    )


def _numbers(what: str, values: Mapping[str, Any]) -> dict[str, float]:
    arguments = Arguments(what, values)
    return {str(name): arguments.number(str(name)) for name in values if arguments.has(str(name))}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _pids(arguments: Arguments) -> list[int]:
    several = arguments.value("pids")
    found = [*(several if isinstance(several, list | tuple) else []), arguments.value("pid")]
    pids = [pid for pid in found if pid is not None]
    for pid in pids:
        # 0 and negative numbers name whole groups of processes, the server's own among them.
        if not isinstance(pid, int) or isinstance(pid, bool) or pid <= _INIT_PID:
            raise ApiError(f"{_SIGNAL}: {pid!r} is not the id of a process of this project")
    return pids


def _signal_number(value: object) -> int:
    try:
        if isinstance(value, str):
            return int(signal.Signals[value])
        if isinstance(value, int) and not isinstance(value, bool):
            return 0 if value == 0 else int(signal.Signals(value))
    except (KeyError, ValueError) as error:
        raise ApiError(f"{_SIGNAL}: {value!r} is not a signal, such as 2 or SIGINT") from error
    raise ApiError(f"{_SIGNAL}: signal must be the number or the name of a signal")
