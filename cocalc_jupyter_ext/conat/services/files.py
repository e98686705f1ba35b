"""What reading and writing of files have in common (conat-sync §5).

A file travels as replies to one request: pieces with the header ``seq`` = 1, 2, 3 …, then an
empty reply with ``done``, or one with ``error``. Who receives may ask, by the header
``acknowledge`` of the request, that each piece is a request of its own, which is answered once
the piece is consumed. Nobody then gets more than they can take, and nothing has to pause.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import ExitStack
from typing import BinaryIO, Final, TypeVar

from ..client.client import Client
from ..errors import ConatError, RequestTimeout
from ..protocol.subjects import project_subject
from ..types import ProjectId, Subject
from .worker_threads import in_thread

__all__ = [
    "ACKNOWLEDGE",
    "DEFAULT_MAX_WAIT_S",
    "PIECE_BYTES",
    "PRESENCE_CHECK_S",
    "TransferFailed",
    "cut",
    "pieces_of_file",
    "read_subject",
    "while_present",
    "write_subject",
]

PIECE_BYTES: Final = 4_194_304
DEFAULT_MAX_WAIT_S: Final = 600.0
PRESENCE_CHECK_S: Final = 15.0
ACKNOWLEDGE: Final = "acknowledge"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{0,100}")

T = TypeVar("T")


class TransferFailed(ConatError):  # noqa: N818 - the names of this tree are nouns of the contract
    """A file did not travel whole; the text says why."""


def read_subject(project_id: str, compute_server_id: int = 0, name: str = "") -> Subject:
    """Return where files of a project are read; raises TransferFailed for an unusable name."""
    if _NAME.fullmatch(name) is None:
        raise TransferFailed("the name of a read service has at most 100 letters and digits")
    service = f"files:read{name}"
    return project_subject(ProjectId(project_id), service, compute_server_id=compute_server_id)


def write_subject(project_id: str, compute_server_id: int = 0) -> Subject:
    """Return where files of a project are written."""
    return project_subject(
        ProjectId(project_id), "files:write", compute_server_id=compute_server_id
    )


async def while_present(
    client: Client,
    subject: str,
    awaited: Awaitable[T],
    *,
    who: str,
    max_wait_s: float,
    check_s: float = PRESENCE_CHECK_S,
) -> T:
    """Wait for something from those who listen on a subject, as long as somebody does.

    Raises TransferFailed when ``who`` listens no more, RequestTimeout after ``max_wait_s``.
    """
    waiting = asyncio.ensure_future(awaited)
    try:
        async with asyncio.timeout(max_wait_s):
            while not (await asyncio.wait({waiting}, timeout=check_s))[0]:
                if not await client.interest(subject):
                    raise TransferFailed(f"{who} is gone")
    except TimeoutError as error:
        text = f"timeout: nothing came from {who} for {max_wait_s:g} s"
        raise RequestTimeout(text) from error
    finally:
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait({waiting})
    return waiting.result()


async def cut(data: bytes | AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the same bytes in pieces of 4 MiB; only the last one may be smaller."""
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data).cast("B")
        for start in range(0, len(view), PIECE_BYTES):
            yield bytes(view[start : start + PIECE_BYTES])
        return
    collected = bytearray()
    async for part in data:
        view = memoryview(part).cast("B")
        for start in range(0, len(view), PIECE_BYTES):
            collected += view[start : start + PIECE_BYTES]
            if len(collected) >= PIECE_BYTES:
                yield bytes(collected[:PIECE_BYTES])
                del collected[:PIECE_BYTES]
    if collected:
        yield bytes(collected)


async def pieces_of_file(open_file: Callable[[], BinaryIO]) -> AsyncGenerator[bytes, None]:
    """Yield a file in pieces of 4 MiB, read in worker threads; raises what opening raises."""
    opened = ExitStack()
    try:
        file = await in_thread(lambda: opened.enter_context(open_file()))
        while piece := await in_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        await in_thread(opened.close)
