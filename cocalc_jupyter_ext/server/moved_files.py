"""Files that a program moves or renames outside of Jupyter are found again, by their inode.

A number alone proves nothing, because a new file may get that of a deleted one: size and time of
the last change must be the same too, as they are after a move. A symbolic link counts as itself,
not as what it points to. The search is bounded and leaves out what is hidden.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..documents.storage import FileIdentity

__all__ = ["MAX_SEARCHED", "find_file", "identity_of"]

MAX_SEARCHED = 50_000
"""How many files and folders are looked at before a file counts as gone."""


def identity_of(path: Path) -> FileIdentity | None:
    """Return what stays when a file is moved; None without a file, or if it has other names."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return _identity(found) if found.st_nlink == 1 else None


def find_file(
    identity: FileIdentity, root: Path, near: Path, max_searched: int = MAX_SEARCHED
) -> Path | None:
    """Search the folder ``near`` and then all of ``root`` for a file."""
    for entry in islice(_entries(near, root), max_searched):
        if _is(entry, identity):
            return Path(entry.path)
    return None


def _entries(near: Path, root: Path) -> Iterator[os.DirEntry[str]]:
    waiting = deque([root])
    if near.is_dir():
        yield from _listed(near)
    while waiting:
        for entry in _listed(waiting.popleft()):
            yield entry
            if _is_folder(entry):
                waiting.append(Path(entry.path))


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:  # not ours to read, or it went while it was looked at
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is(entry: os.DirEntry[str], identity: FileIdentity) -> bool:
    if entry.inode() != identity.inode:
        return False
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return not stat.S_ISDIR(found.st_mode) and _identity(found) == identity


def _identity(found: os.stat_result) -> FileIdentity:
    return FileIdentity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
