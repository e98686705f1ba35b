"""The server extension: builds the parts from its traits, mounts them, starts and stops them.

Each area has its own module with ``handlers(...)`` and, where it needs one, an object with
``start`` and ``stop``; this module only puts them together, in the order in which one needs the
other, and takes them down in reverse.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Float, Integer, Unicode, default

from ..documents.autosave import AutosaveTimes
from ..documents.blobs.notebook import notebook_class
from ..documents.blobs.store import BlobLimits, BlobStore
from ..documents.contents import installed_classes
from ..documents.document import LiveDocument
from ..documents.history.pruning import Limits
from ..documents.opening import DocumentOpener
from ..documents.registry import DocumentRegistry
from ..documents.rooms import Rooms
from ..documents.settings import DocumentSettings
from ..kernels.pool.settings import settings_from_environment
from ..kernels.questions import KernelQuestions
from ..kernels.settings import RunnerSettings
from ..project.conversion.printing import PrintSettings
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
    rooms,
)
from .author_names import AuthorNames
from .bridges import DocumentBridges
from .connections import UserSockets
from .document_parts import DocumentParts
from .event_emitter import EventEmitter
from .file_storage import MAX_NOTEBOOK_BYTES, MAX_TEXT_BYTES, ContentsStorage
from .files import ProjectFiles
from .identity import find_project_id
from .kernel_functions import ServerKernelFunctions
from .kernel_host import ServerKernels
from .kernel_pool import ServerKernelPool
from .notebook_kernels import NotebookKernels
from .notebook_rpc import NotebookRpc
from .path_events import follow_paths
from .path_rooms import PathRooms
from .project_functions import ProjectFunctions
from .record_runs import DocumentRuns
from .rights import RightsWatch
from .settings import RoomSettings, ServerSettings
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


class CoCalcExtension(ExtensionApp):
    """CoCalc's collaborative computing in one Jupyter Server."""

    name = "cocalc_jupyter_ext"
    load_other_extensions = True

    data_dir = Unicode(
        help="""Folder for the update logs of documents and other data of this extension.

        Keep it outside the folder with the notebooks and on a disk that survives restarts.
        Default: ``cocalc`` in Jupyter's data directory.
        """
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "cocalc")

    document_close_delay_s = Float(
        60.0,
        min=0,
        help="""Seconds for which a document stays open after the last page left it and its
        kernel became idle. It is saved before it is closed. Default: 60.
        """,
    ).tag(config=True)

    autosave_quiet_s = Float(
        1.0,
        min=0.05,
        help="""Seconds without an edit after which the plain file is written. Every edit is in
        the update log at once, whatever this says. Default: 1.
        """,
    ).tag(config=True)

    autosave_longest_s = Float(
        10.0,
        min=0.05,
        help="""Seconds after which the plain file is written even if somebody types without
        pause. Default: 10.
        """,
    ).tag(config=True)

    file_poll_s = Float(
        1.0,
        min=0.05,
        help="""Seconds between looks at the plain file of an open document, to notice changes
        by other programs. Default: 1.
        """,
    ).tag(config=True)

    max_open_files = Integer(
        1000,
        min=1,
        help="""Documents that CoCalc clients may have open at once; those that they open beyond
        that are refused with a message. Pages of JupyterLab do not count. Default: 1000.
        """,
    ).tag(config=True)

    max_text_bytes = Integer(
        MAX_TEXT_BYTES,
        min=1_000,
        help="""Size in bytes above which a text file is not opened as a live document.
        Default: 32,000,000.
        """,
    ).tag(config=True)

    max_notebook_bytes = Integer(
        MAX_NOTEBOOK_BYTES,
        min=1_000,
        help="""Size in bytes above which a notebook is not opened as a live document.
        Default: 150,000,000.
        """,
    ).tag(config=True)

    blob_store_bytes = Integer(
        2_000_000_000,
        min=1_000_000,
        help="""Size in bytes above which large outputs that no open notebook shows are removed from
        the folder ``blobs`` in ``data_dir``, oldest use first. Files of notebooks are complete
        without it. Default: 2,000,000,000.
        """,
    ).tag(config=True)

    log_compact_bytes = Integer(
        4_000_000,
        min=10_000,
        help="""Size in bytes from which the update log of an open document is compacted; it is
        always compacted when the document is closed. Default: 4,000,000.
        """,
    ).tag(config=True)

    log_keep_days = Float(
        30.0,
        min=1,
        help="""Days for which the update log of a file that is gone, or one that was unreadable
        and set aside, is kept. Default: 30.
        """,
    ).tag(config=True)

    history_keep_days = Float(
        0.0,
        min=0,
        help="""Days for which older versions of documents are kept in their histories; 0 keeps
        them for ever. The newest state is always kept. Default: 0.
        """,
    ).tag(config=True)

    history_keep_bytes = Integer(
        0,
        min=0,
        help="""Size in bytes above which the oldest versions of a document are removed from its
        history; 0 is no limit. The newest state is always kept. Default: 0.
        """,
    ).tag(config=True)

    room_max_message_bytes = Integer(
        100_000_000,
        min=1_000,
        help="""Largest message in bytes that a page may send about a document; a larger one
        ends its connection. Default: 100,000,000.
        """,
    ).tag(config=True)

    room_max_unsent_bytes = Integer(
        20_000_000,
        min=1_000,
        help="""Bytes that may wait to be sent to one page. A page that reads too slowly is
        disconnected when there are more, and connects again. Default: 20,000,000.
        """,
    ).tag(config=True)

    room_keep_alive_s = Float(
        15.0,
        min=0.1,
        help="""Seconds between signs of life to every page; pages hang up after 30 seconds of
        silence. Default: 15.
        """,
    ).tag(config=True)

    shutdown_timeout_s = Float(
        10.0,
        min=0,
        help="""Seconds that saving and closing may take when the server stops. What is not saved
        by then is still in the update logs. Default: 10.
        """,
    ).tag(config=True)

    rights_check_s = Float(
        5.0,
        min=0.05,
        help="""Seconds between questions to the authorizer about the people who are connected to
        documents or by conat. Requests are checked one by one, whatever this says. Default: 5.
        """,
    ).tag(config=True)

    chromium_sandbox = Bool(
        True,
        help="""Whether Chromium prints notebooks in its sandbox. Containers without user
        namespaces need False; as root it never has one. Default: True.
        """,
    ).tag(config=True)

    hub_service_name = Unicode(
        "cocalc",
        help="""Name of the JupyterHub service that may tell this server to forget a removed
        member. Default: cocalc.
        """,
    ).tag(config=True)

    def _link_jupyter_server_extension(self, serverapp: "ServerApp") -> None:
        super()._link_jupyter_server_extension(serverapp)
        neighbours.arrange(serverapp.extension_manager, self.log)
        atomic_files.install(serverapp)

    def initialize_settings(self) -> None:
        """Build the parts; nothing runs before ``start``."""
        self.parts: list[Part] = []
        self.server_settings = self._server_settings()
        self._executor = ThreadPoolExecutor(_STORAGE_THREADS, thread_name_prefix="cocalc-storage")
        self.user_sockets = UserSockets()
        self.user_sockets.watch(self.settings["identity_provider"])
        settings = self.server_settings
        project_id = find_project_id(os.environ, settings.data_folder)
        self.author_names = AuthorNames(settings.data_folder / "author-names.json", project_id)
        self._build_documents()
        self._build_execution()
        self.conat = conat.ConatService(project_id, stream_folder=settings.stream_folder)
        self.parts.append(self.conat)
        self.parts.append(
            ProjectFiles(self.conat, lambda: self._web_settings()["contents_manager"])
        )
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
        self.parts.append(RightsWatch(self.user_sockets, self.rights_check_s))
        self.documents.on_opened = self._document_opened
        self._build_companions()

    def initialize_handlers(self) -> None:
        """Mount every area's routes under the base URL."""
        self.handlers.extend(
            [
                *rooms.handlers(self._room_services),
                *execution.handlers(self.execution),
                *blobs.handlers(self.blobs),
                *conat.handlers(self.conat),
                *history.handlers(self.history),
                *nbconvert.handlers(self.documents),
                *membership.handlers(self.user_sockets, self.server_settings.hub_service_name),
            ]
        )

    async def _start_jupyter_server_extension(self, _serverapp: "ServerApp") -> None:
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

    def _build_documents(self) -> None:
        settings, events = self.server_settings, self.settings["event_logger"]
        emitter = EventEmitter(events, self.log)
        self.file_ids = SettingsFileIds(self._web_settings)
        self._storage = ContentsStorage(
            lambda: self._web_settings()["contents_manager"],
            max_text_bytes=self.max_text_bytes,
            max_notebook_bytes=self.max_notebook_bytes,
        )
        store = BlobStore(settings.blob_folder, settings.blobs)
        self.blobs = blobs.ProjectBlobs(
            store, lambda: self._web_settings()["contents_manager"], self._storage
        )
        self.parts.append(self.blobs)
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
        self.parts.append(ServerKernelPool(self.settings["kernel_manager"], pool_settings))

    def _build_companions(self) -> None:
        manager = self.settings["kernel_manager"]
        kernels = NotebookKernels(self.settings["session_manager"], manager)
        runs = DocumentRuns(self.execution.runners, kernels)
        questions = KernelQuestions(ServerKernels(manager))
        self.parts.append(ServerKernelFunctions(self.conat, manager, kernels))
        client, project_id = self.document_bridges.client, self.conat.project_id
        rpc = NotebookRpc(
            client,
            project_id,
            kernels=kernels,
            questions=questions,
            widgets=self.widgets,
            runs=runs,
        )
        self.document_bridges.bridges.companions = [
            runs.accompany,
            self.widgets.companion(client, project_id, kernels),
            rpc.accompany,
            self.blobs.accompany,
            self.project_functions.accompany,
        ]

    def _document_opened(self, document: LiveDocument) -> None:
        self.blobs.opened(document)
        execution.end_orphaned_runs(document)
        self.document_bridges.opened(document)

    async def _follow_history(self, old_path: str, new_path: str) -> None:
        await self.document_bridges.bridges.follow_rename(old_path, new_path)

    def _web_settings(self) -> dict[str, Any]:
        """Return the settings of the running server; other extensions add theirs after ours."""
        assert self.serverapp is not None  # noqa: S101 - an extension is linked before it is built
        return self.serverapp.web_app.settings

    def _server_settings(self) -> ServerSettings:
        return ServerSettings(
            data_folder=Path(self.data_dir).expanduser().absolute(),
            shutdown_timeout_s=self.shutdown_timeout_s,
            log_keep_s=self.log_keep_days * 86_400,
            hub_service_name=self.hub_service_name,
            history=Limits(
                max_age_ms=self.history_keep_days * 86_400_000 or None,
                max_bytes=self.history_keep_bytes or None,
            ),
            max_open_files=self.max_open_files,
            printing=PrintSettings(sandbox=self.chromium_sandbox),
            documents=DocumentSettings(
                autosave=AutosaveTimes(
                    quiet_s=self.autosave_quiet_s, longest_s=self.autosave_longest_s
                ),
                file_poll_s=self.file_poll_s,
                close_delay_s=self.document_close_delay_s,
                compact_bytes=self.log_compact_bytes,
            ),
            blobs=BlobLimits(max_bytes=self.blob_store_bytes),
            rooms=RoomSettings(
                max_message_bytes=self.room_max_message_bytes,
                max_unsent_bytes=self.room_max_unsent_bytes,
                keep_alive_s=self.room_keep_alive_s,
            ),
        )
