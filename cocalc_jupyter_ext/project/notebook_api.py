"""What CoCalc clients may ask about one open notebook (syncdoc-jupyter §4.9).

There is no function that runs cells: a cell runs because its record says so.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ..kernels.errors import KernelNotFoundError
from ..kernels.stored_values import MAX_STORED, MAX_STORED_CHARS, StoredValues
from .arguments import Arguments
from .concurrency import ConcurrencyLimit
from .dispatch import ApiError, ApiFunction

__all__ = ["MAX_ASKED", "NOTEBOOK_FUNCTIONS", "NotebookApi", "NotebookHost"]

NOTEBOOK_FUNCTIONS: Final = frozenset(
    {
        "signal",
        "save_ipynb_file",
        "kernel_info",
        "more_output",
        "complete",
        "introspect",
        "store",
        "comm",
        "ipywidgetsGetBuffer",
    }
)
"""Every function of the contract, so that a missing one is not called unknown."""

DEFAULT_SAVE_TIMEOUT_S: Final = 15.0
MAX_SAVE_TIMEOUT_S: Final = 300.0
MAX_ASKED: Final = 80
"""Questions to the kernel of one notebook that are open at a time; more are refused."""
_ASKED_AT_ONCE: Final = 20


class NotebookHost(Protocol):
    """The notebook and its kernel, as the functions need them."""

    async def kernel_info(self) -> dict[str, Any]:
        """Start the kernel if there is none; return what it says about itself."""
        ...

    async def complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """Return the kernel's completions."""
        ...

    async def inspect(self, code: str, cursor_pos: int, detail_level: int) -> dict[str, Any]:
        """Return the kernel's documentation."""
        ...

    async def signal(self, name: str) -> None:
        """Interrupt or end the kernel; raises KernelNotFoundError where there is none."""
        ...

    async def save(self, version: int | None, timeout_s: float) -> None:
        """Wait for a version, then write the file; raises what prevents it."""
        ...

    async def more_output(self, cell_id: str) -> list[dict[str, Any]]:
        """Return the messages of a cell that are not in the notebook (§4.6)."""
        ...


class NotebookApi:
    """The functions of one notebook; ``stored`` are the values that clients keep here."""

    def __init__(
        self, host: NotebookHost, opened_ms: int, stored: StoredValues | None = None
    ) -> None:
        self._host = host
        self._opened_ms = opened_ms
        self._stored = stored or StoredValues()
        waiting = MAX_ASKED - _ASKED_AT_ONCE
        self._asking = ConcurrencyLimit(
            "questions to the kernel", running=_ASKED_AT_ONCE, waiting=waiting
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {
            "kernel_info": self.kernel_info,
            "complete": self.complete,
            "introspect": self.introspect,
            "signal": self.signal,
            "save_ipynb_file": self.save,
            "more_output": self.more_output,
            "store": self.store,
        }

    async def kernel_info(self) -> object:
        """Return what the kernel is, and since when the notebook is open."""
        async with self._asking.slot():
            content = await self._host.kernel_info()
        return {**content, "nodejs_version": "", "start_time": self._opened_ms}

    async def complete(self, options: object) -> object:
        """Return what the text at the cursor can become."""
        code, cursor_pos = _code(options)
        async with self._asking.slot():
            return await self._host.complete(code, cursor_pos)

    async def introspect(self, options: object) -> object:
        """Return the documentation of what is at the cursor."""
        code, cursor_pos = _code(options)
        level = Arguments("introspect", options).value("level")
        async with self._asking.slot():
            return await self._host.inspect(code, cursor_pos, _clipped(level, 1, 0))

    async def signal(self, name: object) -> object:
        """Send a signal to the kernel; where there is none, that is no error."""
        if not isinstance(name, str):
            raise ApiError("signal: the argument must be the name of a signal")
        try:
            await self._host.signal(name)
        except KernelNotFoundError:
            return None
        return None

    async def save(self, options: object = None) -> object:
        """Write the file, once the document holds the version that the caller has."""
        arguments = Arguments("save_ipynb_file", options)
        version = arguments.integer("version", None)
        await self._host.save(version, _timeout_s(arguments.value("timeout")))
        return None

    async def more_output(self, cell_id: object) -> object:
        """Return the messages that a cell has beyond those in the notebook."""
        if not isinstance(cell_id, str):
            raise ApiError("more_output: the argument must be the id of a cell")
        return await self._host.more_output(cell_id)

    async def store(self, options: object) -> object:
        """Keep, return or forget a value."""
        if not isinstance(options, Mapping) or not isinstance(options.get("key"), str):
            raise ApiError("store: the argument must be an object with a key")
        key = options["key"]
        if "value" not in options:
            return self._stored.get(key)
        if not self._stored.set(key, options["value"]):
            size = f"{MAX_STORED_CHARS // 1_000_000} million characters together"
            raise ApiError(f"store: at most {MAX_STORED} values are kept, of {size}")
        return None


def _code(options: object) -> tuple[str, int]:
    """Return the code and the position in it, which is its end unless it is given."""
    code = options.get("code") if isinstance(options, Mapping) else None
    if not isinstance(code, str) or not code:
        raise ApiError("the argument must be an object with code, which is not empty")
    position = options.get("cursor_pos") if isinstance(options, Mapping) else None
    return code, _clipped(position, len(code), len(code))


def _clipped(value: object, largest: int, default: int) -> int:
    """Return a number from 0 to the largest one, or the default for what is not a number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
        return default
    return int(min(max(value, 0), largest))


def _timeout_s(timeout_ms: object) -> float:
    if not isinstance(timeout_ms, int | float) or not math.isfinite(timeout_ms):
        return DEFAULT_SAVE_TIMEOUT_S
    return min(max(timeout_ms / 1000, 0.0), MAX_SAVE_TIMEOUT_S)
