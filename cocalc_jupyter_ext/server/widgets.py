"""The widgets of all kernels, and those of each open notebook in its synced table and its file."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from jupyter_events import EventLogger

from ..conat.client.client import Client
from ..conat.client.reconnect import retry_delays
from ..conat.errors import ClientClosed, ConatError
from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.notices import Notice
from ..documents.syncdoc.coordination import string_id, synced_path_of_notebook
from ..documents.syncdoc.sync_document import SyncDocument
from ..kernels.errors import KernelNotFoundError
from ..kernels.kernel import KernelHost, KernelLink, connect
from ..kernels.widgets.kernel_widgets import KernelWidgets
from ..kernels.widgets.notebook_state import NotebookState
from ..kernels.widgets.table import WidgetTable, open_table
from .event_emitter import EventEmitter
from .kernel_actions import KernelActions

__all__ = ["FindKernel", "NotebookWidgets", "ServerWidgets"]

_log = logging.getLogger(__name__)

_NOTEBOOK: Final = "notebook"

LOOK_EVERY_S: Final = 1.0
COLLECT_AFTER_S: Final = 10.0
CONNECT_S: Final = 5.0


MakeCompanion: TypeAlias = Callable[[LiveDocument, SyncDocument[Any]], Companion | None]


class FindKernel(Protocol):
    """Finds the kernel of a notebook by its path."""

    async def find(self, path: str) -> str | None:
        """Return the id of the kernel, or None."""
        ...


class ServerWidgets:
    """Follows the widgets of all kernels, from their starts on."""

    def __init__(self, host: KernelHost, events: EventLogger) -> None:
        self._host = host
        self._starts = KernelActions(events, "start", self.of)
        self.notice = EventEmitter(events, _log).notice
        self._by_kernel: dict[str, KernelWidgets] = {}
        self._by_notebook: dict[LiveDocument, NotebookWidgets] = {}
        self._is_stopped = False

    def of(self, kernel_id: str) -> KernelWidgets | None:
        """Return the widgets of a kernel; None where there is no such kernel."""
        found = self._by_kernel.get(kernel_id)
        if found is not None or self._is_stopped or not self._host.exists(kernel_id):
            return found
        widgets = KernelWidgets(kernel_id, self._host, new_id=lambda: uuid.uuid4().hex)
        self._by_kernel[kernel_id] = widgets
        widgets.ended.connect(lambda: self._by_kernel.pop(kernel_id, None))
        widgets.start()
        return widgets

    async def of_notebook(self, live: LiveDocument) -> KernelWidgets:
        """Return the widgets of an open notebook's kernel; raises KernelNotFoundError."""
        notebook = self._by_notebook.get(live)
        if notebook is None:
            raise KernelNotFoundError(live.path)
        return await notebook.widgets()

    def companion(self, client: Client, project_id: str, kernels: FindKernel) -> MakeCompanion:
        """Return what keeps the widgets of open notebooks in their tables and files."""

        def accompany(live: LiveDocument, _: SyncDocument[Any]) -> NotebookWidgets | None:
            if live.room_id.type != _NOTEBOOK:
                return None
            notebook = NotebookWidgets(live, self, kernels)
            self._by_notebook[live] = notebook
            notebook.closed = lambda: self._by_notebook.pop(live, None)
            notebook.start(client, project_id)
            return notebook

        return accompany

    async def open_link(
        self, host: KernelHost, kernel_id: str, *args: Any, **options: Any
    ) -> KernelLink:
        """Open a runner's link to a kernel once nothing of its widgets can be missed."""
        link = await connect(host, kernel_id, *args, **options)  # tells why, if there is no way
        try:
            widgets = self.of(kernel_id)
            if widgets is not None and not await widgets.wait_connected(CONNECT_S):
                _log.warning("the widgets of the kernel %s are not followed yet", kernel_id)
        except BaseException:
            await link.close()
            raise
        return link

    async def start(self) -> None:
        """Follow kernels as soon as they are started."""
        self._starts.start()

    async def stop(self) -> None:
        """Follow no kernel any more; idempotent."""
        self._is_stopped = True
        self._starts.stop()
        await asyncio.gather(*(each.close() for each in list(self._by_kernel.values())))


