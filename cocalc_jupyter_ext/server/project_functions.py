"""The functions of the project's API that work on its files and programs, and what goes with them.

They are offered if the files are in a folder of this machine; otherwise a caller is told that they
are not supported by this server.
"""

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from ..conat.client.client import Client
from ..conat.client.subscription import Message
from ..conat.services.named import NamedService, service_subject
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.registry import DocumentRegistry
from ..documents.syncdoc.sync_document import SyncDocument
from ..project.commands.runner import Commands
from ..project.commands.streaming import ExecStreamService
from ..project.configuration import Configuration
from ..project.conversion.converter import Converter
from ..project.conversion.orders import ConversionOrder
from ..project.conversion.printing import PrintSettings
from ..project.conversion.record_conversion import RecordConversion
from ..project.dispatch import Dispatcher
from ..project.file_functions import FileFunctions
from ..project.formatting.document_formatter import DocumentFormatter, FindOpen
from ..project.formatting.formatter import Formatter
from ..project.kernel_specs import KernelSpecs
from ..project.nbgrader.functions import NbgraderFunctions
from .conat import API_COMPUTE_SERVER, ConatService
from .files import folder_of
from .open_documents import save_open
from .path_events import CONTENTS_SCHEMA

__all__ = ["ProjectFunctions"]

_log = logging.getLogger(__name__)

_NOTEBOOK = "notebook"
_RECORD_TIMEOUT_S = 300.0
MAX_FORMATTING = 10


class ProjectFunctions:
    """Offers the functions, and converts notebooks whose records ask for it.

    ``settings`` are those of the running server; they are read at the start, when other
    extensions have added theirs.
    """

    def __init__(
        self,
        conat: ConatService,
        documents: DocumentRegistry,
        settings: Callable[[], Mapping[str, Any]],
        find_open: FindOpen,
        *,
        printing: PrintSettings | None = None,
    ) -> None:
        self._conat = conat
        self._documents = documents
        self._settings = settings
        self._find_open = find_open
        self._printing = printing
        self._converter: Converter | None = None
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Offer the functions; returns when documents can be formatted."""
        settings = self._settings()
        specs = settings["kernel_spec_manager"]
        self._conat.offer(KernelSpecs(specs.get_all_specs).functions())
        home = folder_of(settings["contents_manager"])
        if home is None:
            _log.info("the files are not in a folder of this machine: no functions on files")
            return
        home = home.expanduser().absolute()
        formatter, commands = Formatter(home, os.environ), Commands(home, os.environ)
        self._offer(home, formatter, commands)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(commands.close)
            await self._serve(formatter, commands, stack)
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """End what runs; calling it again does nothing."""
        await self._running.aclose()

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Begin to convert a notebook when its records ask for it."""
        converter = self._converter
        if live.room_id.type != _NOTEBOOK or converter is None:
            return None

        async def convert(order: ConversionOrder) -> None:
            await converter.convert(order, live.path, _RECORD_TIMEOUT_S)

        conversion = RecordConversion(document, lambda: live.path.rpartition("/")[2], convert)
        conversion.start()
        return conversion

    def _offer(self, home: Path, formatter: Formatter, commands: Commands) -> None:
        self._converter = Converter(home, os.environ, self._save, self._printing)
        for group in (
            FileFunctions(home, self._tell_files),
            commands,
            formatter,
            Configuration(home, os.environ),
            self._converter,
            NbgraderFunctions(home, lambda: self._settings()["kernel_spec_manager"], self._save),
        ):
            self._conat.offer(group.functions())

    def _tell_files(self, action: str, path: str, **more: str) -> None:
        """Tell everybody in this server, as the contents manager does."""
        data = {"action": action, "path": path, **more}
        self._settings()["event_logger"].emit(schema_id=CONTENTS_SCHEMA, data=data)

    async def _save(self, path: str) -> None:
        await save_open(self._documents, path)

    async def _serve(self, formatter: Formatter, commands: Commands, stack: AsyncExitStack) -> None:
        """Answer on the subjects beside the API: formatting of documents, output as it comes."""
        dispatch = Dispatcher(
            DocumentFormatter(formatter, self._find_open).functions(), frozenset()
        )

        async def answer(request: Message) -> object:
            return await dispatch(request.data)

        project_id = self._conat.project_id
        transport = LoopbackTransport(self._conat.broker, User("project", project_id))
        client = await stack.enter_async_context(Client(transport))
        subject = service_subject(
            "formatter", project_id=project_id, compute_server_id=API_COMPUTE_SERVER
        )
        service = NamedService(client, subject, answer, max_concurrent=MAX_FORMATTING)
        await stack.enter_async_context(service)
        await stack.enter_async_context(ExecStreamService(client, commands, project_id))
