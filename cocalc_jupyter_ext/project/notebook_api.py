"""What CoCalc clients may ask about one open notebook (syncdoc-jupyter §4.9).

There is no function that runs cells: a cell runs because its record says so.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ..kernels.errors import KernelNotFoundError
from ..kernels.stored_values import MAX_STORED, StoredValues
from .dispatch import ApiError, ApiFunction

__all__ = ["NOTEBOOK_FUNCTIONS", "NotebookApi", "NotebookHost"]

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
        content = await self._host.kernel_info()
        return {**content, "nodejs_version": "", "start_time": self._opened_ms}

    async def complete(self, options: object) -> object:
        """Return what the text at the cursor can become."""
        return await self._host.complete(*_code(options))

    async def introspect(self, options: object) -> object:
        """Return the documentation of what is at the cursor."""
        level = options.get("level") if isinstance(options, Mapping) else None
        return await self._host.inspect(*_code(options), 1 if level else 0)

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
        options = options if isinstance(options, Mapping) else {}
        version = options.get("version")
        timeout_s = _timeout_s(options.get("timeout"))
        await self._host.save(version if isinstance(version, int) else None, timeout_s)
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
            raise ApiError(f"store: at most {MAX_STORED} values are kept")
        return None


def _code(options: object) -> tuple[str, int]:
    """Return the code and the position in it, which is its end unless it is given."""
    code = options.get("code") if isinstance(options, Mapping) else None
    if not isinstance(code, str) or not code:
        raise ApiError("the argument must be an object with code, which is not empty")
    position = options.get("cursor_pos") if isinstance(options, Mapping) else None
    return code, position if isinstance(position, int) else len(code)


def _timeout_s(timeout_ms: object) -> float:
    if not isinstance(timeout_ms, int | float) or not math.isfinite(timeout_ms):
        return DEFAULT_SAVE_TIMEOUT_S
    return min(max(timeout_ms / 1000, 0.0), MAX_SAVE_TIMEOUT_S)
