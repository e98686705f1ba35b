"""Runs a notebook from top to bottom in a kernel of its own, within limits (syncdoc-jupyter §9.6).

What goes wrong with the run itself becomes an output of the cell, and the next cell gets a new
kernel; when the time for all is over, the remaining cells are not run, and say so.
"""

import asyncio
import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from ...kernels.errors import KernelsError, KernelSpecNotFoundError
from ...kernels.standalone.execution import is_done
from ...kernels.standalone.kernel import Kernel
from .errors import AssignmentError
from .limits import MAX_OUTPUT, RunLimits
from .outputs import Collected
from .student_version import cell_of_notebook

__all__ = ["MakeKernel", "kernel_of", "run_notebook"]

START_S: Final = 30.0
START_AGAIN_S: Final = 1.0
_SUCCESS: Final = "execute_reply"
"""It comes only of code that has not failed (§15)."""

MakeKernel = Callable[[], Kernel]
"""Returns a kernel that was not started yet."""


def kernel_of(notebook: Mapping[str, Any]) -> str:
    """Return the name of a notebook's kernel; raises AssignmentError where it names none."""
    metadata = notebook.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, Mapping) else None
    name = spec.get("name") if isinstance(spec, Mapping) else None
    if not isinstance(name, str) or not name:
        raise AssignmentError("the notebook names no kernel; choose one, run it once, and save it")
    return name


async def run_notebook(
    notebook: Mapping[str, Any], limits: RunLimits, make_kernel: MakeKernel
) -> dict[str, Any]:
    """Return the notebook with the outputs of its code cells.

    Raises AssignmentError when the kernel does not start within 30 s.
    """
    run = _Run(limits, make_kernel)
    try:
        return await run.all(copy.deepcopy(dict(notebook)))
    finally:
        await run.close()


class _Run:
    """One notebook, one kernel at a time."""

    def __init__(self, limits: RunLimits, make_kernel: MakeKernel) -> None:
        self._limits = limits
        self._make_kernel = make_kernel
        self._kernel: Kernel | None = None
        self._clock = asyncio.get_running_loop().time
        total_s = limits.max_total_time_ms / 1000
        self._left_chars = MAX_OUTPUT
        self._end_s = self._clock() + total_s if total_s else math.inf

    async def all(self, notebook: dict[str, Any]) -> dict[str, Any]:
        for number, cell in enumerate(notebook.get("cells", ())):
            source = cell_of_notebook(cell, number).source
            if cell.get("cell_type") == "code" and source.strip():
                await self._cell(cell, source)
        return notebook

    async def close(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            await kernel.close()

    async def _cell(self, cell: dict[str, Any], source: str) -> None:
        collected = Collected(min(self._limits.output_of_cell, self._left_chars))
        if self._left_s() > 0:
            kernel = await self._started()
            try:
                await self._execute(kernel, source, collected)
            except KernelsError as error:
                await self.close()
                collected.fail(str(error))
        if self._left_s() <= 0:
            total_s = self._limits.max_total_time_ms / 1000
            collected.fail(f"the time for the whole notebook is over ({total_s:g} s)")
        self._left_chars = max(0, self._left_chars - collected.chars)
        cell["outputs"] = [*(cell.get("outputs") or ()), *collected.outputs]
        cell["execution_count"] = collected.execution_count

    async def _execute(self, kernel: Kernel, source: str, collected: Collected) -> None:
        per_cell_ms = self._limits.max_time_per_cell_ms or math.inf
        time_ms = min(per_cell_ms, max(self._left_s(), 0) * 1000)
        execution = kernel.execute_code(
            source, halt_on_error=False, timeout_ms=time_ms if math.isfinite(time_ms) else None
        )
        has_succeeded = False
        async for message in execution:
            if not is_done(message):
                has_succeeded |= message["msg_type"] == _SUCCESS
                collected.take(message["msg_type"], message["content"])
        if not has_succeeded and not collected.has_error:
            collected.fail("the kernel says that the code has failed, without an error as output")

    async def _started(self) -> Kernel:
        if self._kernel is None:
            self._kernel = self._make_kernel()
        give_up_s = self._clock() + START_S
        while True:
            try:
                await self._kernel.spawn()
            except KernelSpecNotFoundError as error:
                raise AssignmentError(str(error)) from error
            except (KernelsError, OSError) as error:
                if self._clock() + START_AGAIN_S > give_up_s:
                    raise AssignmentError(f"the kernel does not start: {error}") from error
                await asyncio.sleep(START_AGAIN_S)
            else:
                return self._kernel

    def _left_s(self) -> float:
        return self._end_s - self._clock()
