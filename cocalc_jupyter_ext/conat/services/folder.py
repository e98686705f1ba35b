"""Files below one folder, and nothing else (conat-sync §5).

A path is relative to the folder, or absolute and inside it. Symbolic links are resolved first;
what they lead to has to be inside too. Then each part is opened from the one before it, without
following links, so that nobody can put one in between. Only regular files are read and written.

The methods block: call them in worker threads.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from ..client.identifiers import random_id
from ..errors import ConatError
from ..types import MakeId

__all__ = ["FileRefused", "Folder", "PartialFile"]

_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK opening waits for the other end of what became a pipe in the meantime.
_READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)


class FileRefused(ConatError):  # noqa: N818 - the names of this tree are nouns of the contract
    """A file cannot be read, written or listed; the text says which and why."""

    def __init__(self, path: str, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.is_missing = is_missing

    def __str__(self) -> str:
        return f"'{self.path[:1000]}': {self.reason}"


@contextmanager
def _telling(path: str) -> Iterator[None]:
    """Turn what the operating system says into FileRefused."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        missing = isinstance(error, FileNotFoundError)
        raise FileRefused(path, reason, is_missing=missing) from error


def _check_is_file(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise FileRefused(path, f"this is {kind}, and only files can be read or written")


class PartialFile:
    """A file being written under another name beside its own, until ``commit``."""

    def __init__(self, path: str, folder: int, name: str, make_id: MakeId) -> None:
        self._path = path
        self._folder = folder
        self._name = name
        self._partial = f"{name}.partialupload-{make_id()}"
        self._file = os.open(self._partial, _CREATE_FLAGS, 0o666, dir_fd=folder)

    def write(self, data: bytes) -> None:
        """Append; raises FileRefused, for example when the disk is full."""
        with _telling(self._path):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]

    def commit(self) -> None:
        """Give the file its name, once its bytes are on the disk; raises FileRefused.

        A file that was there is replaced at once, and its permissions stay.
        """
        with _telling(self._path):
            before = _look(self._name, self._folder)
            if before is not None:
                _check_is_file(self._path, before.st_mode)
                os.fchmod(self._file, stat.S_IMODE(before.st_mode))
            os.fsync(self._file)
            os.rename(self._partial, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def close(self) -> None:
        """Remove what was not committed."""
        os.close(self._file)
        with _telling(self._path), suppress(FileNotFoundError):
            os.unlink(self._partial, dir_fd=self._folder)


def _look(name: str, folder: int) -> os.stat_result | None:
    """Return what has a name, without following links; None for nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


class Folder:
    """The files below ``root``."""

    def __init__(self, root: Path, make_id: MakeId = random_id) -> None:
        self._root = root
        self._make_id = make_id

    def open(self, path: str) -> BinaryIO:
        """Open a file to read it; raises FileRefused."""
        with _telling(path), self._containing(path) as (folder, name):
            _check_is_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            file = os.open(name, _READ_FLAGS, dir_fd=folder)
            with ExitStack() as stack:
                stack.callback(os.close, file)
                _check_is_file(path, os.fstat(file).st_mode)
                stack.pop_all()
                return os.fdopen(file, "rb", buffering=0)

    @contextmanager
    def create(self, path: str) -> Iterator[PartialFile]:
        """Give a file to write and commit; folders above it are made. Raises FileRefused.

        What is not committed when the context ends is removed.
        """
        with ExitStack() as stack:
            with _telling(path):
                folder, name = stack.enter_context(self._containing(path, create=True))
                before = _look(name, folder)
                if before is not None:
                    _check_is_file(path, before.st_mode)
                partial = PartialFile(path, folder, name, self._make_id)
            stack.callback(partial.close)
            yield partial

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """Give the descriptor of an open folder below this one; raises FileRefused."""
        with ExitStack() as stack:
            with _telling(path):
                folder = stack.enter_context(self._walk(self._parts(path)))
            yield folder

    def contains(self, path: str) -> bool:
        """Return whether a path leads, links and all, to somewhere inside."""
        try:
            self._parts(path)
        except FileRefused:
            return False
        return True

    def _parts(self, path: str) -> tuple[str, ...]:
        try:
            root = self._root.resolve()
            real = (root / path).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise FileRefused(path, f"not a path of a file: {error}") from error
        if not real.is_relative_to(root):
            raise FileRefused(path, "this is outside of the project's files")
        return real.relative_to(root).parts

    @contextmanager
    def _containing(self, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Give the open folder that holds a path, and the last part of the path."""
        *folders, name = self._parts(path) or (".",)
        with self._walk(folders, create=create) as folder:
            yield folder, name

    @contextmanager
    def _walk(self, parts: "tuple[str, ...] | list[str]", *, create: bool = False) -> Iterator[int]:
        folder = os.open(self._root.resolve(), _FOLDER_FLAGS)
        try:
            for part in parts:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)
