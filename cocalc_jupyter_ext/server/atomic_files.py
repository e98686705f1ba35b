"""The stock contents manager with writes that nobody ever sees half done.

Jupyter's own "atomic" writing empties the file and fills it again, with a copy beside it for the
case that filling fails. A reader can meet the empty file, and a server that is killed at that
moment leaves it behind. Here the new content is complete on disk before it takes the old one's
place in one step.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from .threaded_files import ThreadedFileManager

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["AtomicFileManager", "install", "replaces_file"]


class AtomicFileManager(ThreadedFileManager):
    """Jupyter's default contents manager, replacing files instead of refilling them."""

    @contextmanager
    def atomic_writing(self, os_path: str, *args: Any, **kwargs: Any) -> Iterator[IO[Any]]:
        """Open ``os_path`` for writing; permission errors become 403 as in the stock manager.

        Falls back to the stock writing where replacing would change what the file is.
        """
        target = Path(os_path).resolve()
        if not self.use_atomic_writing or not _is_replaceable(target):
            with super().atomic_writing(os_path, *args, **kwargs) as file:
                yield file
            return
        with self.perm_to_403(os_path), replaces_file(target, *args, **kwargs) as file:
            yield file


@contextmanager
def replaces_file(
    target: Path, text: bool = True, encoding: str = "utf-8", **options: Any
) -> Iterator[IO[Any]]:
    """Write a file that takes ``target``'s place, mode and owner when the block ends well.

    When it does not, ``target`` is as before and nothing is left behind.
    """
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.new")
    # Unlike a temporary file's, this mode leaves a new file to the user's umask.
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        mode = {"mode": "w", "encoding": encoding, "newline": "\n"} if text else {"mode": "wb"}
        with os.fdopen(handle, **{**mode, **options}) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _take_over_attributes(target, temporary)
        temporary.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def install(serverapp: "ServerApp") -> bool:
    """Use `AtomicFileManager` unless another contents manager was chosen; return whether.

    Must run before the server builds its contents manager.
    """
    if serverapp.contents_manager_class is not AsyncLargeFileManager:
        return False
    serverapp.contents_manager_class = AtomicFileManager
    return True


def _is_replaceable(target: Path) -> bool:
    """Say whether a new file may stand in for ``target``.

    Not if it has other names (hard links), is no regular file, may not be written itself, or lies
    in a folder that may not be.
    """
    if not os.access(target.parent, os.W_OK):
        return False
    try:
        found = target.stat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and os.access(target, os.W_OK)


def _take_over_attributes(target: Path, temporary: Path) -> None:
    try:
        found = target.stat()
    except FileNotFoundError:
        return
    # Only root may give files away; anybody else owns both already, or shares the group.
    with suppress(PermissionError):
        os.chown(temporary, found.st_uid, found.st_gid)
    shutil.copymode(target, temporary)
