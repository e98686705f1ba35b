"""The project's files, as CoCalc clients open them: by their path, and new ones too."""

import posixpath
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from ..documents.bridge.open_entries import ServedFile
from ..documents.document import Hold
from ..documents.errors import FileUnreadableError, FileWriteError
from ..documents.registry import DocumentRegistry
from ..documents.storage import Content, FileStorage
from ..documents.syncdoc.records import RecordSchema
from .path_rooms import PathRooms

__all__ = ["Folders", "ServedFiles"]

MAX_TEXT_BYTES: Final = 32_000_000
MAX_NOTEBOOK_BYTES: Final = 150_000_000


class Folders(FileStorage, Protocol):
    """Files that are in folders and have a size."""

    async def folder_exists(self, path: str) -> bool:
        """Return whether there is a folder; the empty path is the root."""
        ...

    async def size_bytes(self, path: str) -> int | None:
        """Return the size of a file, 0 where it is not known; None when there is no file."""
        ...


class ServedFiles:
    """Opens documents for CoCalc clients.

    A file that does not exist is made, with what ``content_of`` returns: a client that opens the
    path of a new file expects one, and that of a removed file expects it back
    (syncdoc-jupyter §1.14).
    """

    def __init__(
        self,
        documents: DocumentRegistry,
        paths: PathRooms,
        storage: Folders,
        content_of: Callable[[ServedFile], Awaitable[Content]],
        expect: Callable[[str, RecordSchema | None], Awaitable[None]],
    ) -> None:
        self._documents = documents
        self._paths = paths
        self._storage = storage
        self._content_of = content_of
        self._expect = expect

    async def open(self, file: ServedFile) -> Hold:
        """Open the document of a file and hold it.

        Raises DocumentError; it says so when the folder of a new file does not exist, or when a
        file is larger than clients can take (§1.21, §3.2). Raises ConatError.
        """
        file_format, file_type = _format_and_type(file)
        if not file.is_notebook:
            await self._expect(file.path, file.schema)
        size = await self._storage.size_bytes(file.path)
        if size is None:
            await self._make(file)
        elif size > (MAX_NOTEBOOK_BYTES if file.is_notebook else MAX_TEXT_BYTES):
            raise FileUnreadableError(file.path, f"it is too large ({size / 1e6:.0f} MB)")
        room_id = self._paths.room_of(file.path, file_format=file_format, file_type=file_type)
        _, hold = await self._documents.acquire(room_id, "CoCalc clients")
        return hold

    async def exists(self, path: str) -> bool:
        """Return whether there is such a file; raises FileUnreadableError."""
        return await self._storage.stat(path) is not None

    async def _make(self, file: ServedFile) -> None:
        file_format, file_type = _format_and_type(file)
        live = self._documents.find(file.path, file_format=file_format, file_type=file_type)
        if live is not None:  # somebody has it open since before it was removed
            await live.save()
            return
        if not await self._storage.folder_exists(posixpath.dirname(file.path)):
            raise FileWriteError(file.path, "its folder does not exist")
        content = await self._content_of(file)
        if await self._storage.stat(file.path) is None:  # nobody else has made it meanwhile
            await self._storage.save(
                file.path, content, file_format=file_format, file_type=file_type
            )


def _format_and_type(file: ServedFile) -> tuple[str, str]:
    """Return the names that JupyterLab's pages use, so that all have the same document."""
    return ("json", "notebook") if file.is_notebook else ("text", "file")
