"""The runners of all notebooks: one per document that runs or recently ran cells."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from .errors import EditsMissingError, InputAnsweredError, KernelNotFoundError
from .events import Loss
from .kernel import KernelHost, OpenLink, connect
from .notebook import NotebookDocument
from .outputs import MAX_OUTPUT_CHARS, Output, OutputLimits
from .overflow import Overflow
from .runner import NotebookRunner
from .runner_hooks import RunnerHooks
from .runs import CellState, Run, Runs
from .settings import RunnerSettings

__all__ = ["Edits", "RunRequest", "RunnableDocument", "RunnerRegistry"]

_EDITS_TIMEOUT_S = 5.0

OnProgress = Callable[[NotebookDocument, str, CellState], None]
OnLoss = Callable[[NotebookDocument, Loss, str], None]


class RunnableDocument(NotebookDocument, Protocol):
    """A live notebook as a run request needs it."""

    async def wait_for_edits(self, client_id: int, clock: int, timeout_s: float) -> bool:
        """Wait until the edits of a client have arrived; False if they did not."""


@dataclass(frozen=True, slots=True)
class Edits:
    """The state of the requesting client's document: its Yjs client id and clock."""

    client_id: int
    clock: int


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Cells to run in this order on a kernel."""

    kernel_id: str
    cell_ids: list[str]
    stop_on_error: bool
    edits: Edits | None
    group: str | None = None
    """An error stops all cells of the group; None is this request alone."""
    requested_by: str = ""
    """The name that others see."""


class RunnerRegistry:
    """Owns the runners; close it when the server stops.

    ``open_document`` gives the live notebook of a room id and raises the errors of documents.
    ``on_progress`` is told of every step of every cell, ``on_loss`` of every kernel that was lost;
    ``max_output_chars`` says how much a cell of a notebook may show.
    """

    def __init__(
        self,
        *,
        open_document: Callable[[str], Awaitable[RunnableDocument]],
        host: KernelHost,
        runs: Runs,
        settings: RunnerSettings,
        new_id: Callable[[], str],
        open_link: OpenLink = connect,
    ) -> None:
        self.on_progress: OnProgress = lambda _document, _cell_id, _state: None
        self.on_loss: OnLoss = lambda _document, _loss, _detail: None
        self.max_output_chars: Callable[[NotebookDocument], int] = lambda _: MAX_OUTPUT_CHARS
        self._open_link = open_link
        self._open_document = open_document
        self._host = host
        self._runs = runs
        self._settings = settings
        self._new_id = new_id
        self._runners: dict[str, NotebookRunner] = {}
        # What cells printed outlives their runner, but not their document.
        self._overflows: WeakKeyDictionary[NotebookDocument, Overflow] = WeakKeyDictionary()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, room_id: str, request: RunRequest) -> str:
        """Queue cells and return the id of the run.

        Waits for the text that the client typed before. Raises ``KernelNotFoundError``,
        ``EditsMissingError``, ``CellsNotFoundError``, ``TooManyQueuedError`` and what
        ``open_document`` raises.
        """
        if not self._host.exists(request.kernel_id):
            raise KernelNotFoundError(request.kernel_id)
        document = await self._open_document(room_id)
        hold = document.hold("run request")
        try:
            await self._await_edits(document, request.edits)
            return self._runner(room_id, document).enqueue(
                request.kernel_id,
                request.cell_ids,
                stop_on_error=request.stop_on_error,
                group=request.group,
                requested_by=request.requested_by,
            )
        finally:
            hold.release()

    def get_run(self, run_id: str) -> Run:
        """Return the record of a run; raises ``RunNotFoundError``."""
        return self._runs.get(run_id)

    def answer(self, run_id: str, input_id: str, value: str) -> None:
        """Answer a question of running code.

        Raises ``RunNotFoundError``, and ``InputAnsweredError`` if it waits no more.
        """
        self._runs.get(run_id)
        for runner in self._runners.values():
            if runner.asks(input_id, run_id=run_id):
                runner.answer(value)
                return
        raise InputAnsweredError

    def answer_cell(
        self, document: NotebookDocument, cell_id: str, value: str, input_id: str | None = None
    ) -> None:
        """Answer the question that a cell shows; raises ``InputAnsweredError`` if it waits no more.

        With ``input_id`` it must be that question.
        """
        runner = self.runner_of(document)
        if runner is None or not runner.asks(input_id, cell_id=cell_id):
            raise InputAnsweredError
        runner.answer(value)

    def runner_of(self, document: NotebookDocument) -> NotebookRunner | None:
        """Return who runs the cells of a document, if somebody does."""
        for runner in self._runners.values():
            if runner.document is document:
                return runner
        return None

    def more_output(self, document: NotebookDocument, cell_id: str) -> list[Output]:
        """Return what a cell printed beyond what its notebook shows, as far as it is kept."""
        overflow = self._overflows.get(document)
        return [] if overflow is None else overflow.outputs(cell_id)

    def kernel_interrupted(self, kernel_id: str) -> None:
        """Clear the queues of the notebooks that use this kernel."""
        for runner in self._runners.values():
            if runner.kernel_id == kernel_id:
                runner.interrupted()

    async def close(self) -> None:
        """End all runs visibly; idempotent."""
        for room_id in list(self._runners):
            self._close_later(room_id)
        await asyncio.gather(*self._closing)

    @staticmethod
    async def _await_edits(document: RunnableDocument, edits: Edits | None) -> None:
        if edits is not None and not await document.wait_for_edits(
            edits.client_id, edits.clock, _EDITS_TIMEOUT_S
        ):
            raise EditsMissingError

    def _runner(self, room_id: str, document: RunnableDocument) -> NotebookRunner:
        runner = self._runners.get(room_id)
        if runner is not None and runner.document is not document:
            self._close_later(room_id)
            runner = None
        if runner is None:
            runner = NotebookRunner(
                document=document,
                host=self._host,
                runs=self._runs,
                settings=self._settings,
                new_id=self._new_id,
                on_unused=lambda _: self._close_later(room_id),
                open_link=self._open_link,
                hooks=self._hooks(document),
            )
            self._runners[room_id] = runner
        return runner

    def _hooks(self, document: NotebookDocument) -> RunnerHooks:
        return RunnerHooks(
            limits=lambda: OutputLimits(max_chars=self.max_output_chars(document)),
            overflow=self._overflows.setdefault(document, Overflow()),
            on_progress=lambda cell_id, state: self.on_progress(document, cell_id, state),
            on_loss=lambda loss, detail: self.on_loss(document, loss, detail),
        )

    def _close_later(self, room_id: str) -> None:
        runner = self._runners.pop(room_id, None)
        if runner is not None:
            task = asyncio.create_task(runner.close(), name="close notebook runner")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
