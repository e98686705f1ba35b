"""Lets CoCalc clients run cells on the server's kernels, and see every run."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

from ..documents.blobs.notebook import BlobNotebook
from ..documents.bridge.bridges import Companion
from ..documents.bridge.left_out_outputs import left_out_outputs
from ..documents.document import LiveDocument
from ..documents.notebook_actions.outputs import max_output_length
from ..documents.notebook_records.blobs import BlobSink, Outside
from ..documents.notebook_records.outputs import message_from_output
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.events import BY_RECORDS, Loss
from ..kernels.kernel_queries import KernelQueries
from ..kernels.notebook import NotebookDocument
from ..kernels.outputs import MAX_OUTPUT_CHARS
from ..kernels.record_kernel import NotebookKernel, RecordKernel
from ..kernels.record_runs import RecordRuns
from ..kernels.record_states import Request
from ..kernels.registry import RunnerRegistry, RunRequest
from ..kernels.run_all_loop import RunAllLoop
from ..kernels.run_authors import MAX_PATCHES, asked_by
from ..kernels.runs import CellState
from ..kernels.stored_values import StoredValues
from .kernel_description import KernelDescription
from .notebook_kernels import NotebookKernels

__all__ = ["DocumentRuns"]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"


class DocumentRuns:
    """The runs that the records of open notebooks ask for; ``name_of`` gives names of accounts."""

    def __init__(
        self,
        runners: RunnerRegistry,
        kernels: NotebookKernels,
        queries: KernelQueries,
        name_of: Callable[[str], str],
    ) -> None:
        self._name_of = name_of
        self._runners = runners
        self._kernels = kernels
        self._queries = queries
        self._accompanied: dict[NotebookDocument, _Accompanied] = {}
        self._stored: WeakKeyDictionary[LiveDocument, StoredValues] = WeakKeyDictionary()
        self._paths: WeakKeyDictionary[LiveDocument, str] = WeakKeyDictionary()
        runners.on_progress = self._on_progress
        runners.on_loss = self._on_loss
        runners.max_output_chars = self._max_output_chars

    def stored(self, live: LiveDocument) -> StoredValues:
        """Return what clients keep with a notebook: passwords that running code asks for."""
        return self._stored.setdefault(live, StoredValues())

    def look_soon(self, live: LiveDocument) -> None:
        """Look at a notebook's kernel now: somebody has just done something to it."""
        own = self._accompanied.get(live)
        if own is not None:
            own.kernel.look_soon()

    def tell_saved(self, live: LiveDocument) -> None:
        """Tell when the file of a notebook was written that was saved just now."""
        own, version = self._accompanied.get(live), live.file.meta.file
        modified_ms = None if version is None else version.modified_ms
        if own is not None and modified_ms is not None:
            own.kernel.tell_saved(modified_ms)

    def more_output(self, live: LiveDocument, cell_id: str) -> list[dict[str, Any]]:
        """Return the messages of a cell that its record leaves out (§4.6).

        They are kept outside of the notebook, or are in the file that they come from.
        """
        outputs = self._runners.more_output(live, cell_id)
        if not outputs and (own := self._accompanied.get(live)) is not None:
            outputs = left_out_outputs(live.ydoc, own.document.value, cell_id)
        put = _sink_of(live)
        return [message_from_output(output, put) for output in outputs]

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Begin to run what the records of a notebook ask for."""
        if live.room_id.type != _NOTEBOOK:
            return None

        async def start_run(request: Request, kernel: str | None) -> None:
            await self._start_run(live, own, request, kernel)

        kernel = NotebookKernel(
            look=lambda: self._kernels.look(live.path),
            replace=lambda name: self._kernels.end(live.path, unless_named=name),
        )
        active = _ActiveRuns(self._runners, live, self.stored(live))
        own = _Accompanied(
            document,
            RecordRuns(document, start_run, active),
            RecordKernel(document, kernel),
            RunAllLoop(document, restart=lambda: self._kernels.restart(live.path)),
            KernelDescription(live, self._kernels, self._queries),
        )
        ignore_file = live.file.taken.connect(own.kernel.tell_loaded)
        own.forget = lambda: (ignore_file(), self._accompanied.pop(live, None))
        self._accompanied[live] = own
        path_before, self._paths[live] = self._paths.get(live, live.path), live.path
        own.start(self._kernels.follow_rename(path_before, live.path))
        return own

    async def _start_run(
        self, live: LiveDocument, own: "_Accompanied", request: Request, kernel: str | None
    ) -> None:
        own.kernel.look_soon()
        kernel_id = await self._kernels.ensure(live.path, kernel)
        own.runs.default_kernel = self._kernels.name_of(kernel_id)
        request = own.runs.still_wanted(request)
        wanted = RunRequest(
            kernel_id,
            list(request.cell_ids),
            request.stops_on_error,
            edits=None,
            group=BY_RECORDS,
            requested_by=self._who_asked(own.document, request),
        )
        if wanted.cell_ids:
            await self._runners.run(str(live.room_id), wanted)

    def _who_asked(self, document: SyncDocument[Any], request: Request) -> str:
        """Return the name of who asked for a run; nothing if that is not known."""
        times = islice(reversed(document.graph.times), MAX_PATCHES)
        newest_first = (document.graph.patch(time) for time in times)
        account_id = asked_by(newest_first, document.users, set(request.cell_ids))
        return "" if account_id is None else self._name_of(account_id)

    def _on_progress(self, document: NotebookDocument, cell_id: str, state: CellState) -> None:
        own = self._accompanied.get(document)
        if own is not None:
            if state == "running":
                own.kernel.runs_code()
            own.runs.progress(cell_id, state)
            own.kernel.look_soon()
            if state in {"ok", "error"}:
                self._describe_kernel(own, document)

    def _describe_kernel(self, own: "_Accompanied", document: NotebookDocument) -> None:
        runner = self._runners.runner_of(document)
        if runner is not None and runner.kernel_id is not None:
            own.description.look(runner.kernel_id)

    def _on_loss(self, document: NotebookDocument, loss: Loss, detail: str) -> None:
        own = self._accompanied.get(document)
        if own is None:
            return
        if loss in {Loss.DIED, Loss.NOT_STARTED, Loss.UNREACHABLE, Loss.FAILED}:
            own.kernel.tell_error(f"{loss.message}\n\n{detail}".strip())
        else:
            own.kernel.look_soon()

    def _max_output_chars(self, document: NotebookDocument) -> int:
        own = self._accompanied.get(document)
        return MAX_OUTPUT_CHARS if own is None else max_output_length(own.document.value)


def _sink_of(live: LiveDocument) -> BlobSink:
    if not isinstance(live.ydoc, BlobNotebook):
        return _keep_inline
    return Outside(live.ydoc.blobs.put, live.ydoc.blobs.get)


def _keep_inline(content: bytes) -> None:
    """Keep nothing outside of a document that has no store."""


class _ActiveRuns:
    """What runs in one notebook."""

    def __init__(self, runners: RunnerRegistry, live: LiveDocument, stored: StoredValues) -> None:
        self._runners = runners
        self._live = live
        self._stored = stored

    def active(self) -> set[str]:
        runner = self._runners.runner_of(self._live)
        return runner.active if runner else set()

    def cancel(self, cell_id: str) -> None:
        if runner := self._runners.runner_of(self._live):
            runner.cancel(cell_id)

    def cancel_missing(self) -> None:
        if runner := self._runners.runner_of(self._live):
            runner.cancel_missing()

    def answer(self, cell_id: str, value: str) -> None:
        """Answer a question; the answer of a password was stored before (§3.5)."""
        secret = self._stored.take(cell_id)
        self._runners.answer_cell(self._live, cell_id, value if secret is None else str(secret))


class _Accompanied:
    """The runs and the kernel of one notebook, as its records tell them."""

    forget: Callable[[], object]
    _following: asyncio.Task[None]

    def __init__(
        self,
        document: SyncDocument[Any],
        runs: RecordRuns,
        kernel: RecordKernel,
        loop: RunAllLoop,
        description: KernelDescription,
    ) -> None:
        self.document = document
        self.runs = runs
        self.kernel = kernel
        self.loop = loop
        self.description = description
        self.forget = lambda: None

    def start(self, follow_rename: Coroutine[Any, Any, None]) -> None:
        self._following = asyncio.create_task(follow_rename, name="kernel of a renamed notebook")
        self._following.add_done_callback(self._on_followed)
        self.kernel.start()
        self.runs.start()
        self.loop.start()

    async def close(self) -> None:
        self.forget()
        self._following.cancel()
        await asyncio.wait({self._following})
        await self.loop.close()
        await self.description.close()
        await self.runs.close()
        await self.kernel.close()

    def _on_followed(self, following: asyncio.Task[None]) -> None:
        if following.cancelled():
            return
        if (error := following.exception()) is not None:
            _log.error("a renamed notebook has lost its kernel", exc_info=error)
        self.kernel.look_soon()
