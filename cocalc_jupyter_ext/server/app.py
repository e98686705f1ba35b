"""The server extension: builds the parts from its traits, mounts them, starts and stops them.

Each area has its own module with ``handlers(...)`` and, where it needs one, an object with
``start`` and ``stop``; this module only puts them together, in the order in which one needs the
other, and takes them down in reverse.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..conat.types import ProjectId
from ..documents.blobs.notebook import notebook_class
from ..documents.blobs.store import BlobStore
from ..documents.bridge.shown_cursors import ShowCursors
from ..documents.contents import installed_classes
from ..documents.document import LiveDocument
from ..documents.opening import DocumentOpener
from ..documents.registry import DocumentRegistry
from ..documents.rooms import Rooms
from ..kernels.kernel_queries import KernelQueries
from ..kernels.pool.settings import settings_from_environment
from ..kernels.settings import RunnerSettings
from . import (
    atomic_files,
    blobs,
    conat,
    execution,
    history,
    kernel_websocket,
    membership,
    nbconvert,
    neighbours,
    page_contents,
    personal_lab,
    projects_page,
    rooms,
)
from .author_names import AuthorNames
from .bridges import DocumentBridges
from .configured import ConfiguredExtension
from .connections import UserSockets
from .document_parts import DocumentParts
from .event_emitter import EventEmitter
from .file_storage import ContentsStorage
from .files import ProjectFiles
from .freed_memory import FreedMemory
from .garbage import LongLived
from .hidden_files import HiddenFiles
from .identity import find_project_id
from .kernel_functions import ServerKernelFunctions
from .kernel_host import ServerKernels
from .kernel_pool import ServerKernelPool
from .monitoring import ServerMonitoring
from .notebook_kernels import NotebookKernels
from .notebook_rpc import NotebookRpc
from .path_events import follow_paths
from .path_rooms import PathRooms
from .project_functions import ProjectFunctions
from .record_runs import DocumentRuns
from .rights import RightsWatch
from .settings_file_ids import SettingsFileIds
from .shared_documents import SharedDocuments
from .widgets import ServerWidgets

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["CoCalcExtension", "Part"]

_STORAGE_THREADS = 4


class Part(Protocol):
    """Something that runs while the server runs."""

    async def start(self) -> None:
        """Begin to work; called once, on the event loop."""
        ...

    async def stop(self) -> None:
        """End within a bounded time; idempotent."""
        ...


class CoCalcExtension(ConfiguredExtension):
    """CoCalc's collaborative computing in one Jupyter Server."""

    name = "cocalc_jupyter_ext"
    load_other_extensions = True

    def _link_jupyter_server_extension(self, serverapp: "ServerApp") -> None:
        super()._link_jupyter_server_extension(serverapp)
        neighbours.arrange(serverapp.extension_manager, self.log)
        atomic_files.install(serverapp)

    def initialize_settings(self) -> None:
        """Build the parts; nothing runs before ``start``."""
        self.parts: list[Part] = []
        self.server_settings = self.configured_settings()
        self._executor = ThreadPoolExecutor(_STORAGE_THREADS, thread_name_prefix="cocalc-storage")
        self.user_sockets = UserSockets()
        self.user_sockets.watch(self.settings["identity_provider"])
        settings = self.server_settings
        project_id = find_project_id(os.environ, settings.data_folder)
        self.author_names = AuthorNames(settings.data_folder / "author-names.json", project_id)
        self._build_storage()
        self._build_documents()
        self._build_execution()
        self._build_fabric(project_id)
        self.parts.append(RightsWatch(self.user_sockets, self.rights_check_s))
        self.documents.on_opened = self._document_opened
        self._build_companions()
        self.parts += [LongLived(), FreedMemory(self.documents.__len__)]

    def initialize_handlers(self) -> None:
        """Mount every area's routes under the base URL."""
        self.handlers.extend(
            [
                *rooms.handlers(self._room_services),
                *page_contents.handlers(self._room_services),
                *execution.handlers(self.execution),
                *blobs.handlers(self.blobs),
                *conat.handlers(self.conat),
                *history.handlers(self.history),
                *nbconvert.handlers(self.documents),
                *membership.handlers(self.user_sockets, self.server_settings.hub_service_name),
            ]
        )

    async def _start_jupyter_server_extension(self, serverapp: "ServerApp") -> None:
        self.conat.announce(serverapp.connection_url.rstrip("/"))
        page_settings = serverapp.web_app.settings
        projects_page.tell_pages(page_settings, os.environ, self.server_settings.hub_service_name)
        if hub_user := os.environ.get("JUPYTERHUB_USER"):
            # Every extension's handlers are mounted by now.
            personal_lab.install(serverapp.web_app, hub_user)
        for part in self.parts:
            await part.start()

    async def stop_extension(self) -> None:
        """Stop the parts in reverse order, save and close every document.

        A part that fails to stop is reported and does not keep the others from stopping:
        documents come last.
        """
        for part in reversed(self.parts):
            try:
                await part.stop()
            except Exception:
                self.log.exception("%s did not stop", type(part).__name__)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _build_storage(self) -> None:
        self.file_ids = SettingsFileIds(self._web_settings)
        self._storage = ContentsStorage(
            self._contents,
            hidden=HiddenFiles(self._contents),
            max_text_bytes=self.max_text_bytes,
            max_notebook_bytes=self.max_notebook_bytes,
        )
        store = BlobStore(self.server_settings.blob_folder, self.server_settings.blobs)
        self.blobs = blobs.ProjectBlobs(store, self._contents, self._storage)
        self.parts.append(self.blobs)

    def _build_documents(self) -> None:
        settings, events = self.server_settings, self.settings["event_logger"]
        emitter, store = EventEmitter(events, self.log), self.blobs.store
        opener = DocumentOpener(
            storage=self._storage,
            settings=settings.documents,
            notify=emitter.notice,
            executor=self._executor,
            log_folder=settings.log_folder,
            before_logging=store.write,
        )
        self.documents = DocumentRegistry(
            opener,
            file_ids=self.file_ids,
            classes={**installed_classes(), "notebook": notebook_class(store)},
        )
        self.rooms = Rooms(self.documents, settings.rooms.keep_alive_s)
        self.parts.append(DocumentParts(self.documents, self.rooms, self.file_ids, settings))
        self._paths = PathRooms(self.documents, self.file_ids)
        self._room_services = rooms.RoomServices(
            documents=self.documents,
            rooms=self.rooms,
            paths=self._paths,
            events=emitter,
            settings=settings.rooms,
            authors=self.author_names,
        )
        follow_paths(events, self.documents, self._follow_history)
        shared = SharedDocuments(self.documents, self._paths)
        self.settings[neighbours.STOCK_COLLABORATION] = shared

    def _build_execution(self) -> None:
        host = ServerKernels(self.settings["kernel_manager"])
        self.widgets = ServerWidgets(host, self.settings["event_logger"])
        self.parts.append(self.widgets)
        self.settings[kernel_websocket.WIDGETS_OF_KERNEL] = self.widgets.of
        self.execution = execution.Execution(
            documents=self.documents,
            kernel_manager=self.settings["kernel_manager"],
            events=self.settings["event_logger"],
            settings=RunnerSettings(),
            open_link=self.widgets.open_link,
        )
        self.parts.append(self.execution)
        kernel_websocket.install(self.settings, self.log)
        pool_settings = settings_from_environment(os.environ, Path.home())
        self.kernel_pool = ServerKernelPool(self.settings["kernel_manager"], pool_settings)
        self.parts.append(self.kernel_pool)

    def _build_fabric(self, project_id: ProjectId) -> None:
        settings = self.server_settings
        self.conat = conat.ConatService(project_id, stream_folder=settings.stream_folder)
        self.parts.append(self.conat)
        self.parts.append(ProjectFiles(self.conat, self._contents))
        self.document_bridges = DocumentBridges(
            self.conat,
            self.documents,
            self._paths,
            self._storage,
            self.blobs.store,
            max_open_files=settings.max_open_files,
        )
        find_open = self.document_bridges.bridges.find
        self.project_functions = ProjectFunctions(
            self.conat, self.documents, self._web_settings, find_open, printing=settings.printing
        )
        self.parts.append(self.project_functions)
        self.parts.append(self.document_bridges)
        self.history = history.ProjectHistory(
            self.conat, find_open, settings.history, self.blobs.store.get, self.author_names
        )
        self.parts.append(self.history)
        self.parts.append(ServerMonitoring(self.conat, self._web_settings))

    def _build_companions(self) -> None:
        manager = self.settings["kernel_manager"]
        kernels = NotebookKernels(self.settings["session_manager"], manager)
        queries = KernelQueries(ServerKernels(manager))
        name_of = self.author_names.name_of
        runs = DocumentRuns(self.execution.runners, kernels, queries, name_of)
        self.parts.append(ServerKernelFunctions(self.conat, manager, kernels, self.kernel_pool))
        client, project_id = self.document_bridges.client, self.conat.project_id
        rpc = NotebookRpc(
            client,
            project_id,
            kernels=kernels,
            queries=queries,
            widgets=self.widgets,
            runs=runs,
        )
        cursors = ShowCursors(client, project_id, self.rooms, self.author_names.name_of)
        self.document_bridges.bridges.companions = [
            runs.accompany,
            self.widgets.companion(client, project_id, kernels),
            rpc.accompany,
            self.blobs.accompany,
            self.project_functions.accompany,
            cursors.accompany,
        ]

    def _document_opened(self, document: LiveDocument) -> None:
        self.blobs.opened(document)
        execution.end_orphaned_runs(document)
        self.document_bridges.opened(document)

    async def _follow_history(self, old_path: str, new_path: str) -> None:
        await self.document_bridges.bridges.follow_rename(old_path, new_path)

    def _contents(self) -> Any:
        return self._web_settings()["contents_manager"]

    def _web_settings(self) -> dict[str, Any]:
        """Return the settings of the running server; other extensions add theirs after ours."""
        assert self.serverapp is not None  # noqa: S101 - an extension is linked before it is built
        return self.serverapp.web_app.settings
