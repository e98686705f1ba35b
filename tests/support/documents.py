"""A small world for documents: files in memory, real logs in a folder, no server."""

import copy
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.documents.autosave import AutosaveTimes
from cocalc_jupyter_ext.documents.blobs.notebook import notebook_class
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.contents import installed_classes
from cocalc_jupyter_ext.documents.errors import (
    FileMissingError,
    FileUnreadableError,
    FileWriteError,
)
from cocalc_jupyter_ext.documents.notices import Notice
from cocalc_jupyter_ext.documents.opening import DocumentOpener
from cocalc_jupyter_ext.documents.registry import DocumentRegistry
from cocalc_jupyter_ext.documents.room_ids import RoomId
from cocalc_jupyter_ext.documents.settings import DocumentSettings
from cocalc_jupyter_ext.documents.storage import FileIdentity, FileVersion, LoadedFile

from .notebooks import notebook

__all__ = ["NOTEBOOK_ID", "TEXT_ID", "DocumentWorld", "MemoryStorage", "open_world"]

TEXT_ID = RoomId("text", "file", "t1")
NOTEBOOK_ID = RoomId("json", "notebook", "n1")


class MemoryStorage:
    """Files in memory; ``UNREADABLE`` as content stands for a file that is no document."""

    UNREADABLE = "<unreadable>"

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}
        self.saves = 0
        self.full_disk = False
        self.read_only: set[str] = set()
        self.changed_ms: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._count = 0

    def write(self, path: str, content: Any) -> None:
        """Write a file as another program would."""
        self._count += 1
        self.files[path] = copy.deepcopy(content)
        self._versions[path] = self._count

    async def load(self, path: str, *, file_format: str, file_type: str) -> LoadedFile:
        """Read a file."""
        version = await self.version(path)
        if version is None:
            raise FileMissingError(path)
        if self.files[path] == self.UNREADABLE:
            raise FileUnreadableError(path, "not a notebook")
        return LoadedFile(copy.deepcopy(self.files[path]), version)

    async def stat(self, path: str) -> FileVersion | None:
        """Return the cheap part of the version."""
        if path not in self.files:
            return None
        return FileVersion(str(self._versions[path]), changed_ms=self.changed_ms.get(path))

    async def version(self, path: str) -> FileVersion | None:
        """Return the whole version."""
        if path not in self.files:
            return None
        return FileVersion(str(self._versions[path]), f"hash of {self.files[path]}")

    async def is_read_only(self, path: str) -> bool:
        """Tell what the test says."""
        return path in self.files and path in self.read_only

    async def save(
        self, path: str, content: Any, *, file_format: str, file_type: str
    ) -> FileVersion:
        """Write a file as the server does."""
        if self.full_disk:
            raise FileWriteError(path, "no space left on device")
        self.saves += 1
        self.write(path, content)
        version = await self.version(path)
        assert version is not None
        return version

    async def identity(self, path: str) -> FileIdentity | None:
        """Return the number of the last write."""
        return FileIdentity(0, self._versions[path], 0, 0) if path in self.files else None

    async def find(self, identity: FileIdentity, near: str) -> str | None:
        """Search all files."""
        return next((path for path in self.files if self._versions[path] == identity.inode), None)

    def move(self, path: str, target: str) -> None:
        """Move a file as another program would."""
        self.files[target] = self.files.pop(path)
        self._versions[target] = self._versions.pop(path)

    async def keep_copy(self, path: str) -> str:
        """Copy a file beside itself."""
        self.write(f"{path}.copy", self.files[path])
        return f"{path}.copy"


class MemoryFileIds:
    """Ids that tests choose."""

    def __init__(self, paths: dict[str, str]) -> None:
        self.paths = paths

    def get_path(self, id: str) -> str | None:  # noqa: A002 - the interface's word
        """Return the path of an id."""
        return self.paths.get(id)

    def get_id(self, path: str) -> str | None:
        """Return the id of a path."""
        return next((key for key, value in self.paths.items() if value == path), None)

    def move(self, old_path: str, new_path: str) -> str | None:
        """Let the id of a file be that of another path."""
        known = self.get_id(old_path)
        if known is not None:
            self.paths[known] = new_path
        return known

    def index(self, path: str) -> str | None:
        """Return the id of a path, making one if need be."""
        known = self.get_id(path)
        if known is None:
            known = f"id-of-{path.replace('.', '-')}"
            self.paths[known] = path
        return known


@dataclass
class DocumentWorld:
    """A registry and what it stands on."""

    storage: MemoryStorage
    file_ids: MemoryFileIds
    registry: DocumentRegistry
    log_folder: Path
    blobs: BlobStore
    notices: list[Notice] = field(default_factory=list)


# Tests call what the times would start, so no time passes by itself.
NEVER_S = 3600.0
STILL = DocumentSettings(
    autosave=AutosaveTimes(quiet_s=NEVER_S, longest_s=NEVER_S),
    file_poll_s=NEVER_S,
    close_delay_s=NEVER_S,
)


@asynccontextmanager
async def open_world(
    folder: Path, storage: MemoryStorage | None = None, settings: DocumentSettings = STILL
) -> AsyncIterator[DocumentWorld]:
    """Open a world with ``a.txt`` and ``a.ipynb``; opened again, it has the same logs."""
    if storage is None:
        storage = MemoryStorage()
        storage.write("a.txt", "hello")
        storage.write("a.ipynb", notebook("1 + 1", "2 + 2"))
    file_ids = MemoryFileIds({TEXT_ID.file_id: "a.txt", NOTEBOOK_ID.file_id: "a.ipynb"})
    notices: list[Notice] = []
    blobs = BlobStore(folder / "blobs")
    with ThreadPoolExecutor(2) as executor:
        opener = DocumentOpener(
            storage=storage,
            settings=settings,
            notify=notices.append,
            executor=executor,
            log_folder=folder,
            before_logging=blobs.write,
        )
        classes = {**installed_classes(), "notebook": notebook_class(blobs)}
        registry = DocumentRegistry(opener, file_ids=file_ids, classes=classes)
        try:
            yield DocumentWorld(storage, file_ids, registry, folder, blobs, notices)
        finally:
            await registry.close()
