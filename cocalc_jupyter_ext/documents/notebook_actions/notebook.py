"""A notebook of a running project, for scripts: actions, what it looks like, its kernel.

Opening it makes the project open the file; it stays open there as long as somebody looks at it
(syncdoc-jupyter §1.13, §4.9).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import RemoteError, RequestTimeout
from ...conat.protocol.subjects import project_subject
from ...conat.services import rpc
from ...conat.services.named import ServiceClient, service_subject
from ...conat.services.service import call
from ...conat.sync.open_files import OpenFiles, open_open_files
from ...conat.types import ProjectId
from ..notebook_records.notebooks import NOTEBOOK_SCHEMA
from ..syncdoc.coordination import DocumentType, synced_path_of_notebook
from ..syncdoc.disk_save import save_to_disk
from ..syncdoc.opening import Opening
from ..syncdoc.records import Record
from ..syncdoc.syncdb import SyncDB, open_syncdb
from . import formatting, outputs
from .actions import NotebookActions
from .errors import KernelNotChosenError
from .model import NotebookModel
from .reading import cell_ids, cell_type_of, distinct, input_of, is_editable, require_cell
from .whole_notebook import load_blobs, whole_notebook

__all__ = ["Notebook", "open_notebook"]

TOUCH_EVERY_S: Final = 30.0
SAVE_TIMEOUT_S: Final = 300.0
KERNEL_TIMEOUT_S: Final = 60.0
HALT_TIMEOUT_S: Final = 30.0
FORMATTED_AT_ONCE: Final = 4
CONVERSION_REQUESTS: Final = 3


class Notebook(NotebookActions):
    """One notebook; open it with ``open_notebook``.

    ``model`` is what it looks like. Methods that ask the project raise RemoteError with its
    reason, and RequestTimeout when it does not answer.
    """

    def __init__(self, db: SyncDB, client: Client, *, project_id: str, path: str) -> None:
        super().__init__(db)
        self.path = path
        self.project_id = project_id
        self.model = NotebookModel(db)
        self._client = client
        subject = service_subject("api", project_id=project_id, path=path)
        self._service = ServiceClient(client, subject, timeout_s=KERNEL_TIMEOUT_S)
        self._owned = AsyncExitStack()

    # Running

    async def run_cell(self, cell_id: str, *, no_halt: bool = False) -> bool:
        """Ask for a run of one cell, and return when that is stored; see ``run_code_cell``."""
        is_asked = self.run_code_cell(cell_id, no_halt=no_halt)
        await self.save()
        return is_asked

    async def run_all(self, *, no_halt: bool = False) -> tuple[str, ...]:
        """Ask for runs of all code cells, and return when that is stored; see ``run_cells``."""
        ids = self.run_all_cells(no_halt=no_halt)
        await self.save()
        return ids

    async def wait_until_done(
        self, cell_id: str | None = None, *, timeout_s: float | None = None
    ) -> Record | None:
        """Return the record of a cell once its run is over; without an id, wait for all cells.

        Raises UnknownCellError when it was deleted meanwhile, and RequestTimeout. Whether the
        run went well, the outputs and ``model.kernel_error`` say.
        """
        await self.model.until_done(None if cell_id is None else [cell_id], timeout_s)
        return None if cell_id is None else self.model.cells[cell_id]

    async def answer(self, cell_id: str, value: str) -> None:
        """Answer what a cell asks; a password goes to the kernel and not into the document.

        Raises NoQuestionError.
        """
        if outputs.is_secret(self.records, cell_id):
            await self._service.call("store", {"key": cell_id, "value": value})
            value = ""
        self.edit(outputs.answer, cell_id, value)
        await self.save()

    # The kernel

    async def interrupt(self) -> None:
        """Interrupt what runs; what waits does not run either."""
        await self._service.call("signal", "SIGINT")

    async def halt(self) -> None:
        """End the kernel, and return when it is gone."""
        self.cancel_cells()
        await self.save()
        await self._service.call("signal", "SIGKILL")
        await self.model.until(lambda model: model.backend_state != "running", HALT_TIMEOUT_S)

    async def restart(self) -> None:
        """End the kernel and start it again."""
        await self.halt()
        await self.load_kernel_info()

    async def complete(self, code: str, cursor_pos: int | None = None) -> Mapping[str, Any]:
        """Return what the kernel would write at a place in some code, by default at its end."""
        place = len(code) if cursor_pos is None else cursor_pos
        found: Mapping[str, Any] = await self._service.call(
            "complete", {"code": code, "cursor_pos": place}
        )
        return found

    async def inspect(
        self, code: str, cursor_pos: int | None = None, *, level: int = 0
    ) -> Mapping[str, Any]:
        """Return what the kernel knows of what stands at a place in some code."""
        place = len(code) if cursor_pos is None else cursor_pos
        found: Mapping[str, Any] = await self._service.call(
            "introspect", {"code": code, "cursor_pos": place, "level": level}
        )
        return found

    async def load_kernel_info(self) -> Mapping[str, Any]:
        """Ask the kernel what it is, starting it if need be; the model knows it then."""
        info: Mapping[str, Any] = await self._service.call("kernel_info")
        self.model.learn(kernel_info=info)
        return info

    async def load_kernels(self) -> Sequence[Mapping[str, Any]]:
        """Ask the project which kernels it has; the model knows them then."""
        kernels = await self._call_project("editor.jupyterKernels")
        self.model.learn(kernels=tuple(kernels))
        return tuple(kernels)

    async def load_kernel_usage(self) -> Mapping[str, Any] | None:
        """Ask the project what the kernel uses; the model knows it then (§4.10)."""
        subject = project_subject(ProjectId(self.project_id), "usage-info", compute_server_id=0)
        usage = await rpc.call(self._client, subject, "get", [self.path])
        self.model.learn(kernel_usage=usage)
        return self.model.kernel_usage

    # Programs of the project

    async def convert(self, args: Sequence[str], *, timeout_s: float | None = None) -> None:
        """Convert the notebook with nbconvert; the result is beside it when this returns (§10).

        Raises InvalidActionError while another conversion goes on, RemoteError with what went
        wrong, and RequestTimeout.
        """
        try:
            async with asyncio.timeout(timeout_s):
                record = await self._converted(args)
        except TimeoutError as error:
            raise RequestTimeout(f"the conversion is not over within {timeout_s:g} s") from error
        if record.get("error"):
            raise RemoteError(str(record["error"]))

    async def format_cells(self, ids: Sequence[str] | None = None) -> bool:
        """Format code and markdown, by default in all cells; return whether that changed anything.

        Protected cells stay, and those that somebody edits meanwhile; so does markdown that was
        not asked for by its id, where the project has no formatter for it. Raises
        KernelNotChosenError where no language is known, InvalidActionError for one without a
        formatter, NotFormattableError, and RemoteError with the words of the formatter. Then
        nothing is changed.
        """
        language = await self._language()
        has_markdown = ids is not None or await self._formats_markdown()
        old: dict[str, str] = {}
        requests: dict[str, tuple[str, str]] = {}
        for cell_id in cell_ids(self.records) if ids is None else distinct(ids):
            cell = require_cell(self.records, cell_id)
            kind, text = cell_type_of(cell), input_of(cell)
            if not is_editable(cell) or not formatting.is_formattable(kind, text):
                continue
            parser = formatting.parser_of(kind, language)
            if has_markdown or parser != formatting.MARKDOWN:
                old[cell_id] = text
                requests[cell_id] = parser, formatting.for_formatter(cell_id, parser, text)
        new = dict(zip(requests, await self._format(list(requests.values())), strict=True))
        with self.together():
            still = [i for i in new if input_of(self.model.cells.get(i, {})) == old[i]]
            changed = [self.set_cell_input(cell_id, new[cell_id]) for cell_id in still]
        return any(changed)

    # What the records only name

    async def more_output(self, cell_id: str) -> list[Any]:
        """Return the messages of a cell beyond its limits, as far as they are kept (§4.6).

        Raises UnknownCellError.
        """
        require_cell(self.records, cell_id)
        return list(await self._service.call("more_output", cell_id))

    async def load_blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the pictures, PDF and HTML that messages name by their SHA-1 (§4.7).

        What is not kept any more is not there.
        """
        return await load_blobs(self._client, self.project_id, self.path, ids)

    async def to_ipynb(self) -> dict[str, Any]:
        """Return the notebook as its file has it, with all outputs in their places (§7.2)."""
        return await whole_notebook(list(self.records), self.more_output, self.load_blobs)

    # The file

    async def save_file(self) -> None:
        """Return when the file holds what the document holds now (§4.9)."""
        await self.save()
        options = {"version": self.document.graph.newest_time}
        await self._service.call("save_ipynb_file", options, timeout_s=SAVE_TIMEOUT_S)
        await save_to_disk(self.document)

    async def close(self) -> None:
        """Store everything and leave; calling it again does nothing."""
        self.model.close()
        await self._owned.aclose()
        await self.document.close()

    async def _converted(self, args: Sequence[str]) -> Record:
        """Ask for a conversion; return the record of one that is over.

        A project that is just opening the notebook takes away what is asked for (§3.2), so it is
        asked again.
        """
        for _ in range(CONVERSION_REQUESTS):
            self.nbconvert(args)
            await self.save()
            await self.model.until(lambda model: _conversion_state(model) in {None, "done"})
            record = self.model.nbconvert
            if record is not None:
                return record
        raise RemoteError("somebody takes the request for a conversion away again and again")

    async def _format(self, texts: Sequence[tuple[str, str]]) -> list[str]:
        """Return texts, which come with the names of their formatters, formatted."""
        places = asyncio.Semaphore(FORMATTED_AT_ONCE)

        async def format_one(parser: str, text: str) -> str:
            request = {"str": text, "options": {"parser": parser}}
            async with places:
                formatted = await self._call_project("editor.formatterString", request)
            return formatting.from_formatter(parser, str(formatted))

        tasks = [asyncio.create_task(format_one(*each)) for each in texts]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _formats_markdown(self) -> bool:
        configuration = await self._call_project("system.configuration", "main")
        return bool(configuration["capabilities"]["formatting"].get("prettier"))

    async def _call_project(self, name: str, *args: object) -> Any:
        subject = project_subject(ProjectId(self.project_id), "api", compute_server_id=0)
        return await call(self._client, subject, name, args)

    async def _language(self) -> str:
        if self.model.kernels is None:
            await self.load_kernels()
        kernel = self.model.kernels_by_name.get(self.model.kernel or "", {})
        if not kernel.get("language"):
            raise KernelNotChosenError
        return str(kernel["language"]).lower()

    def owns(self, stack: AsyncExitStack) -> None:
        """Take over what ends with the notebook."""
        self._owned = stack


