"""Writing files of a project, from both ends (conat-sync §5.2).

Who writes serves the data under a name that nobody can guess, and asks the project to fetch it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..client.client import Client
from ..client.identifiers import random_id
from ..client.subscription import Message
from ..errors import ERROR_PREFIX, ClientClosed, ConatError, RemoteError, RequestTimeout
from ..types import Headers, JsonObject
from .file_reading import MAX_TRANSFERS, PieceService, read_file
from .files import (
    DEFAULT_MAX_WAIT_S,
    TransferFailed,
    cut,
    pieces_of_file,
    read_subject,
    write_subject,
)
from .folder import Folder
from .responder import Responder
from .worker_threads import in_thread

__all__ = ["Data", "FileWriteService", "Written", "write_file"]

MAX_WAIT_S: Final = 3_600.0

Data: TypeAlias = bytes | PathLike[str] | AsyncIterable[bytes]
"""What is written: bytes, a local file, or pieces as they come."""


@dataclass(frozen=True, slots=True)
class Written:
    """How much was written, in how many pieces."""

    bytes: int
    chunks: int


class FileWriteService(Responder):
    """Writes files in a folder for the collaborators of a project, at most eight at a time.

    A file appears under its name once it is whole and on the disk; before, it is
    ``<path>.partialupload-<random>``, which is removed when something fails.
    """

    def __init__(
        self, client: Client, folder: Folder, *, project_id: str, compute_server_id: int = 0
    ) -> None:
        super().__init__(
            client,
            write_subject(project_id, compute_server_id),
            self._write,
            failure=_in_status,
            max_concurrent=MAX_TRANSFERS,
        )
        self._folder = folder
        self._project_id = project_id
        self._compute_server_id = compute_server_id

    async def _write(self, request: Message) -> object:
        wanted = _Wanted.of(request.data)
        pieces = read_file(
            self._client,
            project_id=self._project_id,
            compute_server_id=self._compute_server_id,
            name=wanted.name,
            path=wanted.path,
            max_wait_s=wanted.max_wait_s,
        )
        async with aclosing(pieces):
            written = await _store(self._folder, wanted.path, pieces)
        return {"status": "success", "bytes": written.bytes, "chunks": written.chunks}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request to write."""

    name: str
    path: str
    max_wait_s: float

    @classmethod
    def of(cls, data: object) -> "_Wanted":
        values: Mapping[str, Any] = data if isinstance(data, dict) else {}
        name, path = values.get("name"), values.get("path")
        if not (isinstance(name, str) and name and isinstance(path, str)):
            raise TransferFailed("to write a file, send {name: text, path: text, maxWait: ms}")
        max_wait = values.get("maxWait")
        if isinstance(max_wait, bool) or not isinstance(max_wait, int | float) or max_wait <= 0:
            return cls(name, path, DEFAULT_MAX_WAIT_S)
        return cls(name, path, min(max_wait / 1000, MAX_WAIT_S))


def _in_status(text: str) -> tuple[object, Headers]:
    return {"status": "error", "error": text}, None


async def _store(folder: Folder, path: str, pieces: AsyncGenerator[bytes, None]) -> Written:
    """Write the pieces to a file that appears when all have come."""
    size = count = 0
    opened = ExitStack()
    try:
        file = await in_thread(lambda: opened.enter_context(folder.create(path)))
        async for piece in pieces:
            await in_thread(file.write, piece)
            size += len(piece)
            count += 1
        await in_thread(file.commit)
    finally:
        await in_thread(opened.close)
    return Written(size, count)


async def write_file(
    client: Client,
    *,
    project_id: str,
    path: str,
    data: Data,
    compute_server_id: int = 0,
    max_wait_s: float = DEFAULT_MAX_WAIT_S,
) -> Written:
    """Write a file of a project and return once it is there.

    Folders above it are made. ``max_wait_s`` is for each piece to be fetched, and for the end.
    Raises RemoteError with what the project says, what reading ``data`` raises, NoSubscribers
    when the project is not there, RequestTimeout, and Disconnected when the connection is lost.
    """
    name = random_id()
    wanted: JsonObject = {"name": name, "path": path, "maxWait": round(max_wait_s * 1000)}
    try:
        async with asyncio.timeout(max_wait_s) as limit:
            offered = _Offered(data, limit, max_wait_s)
            subject = read_subject(project_id, compute_server_id, name)
            async with PieceService(client, subject, offered.pieces):
                answer = await _ask(client, write_subject(project_id, compute_server_id), wanted)
    except TimeoutError as error:
        raise RequestTimeout(f"timeout: '{path}' was not fetched for {max_wait_s:g} s") from error
    if offered.failure is not None:
        raise offered.failure
    return _written(answer)


async def _ask(client: Client, subject: str, wanted: JsonObject) -> object:
    """Return the answer; what the caller waits for is limited by others.

    Raises Disconnected when the connection is lost, because the upload then is lost too.
    """
    async with aclosing(client.request_many(subject, wanted, apart=True)) as replies:
        async for reply in replies:
            return reply.data
    raise ClientClosed


class _Offered:
    """The data of one upload: handed out once, and each piece extends the time limit."""

    def __init__(self, data: Data, limit: asyncio.Timeout, max_wait_s: float) -> None:
        self.failure: Exception | None = None
        self._data: Data | None = data
        self._limit = limit
        self._max_wait_s = max_wait_s

    async def pieces(self, _path: str) -> AsyncGenerator[bytes, None]:
        """Yield the data, whatever path is asked for."""
        data, self._data = self._data, None
        if data is None:
            raise TransferFailed("this upload was fetched before")
        try:
            async with aclosing(_pieces_of(data)) as pieces:
                async for piece in pieces:
                    self._extend()
                    yield piece
                    self._extend()
        except Exception as error:
            self.failure = error
            raise

    def _extend(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if not self._limit.expired():
            self._limit.reschedule(now_s + self._max_wait_s)


def _pieces_of(data: Data) -> AsyncGenerator[bytes, None]:
    if isinstance(data, PathLike):
        return pieces_of_file(lambda: Path(data).open("rb", buffering=0))
    return cut(data)


def _written(answer: object) -> Written:
    values: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    if values.get("error") or values.get("status") == "error":
        raise RemoteError(str(values.get("error")).removeprefix(ERROR_PREFIX))
    size, count = values.get("bytes"), values.get("chunks")
    if not isinstance(size, int) or not isinstance(count, int):
        raise ConatError(f"the project answered an upload with {answer!r:.100}")
    return Written(size, count)
