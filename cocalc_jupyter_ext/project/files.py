"""What is in the folders of a project (conat-sync §6.4). It blocks: call it in worker threads."""

import os
import stat
from dataclasses import dataclass
from typing import Final

from ..conat.services.folder import FileRefused, Folder
from ..conat.types import JsonValue
from .dispatch import ApiError

__all__ = ["MAX_ENTRIES", "Entry", "FolderListing", "list_folder", "listing_to_wire"]

MAX_ENTRIES: Final = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder: ``mtime`` in seconds since 1970, ``size`` in bytes, or in entries.

    Of a link these are what it leads to, unless that is outside of the project's files.
    """

    name: str
    is_folder: bool = False
    link_target: str | None = None
    size: int | None = None
    mtime: float | None = None
    error: str | None = None

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the entry with what is true or known."""
        wire: dict[str, JsonValue] = {
            "name": self.name,
            "isdir": self.is_folder or None,
            "issymlink": True if self.link_target is not None else None,
            "link_target": self.link_target,
            "size": self.size,
            "mtime": self.mtime,
            "error": self.error,
        }
        return {name: value for name, value in wire.items() if value is not None}


@dataclass(frozen=True, slots=True)
class FolderListing:
    """Entries by name; ``has_more`` if there were more of them."""

    entries: tuple[Entry, ...]
    has_more: bool = False


def list_folder(
    folder: Folder, path: str, *, hidden: bool = True, newest: int | None = None
) -> FolderListing:
    """Return what is in a folder, at most the ``newest`` entries.

    ``hidden`` includes names that begin with a dot, and counts them in folders. Raises
    FileRefused for what is missing, outside, no folder, unreadable, or has more than 50,000
    entries.
    """
    with folder.folder(path) as descriptor:
        names = [name for name in _names(path, descriptor) if hidden or not name.startswith(".")]
        found = [_entry(folder, path, descriptor, name, hidden=hidden) for name in names]
    kept = found
    if newest is not None and len(found) > newest:
        kept = sorted(found, key=lambda entry: entry.mtime or 0, reverse=True)[:newest]
    return FolderListing(
        tuple(sorted(kept, key=lambda entry: entry.name)), has_more=len(kept) < len(found)
    )


def listing_to_wire(folder: Folder, path: str, *, hidden: bool) -> list[JsonValue]:
    """Return what a client that asks for a folder is told (hub-project-api §3.2, §4.12).

    Raises ApiError with ``ENOENT`` for a missing folder, else what ``list_folder`` raises.
    """
    try:
        listing = list_folder(folder, path, hidden=hidden)
    except FileRefused as error:
        if error.is_missing:
            raise ApiError(f"ENOENT: no such folder: '{path[:1000]}'") from error
        raise
    return [entry.to_wire() for entry in listing.entries]


def _names(path: str, descriptor: int) -> list[str]:
    names: list[str] = []
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MAX_ENTRIES:
                    raise FileRefused(path, f"this folder has more than {MAX_ENTRIES} entries")
    except OSError as error:
        raise FileRefused(path, error.strerror or str(error)) from error
    return names


def _entry(folder: Folder, path: str, descriptor: int, name: str, *, hidden: bool) -> Entry:
    shown = _shown(name)
    target: str | None = None
    try:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            target = _shown(os.readlink(name, dir_fd=descriptor))
            if not folder.contains(os.path.join(path, name)):  # noqa: PTH118 - keeps "" and dots
                return Entry(shown, link_target=target, mtime=found.st_mtime)
            found = os.stat(name, dir_fd=descriptor)
        is_folder = stat.S_ISDIR(found.st_mode)
        size = _count(descriptor, name, hidden=hidden) if is_folder else found.st_size
    except OSError as error:
        return Entry(shown, link_target=target, error=error.strerror or str(error))
    return Entry(shown, is_folder, target, size, found.st_mtime)


def _count(descriptor: int, name: str, *, hidden: bool) -> int | None:
    """Return how many entries a folder shows; None for one that may not be looked into."""
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
    except PermissionError:
        return None
    try:
        with os.scandir(inner) as entries:
            return sum(1 for entry in entries if hidden or not entry.name.startswith("."))
    finally:
        os.close(inner)


def _shown(name: str) -> str:
    """Return a name as text; bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(name).decode(errors="replace")
