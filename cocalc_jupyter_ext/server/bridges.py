"""Lets CoCalc clients take part in the open documents, over the project's message fabric."""

from ..conat.client.client import Client
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..documents.bridge.bridges import Bridges
from ..documents.document import LiveDocument
from .conat import ConatService
from .identity import account_id_from_username

__all__ = ["DocumentBridges"]


class DocumentBridges:
    """The project as a participant of all its documents, while the server runs."""

    def __init__(self, conat: ConatService) -> None:
        project = User("project", conat.project_id)
        self._client = Client(LoopbackTransport(conat.broker, project))
        self.bridges = Bridges(
            self._client,
            conat.project_id,
            lambda name: account_id_from_username(name, conat.project_id),
        )

    async def start(self) -> None:
        """Connect the project."""
        self._client.start()

    async def stop(self) -> None:
        """Commit what is left and leave; idempotent."""
        await self.bridges.close()
        await self._client.close()

    def opened(self, document: LiveDocument) -> None:
        """Begin to bridge a document."""
        self.bridges.attach(document)