def open_notebook(
    client: Client, *, project_id: str, path: str, participant: str | None = None
) -> Opening[Notebook]:
    """Open a notebook by the path of its file: ``await`` it, or use it in ``async with``.

    Raises ValueError for a path that does not end in ``.ipynb``, and what ``open_syncdb`` raises.
    """
    synced_path = synced_path_of_notebook(path)

    async def open_it() -> Notebook:
        async with AsyncExitStack() as stack:
            files = await open_open_files(client, project_id=project_id)
            stack.push_async_callback(files.close)
            _look_at(files, synced_path)
            db = await open_syncdb(
                client,
                project_id=project_id,
                path=synced_path,
                primary_keys=NOTEBOOK_SCHEMA.primary_keys,
                string_cols=sorted(NOTEBOOK_SCHEMA.string_cols),
                participant=participant,
            )
            notebook = Notebook(db, client, project_id=project_id, path=path)
            looking = asyncio.create_task(
                _keep_looking(files, synced_path), name=f"looking at {path}"
            )
            stack.push_async_callback(_end, looking)
            notebook.owns(stack.pop_all())
        return notebook

    return Opening(open_it)


def _conversion_state(model: NotebookModel) -> object:
    return None if model.nbconvert is None else model.nbconvert.get("state", "start")


def _look_at(files: OpenFiles, synced_path: str) -> None:
    if files.is_deleted(synced_path):
        files.set_not_deleted(synced_path)
    files.touch(synced_path, DocumentType(NOTEBOOK_SCHEMA).to_wire())


async def _keep_looking(files: OpenFiles, synced_path: str) -> None:
    """Say now and then that somebody looks at the notebook, or the project would leave it."""
    while True:
        await asyncio.sleep(TOUCH_EVERY_S)
        _look_at(files, synced_path)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
