"""What documents need from the place where their files live.

The server layer implements this over Jupyter's contents manager, so every contents manager
and its hooks keep working.
"""

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Content", "FileIdentity", "FileStorage", "FileVersion", "LoadedFile"]

Content = Any
"""The plain value of a document: a notebook as nested dictionaries, or a text."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Which state of a file was seen.

    ``modified`` is an opaque time stamp that is cheap to get; ``hash`` is the storage's hash of
    the bytes, or None where it has none. ``modified_ms`` is when the content was written, and
    ``changed_ms`` when it was or the file was put into its place: Unix times, None where the
    storage does not know them.
    """

    modified: str
    hash: str | None = None
    modified_ms: int | None = None
    changed_ms: int | None = None

    def same_bytes(self, other: "FileVersion") -> bool:
        """Whether both are the same state of the file, as far as that can be known."""
        if self.hash is not None and other.hash is not None:
            return self.hash == other.hash
        return self.modified == other.modified


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """The content of a file and the state in which it was read."""

    content: Content
    version: FileVersion


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What stays of a file when it is moved; ``modified_ns`` is Unix time in nanoseconds."""

    device: int
    inode: int
    size: int
    modified_ns: int


class FileStorage(Protocol):
    """Load, look at and save plain files; format and type are those of the room id."""

    async def load(self, path: str, *, file_format: str, file_type: str) -> LoadedFile:
        """Read a file; raises FileMissingError, FileUnreadableError."""
        ...

    async def stat(self, path: str) -> FileVersion | None:
        """Return the cheap part of the version (no hash), or None when there is no file."""
        ...

    async def version(self, path: str) -> FileVersion | None:
        """Return the whole version, or None when there is no file."""
        ...

    async def is_read_only(self, path: str) -> bool:
        """Return whether there is a file that may not be written; raises FileUnreadableError."""
        ...

    async def save(
        self, path: str, content: Content, *, file_format: str, file_type: str
    ) -> FileVersion:
        """Write a file; raises FileWriteError."""
        ...

    async def identity(self, path: str) -> FileIdentity | None:
        """Return what a file can be found by after a move, or None when it cannot be."""
        ...

    async def find(self, identity: FileIdentity, near: str) -> str | None:
        """Return the path that a file which was at ``near`` was moved to, if it is found."""
        ...

    async def keep_copy(self, path: str) -> str:
        """Copy the file's bytes beside it under a telling name and return that path.

        Raises FileWriteError.
        """
        ...
