"""Lets CoCalc clients run cells on the server's kernels, and see every run."""

from collections.abc import Callable
from typing import Any

from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.notebook import NotebookDocument
from ..kernels.record_kernel import NotebookKernel, RecordKernel
from ..kernels.record_runs import RecordRuns
from ..kernels.record_states import Request
from ..kernels.registry import RunnerRegistry, RunRequest
from ..kernels.runs import CellState
from .notebook_kernels import NotebookKernels

__all__ = ["DocumentRuns"]

_NOTEBOOK = "notebook"


class DocumentRuns:
    """The runs that the records of open notebooks ask for."""

    def __init__(self, runners: RunnerRegistry, kernels: NotebookKernels) -> None:
        self._runners = runners
        self._kernels = kernels
        self._accompanied: dict[NotebookDocument, _Accompanied] = {}
        runners.on_progress = self._on_progress

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Begin to run what the records of a notebook ask for."""
        if live.room_id.type != _NOTEBOOK:
            return None

        async def start_run(request: Request, kernel: str | None) -> None:
            kernel_id = await self._kernels.ensure(live.path, kernel)
            wanted = RunRequest(
                kernel_id, list(request.cell_ids), request.stops_on_error, edits=None
            )
            await self._runners.run(str(live.room_id), wanted)

        kernel = NotebookKernel(
            look=lambda: self._kernels.look(live.path), end=lambda: self._kernels.end(live.path)
        )
        own = _Accompanied(RecordRuns(document, start_run), RecordKernel(document, kernel))
        own.forget = lambda: self._accompanied.pop(live, None)
        self._accompanied[live] = own
        own.start()
        return own

    def _on_progress(self, document: NotebookDocument, cell_id: str, state: CellState) -> None:
        own = self._accompanied.get(document)
        if own is not None:
            own.runs.progress(cell_id, state)
            own.kernel.look_soon()


class _Accompanied:
    """The runs and the kernel of one notebook, as its records tell them."""

    forget: Callable[[], object]

    def __init__(self, runs: RecordRuns, kernel: RecordKernel) -> None:
        self.runs = runs
        self.kernel = kernel
        self.forget = lambda: None

    def start(self) -> None:
        self.kernel.start()
        self.runs.start()

    async def close(self) -> None:
        self.forget()
        await self.runs.close()
        await self.kernel.close()
