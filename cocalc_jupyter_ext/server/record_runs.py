"""Lets CoCalc clients run cells on the server's kernels, and see every run."""

import logging
from typing import Any

from jupyter_server.utils import ensure_async

from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.notebook import NotebookDocument
from ..kernels.record_runs import RecordRuns
from ..kernels.record_states import Request
from ..kernels.registry import RunnerRegistry, RunRequest
from ..kernels.runs import CellState

__all__ = ["DocumentRuns"]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"


class DocumentRuns:
    """The runs that the records of open notebooks ask for.

    ``sessions`` is Jupyter Server's session manager, untyped upstream: what runs here is listed
    there, and pages that open the notebook use the same kernel.
    """

    def __init__(self, runners: RunnerRegistry, sessions: Any) -> None:
        self._runners = runners
        self._sessions = sessions
        self._runs: dict[NotebookDocument, RecordRuns] = {}
        runners.on_progress = self._on_progress

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Begin to run what the records of a notebook ask for."""
        if live.room_id.type != _NOTEBOOK:
            return None

        async def start_run(request: Request, kernel: str | None) -> None:
            kernel_id = await self._kernel_of(live.path, kernel)
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

    async def _kernel_of(self, path: str, kernel: str | None) -> str:
        """Return the kernel of the notebook's session; starts one where there is none."""
        if await ensure_async(self._sessions.session_exists(path)):
            session = await ensure_async(self._sessions.get_session(path=path))
        else:
            session = await self._sessions.create_session(
                path=path, name=path.rpartition("/")[2], type=_NOTEBOOK, kernel_name=kernel
            )
            _log.info("started a kernel for %s, because a CoCalc client runs its cells", path)
        return str(session["kernel"]["id"])


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
