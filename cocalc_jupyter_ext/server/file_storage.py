"""Documents' plain files, through Jupyter's contents manager.

Every contents manager works, with its hooks and checks. One that knows no hashes (an old or
foreign one) is served by time stamps alone.
"""

import asyncio
import base64
import binascii
import inspect
import os
import posixpath
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from ..documents.errors import (
    FileMissingError,
    FileTooLargeError,
    FileUnreadableError,
    FileWriteError,
)
from ..documents.storage import Content, FileIdentity, FileVersion, LoadedFile
from .hidden_files import has_hidden_name
from .moved_files import find_file, identity_of

__all__ = ["MAX_NOTEBOOK_BYTES", "MAX_TEXT_BYTES", "ContentsApi", "ContentsStorage"]

_MAX_COPIES = 100
_NS_PER_MS = 1_000_000


MAX_TEXT_BYTES: Final = 32_000_000
MAX_NOTEBOOK_BYTES: Final = 150_000_000
"""The largest files that are opened as documents, where nothing else is set."""


class ContentsApi(Protocol):
    """What is used of a contents manager; each method may be a coroutine function or not."""

    def get(self, path: str, **options: Any) -> Any:
        """Return the model of a file."""
        ...

    def save(self, model: dict[str, Any], path: str) -> Any:
        """Write a file."""
        ...

    def file_exists(self, path: str) -> Any:
        """Say whether there is a file."""
        ...

    def dir_exists(self, path: str) -> Any:
        """Say whether there is a folder."""
        ...


class ContentsStorage:
    """``FileStorage`` over a contents manager; paths are API paths.

    Files with hidden names are those of ``hidden``, if it is given.
    """

    def __init__(
        self,
        contents: Callable[[], ContentsApi],
        wall_clock: Callable[[], float] = time.time,
        *,
        hidden: Callable[[], ContentsApi] | None = None,
        max_text_bytes: int = MAX_TEXT_BYTES,
        max_notebook_bytes: int = MAX_NOTEBOOK_BYTES,
    ) -> None:
        self._contents = contents
        self._hidden = hidden or contents
        self._wall_clock = wall_clock
        self._max_text_bytes = max_text_bytes
        self._max_notebook_bytes = max_notebook_bytes

    async def load(self, path: str, *, file_format: str, file_type: str) -> LoadedFile:
        """Read and validate a file; raises FileMissingError, FileUnreadableError.

        One that is too large is not read.
        """
        await self._check_size(path, file_type)
        found = self._found(path)
        try:
            model = await self._get(
                path,
                content=True,
                type=_contents_type(file_type),
                format=file_format,
                with_hash=True,
            )
        except HTTPError as error:
            if error.status_code == 404:
                raise FileMissingError(path) from error
            raise FileUnreadableError(path, _problem(error, path)) from error
        return LoadedFile(_decoded(model, path, file_format), _version(model, found))

    async def stat(self, path: str) -> FileVersion | None:
        """Return the file's time stamp, or None when there is no file."""
        return await self._version(path, with_hash=False)

    async def version(self, path: str) -> FileVersion | None:
        """Return the file's time stamp and hash, or None when there is no file."""
        return await self._version(path, with_hash=True)

    async def is_read_only(self, path: str) -> bool:
        """Return whether there is a file that may not be written; raises FileUnreadableError.

        A contents manager that does not say so can write everything.
        """
        model = await self._model(path)
        return model is not None and not model.get("writable", True)

    async def size_bytes(self, path: str) -> int | None:
        """Return the size of a file, 0 where the contents manager does not know it.

        None when there is no file; raises FileUnreadableError.
        """
        model = await self._model(path)
        return None if model is None else int(model.get("size") or 0)

    async def folder_exists(self, path: str) -> bool:
        """Return whether there is a folder; the empty path is the root."""
        return bool(await ensure_async(self._of(path).dir_exists(path)))

    async def save(
        self, path: str, content: Content, *, file_format: str, file_type: str
    ) -> FileVersion:
        """Write a file; raises FileWriteError."""
        if file_format == "base64":
            content = base64.b64encode(content).decode()
        model = {"type": _contents_type(file_type), "format": file_format, "content": content}
        try:
            await ensure_async(self._of(path).save(model, path))
            version = await self._version(path, with_hash=True)
        except HTTPError as error:
            is_lost = not await self.folder_exists(posixpath.dirname(path))
            problem = _NO_FOLDER if is_lost else _problem(error, path)
            raise FileWriteError(path, problem) from error
        except OSError as error:
            raise FileWriteError(path, str(error)) from error
        if version is None:
            raise FileWriteError(path, "it vanished while it was written")
        return version

    async def keep_copy(self, path: str) -> str:
        """Copy the file as it is to ``<name>.from-disk-<time><suffix>``; raises FileWriteError."""
        try:
            model = await self._get(path, content=True, type="file")
            target = await self._free_name(path)
            copy = {"type": "file", "format": model["format"], "content": model["content"]}
            await ensure_async(self._of(target).save(copy, target))
        except HTTPError as error:
            raise FileWriteError(path, f"a copy failed: {_problem(error, path)}") from error
        return target

    async def identity(self, path: str) -> FileIdentity | None:
        """Return what a file can be found by; only files of this machine can be found."""
        place = self._place(path)
        return None if place is None else await asyncio.to_thread(identity_of, place)

    async def find(self, identity: FileIdentity, near: str) -> str | None:
        """Return the API path that a file which was at ``near`` was moved to, if it is found."""
        root, old = self._place(""), self._place(near)
        if root is None or old is None:
            return None
        found = await asyncio.to_thread(find_file, identity, root, old.parent)
        return None if found is None else found.relative_to(root).as_posix()

    def _of(self, path: str) -> ContentsApi:
        return self._hidden() if has_hidden_name(path) else self._contents()

    def _place(self, path: str) -> Path | None:
        """Return where a file is on this machine, if the contents manager keeps its files there."""
        locate = getattr(self._contents(), "_get_os_path", None)
        try:
            return None if locate is None else Path(locate(path))
        except HTTPError:  # outside of its root: whoever asks for the file is told
            return None

    async def _check_size(self, path: str, file_type: str) -> None:
        limit = self._max_notebook_bytes if file_type == "notebook" else self._max_text_bytes
        size = await self.size_bytes(path)
        if size is not None and size > limit:
            raise FileTooLargeError(path, size, limit)

    async def _free_name(self, path: str) -> str:
        stem, suffix = posixpath.splitext(path)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._wall_clock()))
        for number in range(_MAX_COPIES):
            again = f"-{number}" if number else ""
            name = f"{stem}.from-disk-{stamp}{again}{suffix}"
            if not await ensure_async(self._of(name).file_exists(name)):
                return name
        raise FileWriteError(path, "too many copies were made in one second")

    async def _version(self, path: str, *, with_hash: bool) -> FileVersion | None:
        found = self._found(path)
        model = await self._model(path, with_hash=with_hash)
        return None if model is None else _version(model, found)

    def _found(self, path: str) -> os.stat_result | None:
        """Look at a file, or at what a link leads to; None where there is none on this machine.

        Ask before reading, or a write may be missed.
        """
        place = self._place(path)
        try:
            return None if place is None else place.stat()
        except OSError:  # what is wrong with it is said where it is read
            return None

    async def _model(self, path: str, *, with_hash: bool = False) -> dict[str, Any] | None:
        """Return what is known of a file without its content, or None when there is no file.

        There is none behind a link to nothing; what is saved there is written to where it points.
        """
        if _leads_nowhere(self._place(path)):
            return None
        try:
            return await self._get(path, content=False, with_hash=with_hash)
        except HTTPError as error:
            if error.status_code == 404:
                return None
            raise FileUnreadableError(path, _problem(error, path)) from error

    async def _get(self, path: str, *, with_hash: bool = False, **options: Any) -> dict[str, Any]:
        manager = self._of(path)
        if with_hash and "require_hash" in inspect.signature(manager.get).parameters:
            options["require_hash"] = True
        try:
            model: dict[str, Any] = await ensure_async(manager.get(path, **options))
        except OSError as error:
            raise FileUnreadableError(path, error.strerror or str(error)) from error
        except HTTPError:
            raise
        except Exception as error:
            problem = f"not readable ({type(error).__name__}: {error})"
            raise FileUnreadableError(path, problem) from error
        return model


