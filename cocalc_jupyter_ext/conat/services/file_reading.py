"""Reading files of a project, from both ends (conat-sync §5.1)."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from ..client.client import Client
from ..client.subscription import Message
from ..errors import ERROR_PREFIX, ConatError, NoSubscribers, RemoteError, RequestTimeout
from .files import (
    ACKNOWLEDGE,
    DEFAULT_MAX_WAIT_S,
    PRESENCE_CHECK_S,
    TransferFailed,
    pieces_of_file,
    read_subject,
    while_present,
)
from .folder import Folder
from .responder import Responder, in_headers

__all__ = ["FileReadService", "PieceService", "Source", "read_file"]

_log = logging.getLogger(__name__)

MAX_TRANSFERS: Final = 8
PAUSE_S: Final = 0.25
"""Between the pieces for a reader that does not say when it can take the next one."""

ASK_TIMEOUT_S: Final = 30.0
FIRST_CHECK_S: Final = 45.0
"""Before this nobody is missed: the project is perhaps only just starting."""


Source = Callable[[str], AsyncGenerator[bytes, None]]
"""Returns the pieces of what has a path. Raises ConatError for what cannot be read."""


class PieceService(Responder):
    """Answers each request on a subject with the pieces that a source yields.

    At most eight at a time; the others wait. When the service stops, readers are told.
    """

    def __init__(self, client: Client, subject: str, source: Source) -> None:
        super().__init__(
            client,
            subject,
            self._stream,
            failure=in_headers,
            success={"done": True},
            max_concurrent=MAX_TRANSFERS,
        )
        self._source = source

    async def _stream(self, request: Message) -> None:
        if request.reply_subject is None:
            return
        path = request.data.get("path") if isinstance(request.data, dict) else None
        if not isinstance(path, str):
            raise TransferFailed("to read a file, send {path: text}")
        sender = _PieceSender(self._client, request.reply_subject, paces=_paces(request))
        try:
            async with aclosing(self._source(path)) as pieces:
                async for piece in pieces:
                    await sender.send(piece)
        except asyncio.CancelledError:
            self._tell_end(request)
            raise

    def _tell_end(self, request: Message) -> None:
        headers = {"error": f"{ERROR_PREFIX}the sender was stopped"}
        try:
            self._client.respond_sync(request, None, headers=headers)
        except ConatError as error:
            _log.info("a reader on '%s' is left alone: %s", self.subject, error)


def _paces(request: Message) -> bool:
    """Return whether the reader says when it can take the next piece."""
    return isinstance(request.headers, dict) and bool(request.headers.get(ACKNOWLEDGE))


@dataclass(slots=True)
class _PieceSender:
    """Sends numbered pieces to one reader, each when the reader can take it."""

    client: Client
    subject: str
    paces: bool
    seq: int = 0

    async def send(self, piece: bytes) -> None:
        """Send the next piece; raises TransferFailed when the reader is gone."""
        self.seq += 1
        headers = {"seq": self.seq}
        if self.paces:
            await self._send_and_wait(piece, headers)
            return
        if self.seq > 1:
            await asyncio.sleep(PAUSE_S)
        # Elsewhere the reader's inbox may become known a moment after its request.
        is_first = self.seq == 1
        sent = await self.client.publish(
            self.subject, piece, headers=headers, wait_for_interest=is_first
        )
        if not sent.count:
            raise TransferFailed("receiver is gone")

    async def _send_and_wait(self, piece: bytes, headers: dict[str, Any]) -> None:
        consumed = self.client.request(
            self.subject,
            piece,
            headers=headers,
            timeout_s=DEFAULT_MAX_WAIT_S,
            wait_for_interest=self.seq == 1,
        )
        try:
            await while_present(
                self.client,
                self.subject,
                consumed,
                who="receiver",
                max_wait_s=DEFAULT_MAX_WAIT_S,
            )
        except NoSubscribers as error:
            raise TransferFailed("receiver is gone") from error


class FileReadService(PieceService):
    """Serves the files in a folder to the collaborators of a project."""

    def __init__(
        self,
        client: Client,
        folder: Folder,
        *,
        project_id: str,
        compute_server_id: int = 0,
        name: str = "",
    ) -> None:
        def source(path: str) -> AsyncGenerator[bytes, None]:
            return pieces_of_file(lambda: folder.open(path))

        super().__init__(client, read_subject(project_id, compute_server_id, name), source)


async def read_file(
    client: Client,
    *,
    project_id: str,
    path: str,
    compute_server_id: int = 0,
    name: str = "",
    max_wait_s: float = DEFAULT_MAX_WAIT_S,
) -> AsyncGenerator[bytes, None]:
    """Yield a file of a project in pieces of some megabytes, each when it is asked for.

    Close the iterator (``contextlib.aclosing``) to stop early. ``max_wait_s`` is for each piece;
    a project that is not there is waited for, for at most 30 s of it. Raises RemoteError with
    what the project says, TransferFailed when a piece was lost or the sender went away,
    NoSubscribers, RequestTimeout, and Disconnected when the connection is lost.
    """
    subject = read_subject(project_id, compute_server_id, name)
    replies = client.request_many(
        subject,
        {"path": path},
        headers={ACKNOWLEDGE: True},
        timeout_s=min(max_wait_s, ASK_TIMEOUT_S),
        wait_for_interest=True,
        apart=True,
    )
    seq = 0
    async with aclosing(replies):
        while True:
            reply = await _next_reply(client, subject, replies, seq, max_wait_s)
            headers = reply.headers if isinstance(reply.headers, dict) else {}
            if not headers:
                continue
            _raise_error(headers)
            if headers.get("done"):
                return
            piece = _piece(reply, headers, seq + 1)
            seq += 1
            client.respond_sync(reply)
            yield piece


async def _next_reply(
    client: Client,
    subject: str,
    replies: AsyncGenerator[Message, None],
    seq: int,
    max_wait_s: float,
) -> Message:
    check_s = PRESENCE_CHECK_S if seq else FIRST_CHECK_S
    try:
        return await while_present(
            client,
            subject,
            anext(replies),
            who="sender",
            max_wait_s=max_wait_s,
            check_s=check_s,
        )
    except StopAsyncIteration as error:
        raise TransferFailed(f"truncated: nothing comes after piece {seq}") from error
    except (RequestTimeout, TransferFailed) as error:
        if seq:
            raise TransferFailed(f"truncated after piece {seq}: {error}") from error
        raise


def _raise_error(headers: dict[str, Any]) -> None:
    if headers.get("error"):
        code = headers.get("code")
        text = str(headers["error"]).removeprefix(ERROR_PREFIX)
        raise RemoteError(text, code if isinstance(code, int | str) else None)


def _piece(reply: Message, headers: dict[str, Any], seq: int) -> bytes:
    if headers.get("seq") != seq:
        raise TransferFailed(f"lost data: piece {headers.get('seq')!r} came instead of {seq}")
    data = reply.data
    if not isinstance(data, bytes):
        raise TransferFailed(f"piece {seq} is not binary data")
    return data
