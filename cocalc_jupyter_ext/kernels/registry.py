"""The runners of all notebooks: one per document that runs or recently ran cells."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from .errors import EditsMissingError, InputAnsweredError, KernelNotFoundError
from .kernel import KernelHost, OpenLink, connect
from .notebook import NotebookDocument
from .runner import NotebookRunner
from .runs import CellState, Run, Runs
from .settings import RunnerSettings

__all__ = ["Edits", "RunRequest", "RunnableDocument", "RunnerRegistry"]

_EDITS_TIMEOUT_S = 5.0

OnProgress = Callable[[NotebookDocument, str, CellState], None]


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


class RunnerRegistry:
    """Owns the runners; close it when the server stops.

    ``open_document`` gives the live notebook of a room id and raises the errors of documents.
    ``on_progress`` is told of every step of every cell.
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
        self._open_link = open_link
        self._open_document = open_document
        self._host = host
        self._runs = runs
        self._settings = settings
        self._new_id = new_id
        self._runners: dict[str, NotebookRunner] = {}
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
                request.kernel_id, request.cell_ids, stop_on_error=request.stop_on_error
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
            if runner.has_question(run_id, input_id):
                runner.answer(run_id, input_id, value)
                return
        raise InputAnsweredError

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
                on_progress=lambda cell_id, state: self.on_progress(document, cell_id, state),
            )
            self._runners[room_id] = runner
        return runner

    def _close_later(self, room_id: str) -> None:
        runner = self._runners.pop(room_id, None)
        if runner is not None:
            task = asyncio.create_task(runner.close(), name="close notebook runner")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
