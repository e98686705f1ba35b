"""Where the streams of a server are kept, and how one is opened (conat-sync §2.1, §2.10)."""

from dataclasses import dataclass
from pathlib import Path

from ..access import StorageOptions
from ..database.memory_store import MemoryStore
from ..database.sqlite_store import SqliteStore
from ..paths import file_of
from ..store import StreamStore

__all__ = ["StoreFiles"]


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The folders of a server: of the streams, and optionally of their archives and backups."""

    root: Path
    archive: Path | None = None
    backup: Path | None = None

    def open(self, options: StorageOptions) -> StreamStore:
        """Open the stream of a path that its user may use; ephemeral ones leave no file.

        Raises StoreError; PathDenied when symbolic links lead out of a folder.
        """
        if options.ephemeral:
            return MemoryStore(options.path)
        return SqliteStore.open(
            file_of(self.root, options.path),
            sync=options.sync,
            archive=self.archive and file_of(self.archive, options.path),
            backup=self.backup and file_of(self.backup, options.path),
        )