def _contents_type(file_type: str) -> str:
    """Map a document type to the contents API's: everything but a notebook is a file."""
    return "notebook" if file_type == "notebook" else "file"


def _leads_nowhere(place: Path | None) -> bool:
    return place is not None and place.is_symlink() and not os.path.lexists(os.path.realpath(place))


def _decoded(model: dict[str, Any], path: str, file_format: str) -> Content:
    content = model["content"]
    if file_format != "base64":
        return content
    try:
        return base64.b64decode(content)
    except (binascii.Error, TypeError) as error:
        raise FileUnreadableError(path, "not readable as base64") from error


def _version(model: dict[str, Any], found: os.stat_result | None) -> FileVersion:
    """Return the state of a file, stamped with what every write to it changes.

    A program can set the time of the last change back, but not that of the inode, and two writes
    in one tick of the clock mostly differ in size or inode.
    """
    modified, its_hash = model["last_modified"], model.get("hash") or None
    is_time = isinstance(modified, datetime)
    stamp = modified.isoformat() if is_time else str(modified)
    if found is None:
        modified_ms = int(modified.timestamp() * 1000) if is_time else None
        return FileVersion(stamp, its_hash, modified_ms, modified_ms)
    return FileVersion(
        f"{stamp} {found.st_ino} {found.st_size} {found.st_ctime_ns}",
        its_hash,
        found.st_mtime_ns // _NS_PER_MS,
        found.st_ctime_ns // _NS_PER_MS,
    )


_NO_FOLDER = "its folder is gone; it is saved as soon as the folder is there again"
_KNOWN_PROBLEMS = {
    "NotJSONError": "not a notebook (not valid JSON)",
    "AttributeError": "not a notebook (JSON of another kind)",
    "RecursionError": "not a notebook (JSON that is nested too deeply)",
    "Unsupported nbformat version": (
        "a notebook in a format that is not known here, perhaps of a newer Jupyter"
    ),
    "UTF-8": "not UTF-8 text",
}


def _problem(error: HTTPError, path: str) -> str:
    """Say what is wrong in few words, without the path (the caller names it)."""
    message = str(error.log_message or error.reason or error)
    for mark, problem in _KNOWN_PROBLEMS.items():
        if mark in message:
            return problem
    words = [word for word in message.split() if path not in word]
    return " ".join(words).removeprefix("Unreadable Notebook: ").strip(" :") or "unreadable"
