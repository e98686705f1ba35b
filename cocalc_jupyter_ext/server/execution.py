"""HTTP interface of server-side execution: start a run, follow it, answer its questions.

The handlers authenticate, check the rights to view and to run, decode, call one function and
encode. Errors are JSON ``{"message": ...}`` with a sentence for the person who ran the cell.
"""

import asyncio
import logging
import time
import uuid
from functools import partial
from http import HTTPStatus
from typing import Any

from jupyter_events import EventLogger
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from ..documents.document import LiveDocument
from ..documents.errors import (
    DocumentError,
    FileMissingError,
    InvalidRoomIdError,
    UnknownDocumentError,
)
from ..documents.registry import DocumentRegistry
from ..documents.room_ids import RoomId
from ..kernels.errors import (
    CellsNotFoundError,
    EditsMissingError,
    InputAnsweredError,
    KernelNotFoundError,
    KernelsError,
    RunNotFoundError,
    TooManyQueuedError,
)
from ..kernels.kernel import OpenLink, connect
from ..kernels.notebook import end_orphans
from ..kernels.registry import Edits, RunnerRegistry, RunRequest
from ..kernels.runs import Runs
from ..kernels.settings import RunnerSettings
from .kernel_actions import KernelActions
from .kernel_host import ServerKernels
from .rights import RUN, VIEW, Right, missing

__all__ = [
    "CellInputHandler",
    "Execution",
    "InputHandler",
    "MoreOutputHandler",
    "RunHandler",
    "RunProgressHandler",
    "end_orphaned_runs",
    "handlers",
]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"
_POLL_S = 20.0
_MAX_CELLS = 100_000
_MAX_TEXT = 1_000_000
_MAX_NAME = 100

_STATUS: dict[type[Exception], HTTPStatus] = {
    KernelNotFoundError: HTTPStatus.NOT_FOUND,
    CellsNotFoundError: HTTPStatus.NOT_FOUND,
    RunNotFoundError: HTTPStatus.NOT_FOUND,
    UnknownDocumentError: HTTPStatus.NOT_FOUND,
    FileMissingError: HTTPStatus.NOT_FOUND,
    InvalidRoomIdError: HTTPStatus.NOT_FOUND,
    EditsMissingError: HTTPStatus.CONFLICT,
    InputAnsweredError: HTTPStatus.CONFLICT,
    TooManyQueuedError: HTTPStatus.TOO_MANY_REQUESTS,
}


class Execution:
    """The part of the server that runs cells; ``runners`` does the work."""

    def __init__(
        self,
        *,
        documents: DocumentRegistry,
        kernel_manager: Any,
        events: EventLogger,
        settings: RunnerSettings,
        open_link: OpenLink = connect,
    ) -> None:
        self._documents = documents
        self._kernels = ServerKernels(kernel_manager)
        self.runners = RunnerRegistry(
            open_document=self._open_notebook,
            host=self._kernels,
            runs=Runs(new_id=_new_id, now=time.monotonic),
            settings=settings,
            new_id=_new_id,
            open_link=open_link,
        )
        self._interrupts = KernelActions(events, "interrupt", self.runners.kernel_interrupted)

    async def start(self) -> None:
        """Listen to what is done to kernels through Jupyter's own interface."""
        self._interrupts.start()

    async def stop(self) -> None:
        """End all runs visibly; idempotent."""
        await self.runners.close()
        self._kernels.forget_failed_starts()
        self._interrupts.stop()

    def find_notebook(self, room_id: str) -> LiveDocument:
        """Return a notebook that is open; raises ``DocumentError`` for any other."""
        parsed = RoomId.parse(room_id)
        document = self._documents.get(parsed) if parsed.type == _NOTEBOOK else None
        if document is None:
            raise UnknownDocumentError(room_id)
        return document

    async def _open_notebook(self, room_id: str) -> LiveDocument:
        parsed = RoomId.parse(room_id)
        if parsed.type != _NOTEBOOK:
            raise UnknownDocumentError(room_id)
        return await self._documents.open(parsed)


def end_orphaned_runs(document: LiveDocument) -> None:
    """End the cells of a just opened document that ran when an earlier server was killed."""
    if document.room_id.type == _NOTEBOOK and (count := end_orphans(document)):
        _log.warning("%s: %d cells were running when the server ended", document.path, count)


class _ExecuteHandler(APIHandler):
    """What the handlers have in common."""

    auth_resource = "kernels"
    needed: tuple[Right, ...] = (VIEW, RUN)

    def initialize(self, execution: Execution) -> None:
        """Take what the handlers call."""
        self._execution = execution
        self._runners = execution.runners

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Let only those pass who may execute code."""
        await super().prepare(*args, **kwargs)
        if self.current_user is not None and (lacking := await missing(self, self.needed)):
            what = "run code" if RUN in lacking else "see the documents"
            raise HTTPError(403, f"You may not {what} in this project.")

    def refuse(self, error: Exception) -> None:
        """Answer with the error's own words and its status."""
        status = _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
        self.set_status(status)
        self.finish({"message": str(error)})

    def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent; raises HTTPError 400."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The body must be a JSON object.")
        return body


