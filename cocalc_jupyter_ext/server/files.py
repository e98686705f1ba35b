"""The project's files on the message fabric: read, write, listings (conat-sync §5, §6.4).

They are those that the contents manager serves, if it serves a folder of this machine.
"""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from jupyter_server.services.contents.filemanager import FileContentsManager

from ..conat.client.client import Client
from ..conat.services.file_reading import FileReadService
from ..conat.services.file_writing import FileWriteService
from ..conat.services.folder import Folder
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..project.listings import ListingService
from .conat import ConatService

__all__ = ["ProjectFiles", "folder_of"]

_log = logging.getLogger(__name__)


def folder_of(contents: object) -> Path | None:
    """Return the folder that a contents manager serves; None if it keeps files elsewhere."""
    return Path(contents.root_dir) if isinstance(contents, FileContentsManager) else None


class ProjectFiles:
    """Serves the files while the server runs, as a client of the project's broker."""

    def __init__(self, conat: ConatService, contents: Callable[[], object]) -> None:
        self._conat = conat
        self._contents = contents
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Begin to serve; returns when requests can be answered."""
        root = folder_of(self._contents())
        if root is None:
            _log.info("files are not served over conat: they are not in a folder of this machine")
            return
        project_id, folder = self._conat.project_id, Folder(root)
        async with AsyncExitStack() as stack:
            transport = LoopbackTransport(self._conat.broker, User("project", project_id))
            client = await stack.enter_async_context(Client(transport))
            services: dict[str, FileReadService | FileWriteService | ListingService] = {
                "files:read": FileReadService(client, folder, project_id=project_id),
                "files:write": FileWriteService(client, folder, project_id=project_id),
                "listings": ListingService(client, folder, project_id=project_id),
            }
            for name, service in services.items():
                await stack.enter_async_context(service)
                self._conat.terminating.add(name, service.stop)
            self._running = stack.pop_all()
        _log.info("files of project %s are served from %s", project_id, root)

    async def stop(self) -> None:
        """End transfers, whose partial files are removed; calling it again does nothing."""
        await self._running.aclose()
