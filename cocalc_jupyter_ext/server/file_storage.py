"""Documents' plain files, through Jupyter's contents manager.

Every contents manager works, with its hooks and checks. One that knows no hashes (an old or
foreign one) is served by time stamps alone.
"""

import base64
import binascii
import inspect
import posixpath
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from ..documents.errors import FileMissingError, FileUnreadableError, FileWriteError
from ..documents.storage import Content, FileVersion, LoadedFile

__all__ = ["ContentsApi", "ContentsStorage"]

_MAX_COPIES = 100


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
    """``FileStorage`` over a contents manager; paths are API paths."""

    def __init__(
        self, contents: Callable[[], ContentsApi], wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._contents = contents
        self._wall_clock = wall_clock

    async def load(self, path: str, *, file_format: str, file_type: str) -> LoadedFile:
        """Read and validate a file; raises FileMissingError, FileUnreadableError."""
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
        return LoadedFile(_decoded(model, path, file_format), _version(model))

    async def stat(self, path: str) -> FileVersion | None:
        """Return the file's time stamp, or None when there is no file."""
        return await self._version(path, with_hash=False)

    async def version(self, path: str) -> FileVersion | None:
        """Return the file's time stamp and hash, or None when there is no file."""
        return await self._version(path, with_hash=True)

    async def is_read_only(self, path: str) -> bool:
        """Tell whether there is a file that may not be written; raises FileUnreadableError.

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
        """Tell whether there is a folder; the empty path is the root."""
        return bool(await ensure_async(self._contents().dir_exists(path)))

    async def save(
        self, path: str, content: Content, *, file_format: str, file_type: str
    ) -> FileVersion:
        """Write a file; raises FileWriteError."""
        if file_format == "base64":
            content = base64.b64encode(content).decode()
        model = {"type": _contents_type(file_type), "format": file_format, "content": content}
        try:
            await ensure_async(self._contents().save(model, path))
            version = await self._version(path, with_hash=True)
        except HTTPError as error:
            raise FileWriteError(path, _problem(error, path)) from error
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
            await ensure_async(self._contents().save(copy, target))
        except HTTPError as error:
            raise FileWriteError(path, f"a copy failed: {_problem(error, path)}") from error
        return target

    async def _free_name(self, path: str) -> str:
        stem, suffix = posixpath.splitext(path)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._wall_clock()))
        for number in range(_MAX_COPIES):
            again = f"-{number}" if number else ""
            name = f"{stem}.from-disk-{stamp}{again}{suffix}"
            if not await ensure_async(self._contents().file_exists(name)):
                return name
        raise FileWriteError(path, "too many copies were made in one second")

    async def _version(self, path: str, *, with_hash: bool) -> FileVersion | None:
        model = await self._model(path, with_hash=with_hash)
        return None if model is None else _version(model)

    async def _model(self, path: str, *, with_hash: bool = False) -> dict[str, Any] | None:
        """Return what is known of a file without its content, or None when there is no file."""
        try:
            return await self._get(path, content=False, with_hash=with_hash)
        except HTTPError as error:
            if error.status_code == 404:
                return None
            raise FileUnreadableError(path, _problem(error, path)) from error

    async def _get(self, path: str, *, with_hash: bool = False, **options: Any) -> dict[str, Any]:
        manager = self._contents()
        if with_hash and "require_hash" in inspect.signature(manager.get).parameters:
            options["require_hash"] = True
        try:
            model: dict[str, Any] = await ensure_async(manager.get(path, **options))
        except OSError as error:
            raise FileUnreadableError(path, error.strerror or str(error)) from error
        return model


def _contents_type(file_type: str) -> str:
    """Map a document type to the contents API's: everything but a notebook is a file."""
    return "notebook" if file_type == "notebook" else "file"


def _decoded(model: dict[str, Any], path: str, file_format: str) -> Content:
    content = model["content"]
    if file_format != "base64":
        return content
    try:
        return base64.b64decode(content)
    except (binascii.Error, TypeError) as error:
        raise FileUnreadableError(path, "not readable as base64") from error


def _version(model: dict[str, Any]) -> FileVersion:
    modified = model["last_modified"]
    stamp = modified.isoformat() if isinstance(modified, datetime) else str(modified)
    return FileVersion(stamp, model.get("hash") or None)


_KNOWN_PROBLEMS = {
    "NotJSONError": "not a notebook (not valid JSON)",
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
