"""What CoCalc clients read of a notebook's kernel, kept true (syncdoc-jupyter §3.2, §3.4, §4.4).

Only the project may say how the kernel is: what somebody else writes, for instance by going back
to an old version, is set right again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..documents.syncdoc.records import Records
from ..documents.syncdoc.sync_document import SyncDocument

__all__ = ["KernelState", "NotebookKernel", "RecordKernel"]

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
ERROR_SHOWN_S: Final = 3.0
"""An error is shown until the kernel has run for so long (§3.4)."""
CLOCKS_DIFFER_S: Final = 0.05
DIED_AGAIN: Final = (
    "The kernel dies again and again, and is not started any more. Look at what it says, then "
    "restart it or choose another one."
)
_SETTINGS: Final = {"type": "settings"}


@dataclass(frozen=True, slots=True)
class KernelState:
    """How far a kernel is (``ready``, ``spawning``, ``starting``, ``running``), and what it does.

    ``name`` is that of its specification, if there is one; ``connection_file`` its absolute path,
    for those who want to attach a console.
    """

    backend: str = "ready"
    execution: str = "idle"
    name: str | None = field(default=None, compare=False)
    connection_file: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotebookKernel:
    """The kernel of one notebook: how to look at it, and how to end it for one of another name."""

    look: Callable[[], Awaitable[KernelState]]
    replace: Callable[[str], Awaitable[None]]


class RecordKernel:
    """Tells in the records how the kernel is, and ends it when another one is chosen."""

    def __init__(
        self,
        document: SyncDocument[Records],
        kernel: NotebookKernel,
        *,
        clock: Callable[[], float] = time.time,
        look_every_s: float = LOOK_EVERY_S,
        error_shown_s: float = ERROR_SHOWN_S,
    ) -> None:
        self._document = document
        self._kernel = kernel
        self._clock = clock
        self._look_every_s = look_every_s
        self._error_shown_s = error_shown_s
        self._running_since: float | None = None
        self._running_name: str | None = None
        self._until_cleared: asyncio.TimerHandle | None = None
        self._began_unseen = False
        self._due = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._disconnect = document.changes.connect(self._look_at_change)

    def start(self) -> None:
        """Tell that the notebook is loaded, and begin to follow its kernel."""
        self._document.editable().delete({"type": "nbconvert"})
        self._document.editable().set({**_SETTINGS, "kernel_usage": {"memory": 0, "cpu": 0}})
        self.tell_loaded()
        self._watcher = asyncio.create_task(self._watch(), name="kernel of a notebook")

    def look_soon(self) -> None:
        """Look at the kernel now: something has probably changed."""
        self._due.set()

    def runs_code(self) -> None:
        """Tell soon that the kernel runs since now: a cell is about to say that it began.

        Clients count the cells that began since then, so it must not seem to be later (§4.3).
        """
        if self._settings().get("backend_state") != "running":
            now_ms = round(self._clock() * 1000)
            asyncio.get_running_loop().call_soon(self._tell_running, now_ms)

    def tell_loaded(self) -> None:
        """Tell that the notebook is what its file holds, read just now (§3.2, §3.4)."""
        now_ms = round(self._clock() * 1000)
        self._document.editable().set({"type": "file", "last_load": now_ms})
        self._document.editable().delete({"type": "fatal"})
        self._set({"last_ipynb_save": now_ms})

    def tell_saved(self, modified_ms: int) -> None:
        """Tell when the file was written that was saved last (§3.4, §4.9)."""
        if self._settings().get("last_ipynb_save") != modified_ms:
            self._set({"last_ipynb_save": modified_ms})

    def tell_error(self, reason: str) -> None:
        """Tell everybody what is wrong with the kernel."""
        self._began_unseen = False
        self._running_since = None
        self._set({"kernel_error": reason})
        self.look_soon()

    async def close(self) -> None:
        """Stop following the kernel; calling it again does nothing."""
        self._disconnect()
        if self._until_cleared is not None:
            self._until_cleared.cancel()
        tasks = [*self._ending, *([self._watcher] if self._watcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watcher = None

    async def _watch(self) -> None:
        while True:
            try:
                self._tell(await self._kernel.look())
            except Exception:  # noqa: BLE001 - logged; the next look may succeed
                _log.exception("the kernel of a notebook cannot be looked at")
            self._due.clear()
            try:
                async with asyncio.timeout(self._look_every_s):
                    await self._due.wait()
            except TimeoutError:
                continue

    def _tell(self, state: KernelState) -> None:
        """Write what is not what the records say."""
        self._running_name = state.name
        if state.backend != "starting":
            self._began_unseen = False
        elif self._began_unseen:
            return  # whoever looks hears later than the runner that the kernel has started
        known = self._settings()
        fields: dict[str, Any] = {}
        if known.get("backend_state") != state.backend:
            fields["backend_state"] = state.backend
            fields["last_backend_state"] = round(self._clock() * 1000)
        if known.get("kernel_state") != state.execution:
            fields["kernel_state"] = state.execution
        if state.connection_file and known.get("connection_file") != state.connection_file:
            fields["connection_file"] = state.connection_file
        if self._has_run_for_long(state) and known.get("kernel_error"):
            fields["kernel_error"] = ""
        if state.execution == "dead" and not known.get("kernel_error"):
            fields["kernel_error"] = DIED_AGAIN
        if fields:
            self._set(fields)

    def _tell_running(self, since_ms: int) -> None:
        if self._settings().get("backend_state") != "running":
            self._began_unseen = True
            fields = {"backend_state": "running", "last_backend_state": since_ms}
            self._set({**fields, "kernel_state": "busy"})

    def _has_run_for_long(self, state: KernelState) -> bool:
        if state.backend != "running":
            self._running_since = None
            return False
        if self._running_since is None:
            self._running_since = self._clock()
            loop = asyncio.get_running_loop()
            # A little later: the clock is not that of the loop.
            due_s = self._error_shown_s + CLOCKS_DIFFER_S
            if self._until_cleared is not None:
                self._until_cleared.cancel()
            self._until_cleared = loop.call_later(due_s, self.look_soon)
        return self._clock() - self._running_since >= self._error_shown_s

    def _look_at_change(self, before: Records) -> None:
        """End the kernel when somebody has chosen another one; the next run starts that."""
        old = (before.get_one(_SETTINGS) or {}).get("kernel")
        new = self._settings().get("kernel")
        # A notebook that names none runs in the server's default kernel.
        had = old or self._running_name
        if old != new and had and had != new:
            task = asyncio.create_task(self._end(new or ""), name="end of a replaced kernel")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self.look_soon()

    async def _end(self, new: str) -> None:
        try:
            await self._kernel.replace(new)
        except Exception as error:  # noqa: BLE001 - told to everybody in the notebook
            _log.warning("a kernel that was replaced does not end: %s", error)
            self._set({"kernel_error": f"the previous kernel does not end: {error}"})
        self.look_soon()

    def _set(self, fields: Mapping[str, Any]) -> None:
        self._document.editable().set({**_SETTINGS, **fields})
        self._document.commit()

    def _settings(self) -> Mapping[str, Any]:
        return self._document.value.get_one(_SETTINGS) or {}
