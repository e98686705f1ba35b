"""Starts and stops what keeps documents and their rooms going, and tidies their logs."""

import asyncio
import time

from ..documents.file_ids import FileIds
from ..documents.log_files import remove_expired_logs
from ..documents.registry import DocumentRegistry
from ..documents.rooms import Rooms
from .settings import ServerSettings

__all__ = ["DocumentParts"]


class DocumentParts:
    """The life of documents inside the server."""

    def __init__(
        self,
        documents: DocumentRegistry,
        rooms: Rooms,
        file_ids: FileIds,
        settings: ServerSettings,
    ) -> None:
        self._documents = documents
        self._rooms = rooms
        self._file_ids = file_ids
        self._settings = settings
        self._tidying: asyncio.Task[list[str]] | None = None

    async def start(self) -> None:
        """Begin signs of life in rooms; remove the logs of files that are long gone."""
        self._rooms.start()
        settings = self._settings
        self._tidying = asyncio.create_task(
            remove_expired_logs(
                settings.log_folder, self._file_ids, now=time.time(), keep_s=settings.log_keep_s
            ),
            name="removal of old update logs",
        )

    async def stop(self) -> None:
        """Save and close every document within the shutdown time; idempotent."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self._rooms.stop()
        await self._documents.close(self._settings.shutdown_timeout_s)