class NotebookWidgets:
    """The widgets of one open notebook; those of its latest kernel, also when that is gone."""

    def __init__(self, live: LiveDocument, server: ServerWidgets, kernels: FindKernel) -> None:
        self.closed: Callable[[], object] = lambda: None
        self._live = live
        self._server = server
        self._kernels = kernels
        self._state = NotebookState(live, self._tell)
        self._table: WidgetTable | None = None
        self._widgets: KernelWidgets | None = None
        self._kernel_id: str | None = None
        self._disconnects: list[Callable[[], None]] = []
        self._disconnects_kernel: list[Callable[[], None]] = []
        self._collect_at: float | None = None
        self._touched = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, client: Client, project_id: str) -> None:
        """Open the table, and begin to follow the notebook's kernel."""
        self._live.file.before_write = self._store
        self._disconnects.append(self._live.subscribe(lambda *_: self._touch()))
        name = string_id(project_id, synced_path_of_notebook(self._live.path))
        self._task = asyncio.create_task(
            self._run(client, project_id, name), name=f"widgets of {self._live.path}"
        )

    async def close(self) -> None:
        """Keep the present state in the notebook, and leave; calling it again does nothing."""
        self.closed()
        self._live.file.before_write = lambda: None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._store()
        self._leave()
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        table, self._table = self._table, None
        if table is not None:
            await table.close()

    # What CoCalc clients ask (syncdoc-jupyter §4.9)

    async def widgets(self) -> KernelWidgets:
        """Return the widgets of the notebook's kernel; raises KernelNotFoundError."""
        await self._look()
        if self._widgets is None:
            raise KernelNotFoundError(self._live.path)
        return self._widgets

    # Following the kernel

    async def _run(self, client: Client, project_id: str, name: str) -> None:
        table = await _open(client, project_id, name, self._live.path)
        if table is None:
            return
        self._table = table
        if self._widgets is not None:
            table.follow(self._widgets)
        while True:
            try:
                await self._look()
                self._collect_if_due()
            except Exception:  # noqa: BLE001 - logged; the next look may succeed
                _log.exception("%s: its widgets cannot be followed", self._live.path)
            self._touched.clear()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        """Find out which kernel the notebook has; nobody tells when that changes."""
        kernel_id = await self._kernels.find(self._live.path)
        if kernel_id is None or kernel_id == self._kernel_id:
            return
        widgets = self._server.of(kernel_id)
        if widgets is None:
            return
        self._store()
        self._leave()
        self._kernel_id, self._widgets = kernel_id, widgets
        self._disconnects_kernel = [
            widgets.changed.connect(lambda _: self._touch()),
            widgets.lost.connect(self._store),
        ]
        if self._table is not None:
            self._table.follow(widgets)

    def _leave(self) -> None:
        for disconnect in self._disconnects_kernel:
            disconnect()
        self._disconnects_kernel = []

    def _tell(self, message: str) -> None:
        room_id, path = self._live.room_id, self._live.path
        self._server.notice(
            Notice(room_id=room_id, path=path, action="save", message=message, level="WARNING")
        )

    def _store(self) -> None:
        if self._widgets is not None:
            self._state.store(self._widgets.models.widgets())

    # Garbage (syncdoc-jupyter §8.5)

    def _touch(self) -> None:
        self._collect_at = asyncio.get_running_loop().time() + COLLECT_AFTER_S
        self._touched.set()

    def _collect_if_due(self) -> None:
        """Remove what nobody sees after a rest; put back at once what is seen again."""
        if self._table is None or self._collect_at is None:
            return
        is_due = asyncio.get_running_loop().time() >= self._collect_at
        if is_due or (self._table.has_collected and self._touched.is_set()):
            self._table.collect(self._state.shown(), only_back=not is_due)
            self._collect_at = None if is_due else self._collect_at


async def _open(client: Client, project_id: str, name: str, path: str) -> WidgetTable | None:
    """Open the table of a notebook, as soon as that is possible; None when the server ends."""
    for delay_s in retry_delays(1.0, 15.0):
        try:
            return await open_table(client, project_id, name, lambda: round(time.time() * 1000))
        except ClientClosed:
            return None
        except ConatError as error:
            _log.warning("%s: CoCalc clients do not see its widgets yet: %s", path, error)
            await asyncio.sleep(delay_s)
    return None