class RunHandler(_ExecuteHandler):
    """``POST cocalc/api/notebooks/<room id>/run``."""

    @authenticated
    async def post(self, room_id: str) -> None:
        """Queue cells: 202 ``{"run_id"}``."""
        user = self.current_user
        request = _run_request(self.body(), (user.display_name or user.username)[:_MAX_NAME])
        try:
            run_id = await self._runners.run(room_id, request)
        except (KernelsError, DocumentError) as error:
            self.refuse(error)
        else:
            self.set_status(HTTPStatus.ACCEPTED)
            self.finish({"run_id": run_id})


class RunProgressHandler(_ExecuteHandler):
    """``GET cocalc/api/runs/<run id>?seen=<n>``, a long poll."""

    _waiting: asyncio.Task[None] | None = None

    @authenticated
    async def get(self, run_id: str) -> None:
        """Answer when there is a change after ``seen``, at the latest after 20 s."""
        try:
            seen = int(self.get_query_argument("seen", "0"))
        except ValueError as error:
            raise HTTPError(400, "seen must be a number.") from error
        try:
            run = self._runners.get_run(run_id)
        except RunNotFoundError as error:
            self.refuse(error)
            return
        self._waiting = asyncio.create_task(run.wait_change(seen, _POLL_S), name="long poll")
        await asyncio.wait({self._waiting})
        if not self._waiting.cancelled():
            self._waiting.result()
            self.finish(run.to_json())

    def on_connection_close(self) -> None:
        """Stop waiting for a client that went away."""
        super().on_connection_close()
        if self._waiting is not None:
            self._waiting.cancel()


class InputHandler(_ExecuteHandler):
    """``POST cocalc/api/runs/<run id>/input``."""

    @authenticated
    async def post(self, run_id: str) -> None:
        """Answer a question of running code: 204; 409 when it was answered already."""
        body = self.body()
        input_id = _text(body, "input_id")
        value = _text(body, "value")
        try:
            self._runners.answer(run_id, input_id, value)
        except KernelsError as error:
            self.refuse(error)
        else:
            self.set_status(HTTPStatus.NO_CONTENT)
            self.finish()


class CellInputHandler(_ExecuteHandler):
    """``POST cocalc/api/notebooks/<room id>/input``: for everybody who has the notebook open."""

    @authenticated
    async def post(self, room_id: str) -> None:
        """Answer the question that a cell shows: 204; 409 when it was answered already."""
        body = self.body()
        cell_id, value = _text(body, "cell_id"), _text(body, "value")
        input_id = _text(body, "input_id") if body.get("input_id") is not None else None
        try:
            document = self._execution.find_notebook(room_id)
            self._runners.answer_cell(document, cell_id, value, input_id)
        except (KernelsError, DocumentError) as error:
            self.refuse(error)
        else:
            self.set_status(HTTPStatus.NO_CONTENT)
            self.finish()


class MoreOutputHandler(_ExecuteHandler):
    """``GET cocalc/api/notebooks/<room id>/more-output?cell_id=<cell id>``."""

    needed = (VIEW,)

    @authenticated
    async def get(self, room_id: str) -> None:
        """Answer with ``{"outputs"}`` in the form of nbformat; none when they are gone."""
        try:
            document = self._execution.find_notebook(room_id)
        except DocumentError as error:
            self.refuse(error)
        else:
            cell_id = self.get_query_argument("cell_id")
            self.finish({"outputs": self._runners.more_output(document, cell_id)})


def handlers(execution: Execution) -> list[tuple[str, type[APIHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    route = partial(_route, {"execution": execution})
    return [
        route(r"cocalc/api/notebooks/([^/]+)/run", RunHandler),
        route(r"cocalc/api/notebooks/([^/]+)/input", CellInputHandler),
        route(r"cocalc/api/notebooks/([^/]+)/more-output", MoreOutputHandler),
        route(r"cocalc/api/runs/(\w+)", RunProgressHandler),
        route(r"cocalc/api/runs/(\w+)/input", InputHandler),
    ]


def _new_id() -> str:
    return uuid.uuid4().hex


def _route(
    arguments: dict[str, Any], pattern: str, handler: type[APIHandler]
) -> tuple[str, type[APIHandler], dict[str, Any]]:
    return pattern, handler, arguments


def _run_request(body: dict[str, Any], requested_by: str) -> RunRequest:
    """Check the body of a run request; raises HTTPError 400."""
    cells = body.get("cells")
    if not isinstance(cells, list) or not 0 < len(cells) <= _MAX_CELLS:
        raise HTTPError(400, 'cells must be a list of at least one {"cell_id": ...}.')
    if not all(isinstance(cell, dict) for cell in cells):
        raise HTTPError(400, 'Each of the cells must be {"cell_id": ...}.')
    stop_on_error = body.get("stop_on_error", True)
    if not isinstance(stop_on_error, bool):
        raise HTTPError(400, "stop_on_error must be true or false.")
    return RunRequest(
        kernel_id=_text(body, "kernel_id"),
        cell_ids=[_text(cell, "cell_id") for cell in cells],
        stop_on_error=stop_on_error,
        edits=_edits(body.get("edits")),
        requested_by=requested_by,
    )


def _edits(edits: Any) -> Edits | None:
    if edits is None:
        return None
    if isinstance(edits, dict):
        client_id, clock = _natural(edits.get("client_id")), _natural(edits.get("clock"))
        if client_id is not None and clock is not None:
            return Edits(client_id, clock)
    raise HTTPError(400, 'edits must be null or {"client_id": number, "clock": number}.')


def _natural(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise HTTPError(400, f"{key} must be a text.")
    return value
