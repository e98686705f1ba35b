"""Lets CoCalc clients open documents and take part in them, over the project's message fabric."""

from functools import partial

from ..conat.client.client import Client
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..documents.blobs.store import BlobStore
from ..documents.bridge.bridges import Bridges
from ..documents.bridge.open_files_loop import OpenFilesLimits, OpenFilesLoop
from ..documents.bridge.unopened import content_of
from ..documents.document import LiveDocument
from ..documents.registry import DocumentRegistry
from .conat import ConatService
from .identity import account_id_from_username
from .path_rooms import PathRooms
from .served_files import Folders, ServedFiles

__all__ = ["DocumentBridges"]


class DocumentBridges:
    """The project as a participant of all its documents, while the server runs.

    It opens the documents that clients look at, at most ``max_open_files`` at once.
    """

    def __init__(
        self,
        conat: ConatService,
        documents: DocumentRegistry,
        paths: PathRooms,
        storage: Folders,
        blobs: BlobStore,
        *,
        max_open_files: int = 1000,
    ) -> None:
        project_id = conat.project_id
        self.client = Client(LoopbackTransport(conat.broker, User("project", project_id)))
        self.bridges = Bridges(
            self.client,
            project_id,
            lambda name: account_id_from_username(name, project_id),
        )
        content = partial(content_of, self.client, project_id, blobs=blobs)
        self._terminating = conat.terminating
        self.open_files = OpenFilesLoop(
            self.client,
            project_id,
            ServedFiles(documents, paths, storage, content, self.bridges.expect),
            limits=OpenFilesLimits(max_open=max_open_files),
        )

    async def start(self) -> None:
        """Connect the project and follow what clients look at."""
        self.client.start()
        self.open_files.start()
        self._terminating.add("open-files", self.open_files.close)

    async def stop(self) -> None:
        """Commit what is left and leave; idempotent."""
        await self.open_files.close()
        await self.bridges.close()
        await self.client.close()

    def opened(self, document: LiveDocument) -> None:
        """Begin to bridge a document."""
        self.bridges.attach(document)
