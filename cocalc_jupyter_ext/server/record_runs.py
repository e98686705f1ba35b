"""Lets CoCalc clients run cells on the server's kernels, and see every run."""

from typing import Any

from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.notebook import NotebookDocument
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
        self._runs: dict[NotebookDocument, RecordRuns] = {}
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

        runs = RecordRuns(document, start_run)
        self._runs[live] = runs
        runs.start()
        return _Accompanied(self._runs, live, runs)

    def _on_progress(self, document: NotebookDocument, cell_id: str, state: CellState) -> None:
        runs = self._runs.get(document)
        if runs is not None:
            runs.progress(cell_id, state)


class _Accompanied:
    """Forgets the runs of a notebook when they end."""

    def __init__(
        self, runs: dict[NotebookDocument, RecordRuns], live: LiveDocument, own: RecordRuns
    ) -> None:
        self._runs = runs
        self._live = live
        self._own = own

    async def close(self) -> None:
        self._runs.pop(self._live, None)
        await self._own.close()
