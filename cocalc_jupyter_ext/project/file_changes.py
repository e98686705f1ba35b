"""Deletes and moves files below one folder; links are handled, never followed.

Only the folder above a file is resolved, and has to be inside; the file itself is then named in
that open folder. Blocking: call it in worker threads.
"""

import errno
import os
import posixpath
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from ..conat.services.folder import FileRefused, Folder

__all__ = ["companions", "delete", "move"]

_MOVED: Final = ("sage-chat", "sage-jupyter", "sage-jupyter2", "time-travel", "sage-history")
_DELETED: Final = (*_MOVED, "syncdb")


def companions(path: str, *, deleted: bool = False) -> list[str]:
    """Return the hidden files that belong to a file, whether they exist or not (§3.2)."""
    folder, name = posixpath.split(path)
    return [
        posixpath.join(folder, f".{name}.{extension}")
        for extension in (_DELETED if deleted else _MOVED)
    ]


def delete(folder: Folder, path: str) -> bool:
    """Remove a file, or a folder with all that is in it; return whether there was something.

    Raises FileRefused for the folder of all files, what is outside of it, and what the system
    refuses.
    """
    with _parent(folder, path) as parent:
        if parent is None:
            return False
        descriptor, name = parent
        found = _look(descriptor, name)
        if found is None:
            return False
        with _telling(path):
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(name, dir_fd=descriptor)
            else:
                os.unlink(name, dir_fd=descriptor)
    return True


def move(folder: Folder, source: str, target: str) -> None:
    """Give a file or folder another path; raises FileRefused if there is something already."""
    with _parent(folder, source) as before, _parent(folder, target) as after:
        if before is None or _look(*before) is None:
            raise FileRefused(source, "ENOENT: no such file or folder", is_missing=True)
        if after is None:
            raise FileRefused(target, "ENOENT: its folder does not exist", is_missing=True)
        if _look(*after) is not None:
            raise FileRefused(target, "EEXIST: there is such a file or folder already")
        with _telling(source):
            os.rename(before[1], after[1], src_dir_fd=before[0], dst_dir_fd=after[0])


@contextmanager
def _parent(folder: Folder, path: str) -> Iterator[tuple[int, str] | None]:
    """Give the open folder of a file and its name there; None where there is no such folder."""
    above, name = posixpath.split(path.rstrip("/"))
    if name in {"", ".", ".."}:
        raise FileRefused(path, "this names no file or folder in the project's files")
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(folder.folder(above))
        except FileRefused as error:
            if not error.is_missing:
                raise
            yield None
        else:
            yield descriptor, name


def _look(descriptor: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextmanager
def _telling(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "EIO")
        reason = f"{code}: {error.strerror or error}"
        raise FileRefused(path, reason, is_missing=isinstance(error, FileNotFoundError)) from error
