"""Serves what CoCalc clients ask about open notebooks, over the project's message fabric.

One service for each open notebook, at ``services.project-<id>._.api.<path>`` (syncdoc-jupyter
§4.9). Questions do not wait for one another: an interrupt is no use after the busy kernel.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from signal import Signals
from typing import Any, Final

from ..conat.client.client import Client
from ..conat.client.subscription import Message
from ..conat.errors import ConatError
from ..conat.services.named import NamedService, service_subject
from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.errors import KernelNotFoundError, NoKernelChosenError
from ..kernels.kernel_queries import KernelQueries
from ..project.dispatch import ApiError, Dispatcher
from ..project.notebook_api import MAX_ASKED, NOTEBOOK_FUNCTIONS, NotebookApi
from ..project.widget_api import WidgetApi
from .notebook_kernels import NotebookKernels
from .record_runs import DocumentRuns
from .widgets import ServerWidgets

__all__ = ["NotebookRpc"]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"
MAX_CONCURRENT: Final = 2 * MAX_ASKED
"""Calls at a time: with all questions open there is room for the others."""
_ENDS_KERNEL: Final = frozenset({"SIGKILL", "SIGTERM", "SIGQUIT"})


class NotebookRpc:
    """The services of all open notebooks."""

    def __init__(
        self,
        client: Client,
        project_id: str,
        *,
        kernels: NotebookKernels,
        queries: KernelQueries,
        widgets: ServerWidgets,
        runs: DocumentRuns,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._kernels = kernels
        self._queries = queries
        self._widgets = widgets
        self._runs = runs
        self._clock = clock

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Begin to serve a notebook."""
        if live.room_id.type != _NOTEBOOK:
            return None
        host = _Host(live, document, self._kernels, self._queries, self._runs)
        opened_ms = round(self._clock() * 1000)
        functions = NotebookApi(host, opened_ms, self._runs.stored(live)).functions()
        functions |= WidgetApi(lambda: self._widgets.of_notebook(live)).functions()
        subject = service_subject("api", project_id=self._project_id, path=live.path)
        return _Served(self._client, subject, Dispatcher(functions, NOTEBOOK_FUNCTIONS))


class _Served:
    """The service of one notebook, from the moment it is made."""

    def __init__(self, client: Client, subject: str, dispatch: Dispatcher) -> None:
        async def answer(request: Message) -> object:
            return await dispatch(request.data)

        self._service = NamedService(client, subject, answer, max_concurrent=MAX_CONCURRENT)
        self._starting = asyncio.create_task(self._start(subject), name=f"serving {subject}")

    async def close(self) -> None:
        self._starting.cancel()
        await asyncio.gather(self._starting, return_exceptions=True)
        await self._service.stop()

    async def _start(self, subject: str) -> None:
        try:
            await self._service.start()
        except ConatError as error:
            _log.error("nobody answers on %s: %s", subject, error)


class _Host:
    """One notebook and its kernel."""

    def __init__(
        self,
        live: LiveDocument,
        document: SyncDocument[Any],
        kernels: NotebookKernels,
        queries: KernelQueries,
        runs: DocumentRuns,
    ) -> None:
        self._live = live
        self._runs = runs
        self._document = document
        self._kernels = kernels
        self._queries = queries

    async def kernel_info(self) -> dict[str, Any]:
        return await self._queries.kernel_info(await self._kernel())

    async def complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        return await self._queries.complete(await self._kernel(), code, cursor_pos)

    async def inspect(self, code: str, cursor_pos: int, detail_level: int) -> dict[str, Any]:
        return await self._queries.inspect(await self._kernel(), code, cursor_pos, detail_level)

    async def signal(self, name: str) -> None:
        kernel_id = await self._kernels.find(self._live.path)
        if kernel_id is None:
            raise KernelNotFoundError(self._live.path)
        if name == "SIGINT":
            await self._kernels.interrupt(kernel_id)
        elif name in _ENDS_KERNEL:
            await self._kernels.end(self._live.path)
            self._runs.look_soon(self._live)
        elif name in Signals.__members__:
            await self._kernels.signal(kernel_id, Signals[name])
        else:
            raise ApiError(f"signal: '{name[:20]}' is not the name of a signal, such as SIGINT")

    async def save(self, version: int | None, timeout_s: float) -> None:
        if version is not None:
            await self._wait_for(version, timeout_s)
        await self._live.save()
        self._runs.tell_saved(self._live)
        # Whoever is answered compares its state with that of the file, and so must have this.
        await self._document.save()

    async def more_output(self, cell_id: str) -> list[dict[str, Any]]:
        return self._runs.more_output(self._live, cell_id)

    async def _kernel(self) -> str:
        settings = self._document.value.get_one({"type": "settings"}) or {}
        name = settings.get("kernel")
        if name == "":
            raise NoKernelChosenError
        self._runs.look_soon(self._live)
        return await self._kernels.ensure(self._live.path, name if isinstance(name, str) else None)

    async def _wait_for(self, version: int, timeout_s: float) -> None:
        arrived = asyncio.Event()

        def look(_before: object = None) -> None:
            if version in self._document.graph:
                arrived.set()

        disconnect = self._document.changes.connect(look)
        try:
            look()
            async with asyncio.timeout(timeout_s):
                await arrived.wait()
        except TimeoutError as error:
            raise ApiError(f"the version {version} has not arrived; save again") from error
        finally:
            disconnect()
