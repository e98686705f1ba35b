"""One socket of a persist server: the stream it selected, and the answers to its commands.

The first data of the socket selects the stream (conat-sync §1.4); commands that come before it
is open wait for it. Commands take effect in the order in which they came; each is answered
when it is done, a ``set`` after it was committed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ...client.client import Client
from ...client.subscription import Message
from ...errors import ConatError, LimitExceeded, RemoteError, RequestTimeout, to_wire
from ...signals import Signal
from ...sockets.states import SocketState
from ..errors import StoreError
from ..paths import check_path
from .admission import Admission
from .feed_writer import FeedWriter
from .open_storage import OpenStorage, Storages
from .perform import all_batches, perform
from .requests import (
    Command,
    GetAll,
    Reply,
    Selection,
    ServerId,
    StartChangefeed,
    failure,
    parse_command,
    parse_selection,
    wait_s_of,
)

__all__ = ["MAX_WAITING", "Server", "Session", "Socket"]

_log = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""So many commands of one socket may be unanswered."""


class Socket(Protocol):
    """The end of a socket at the server."""

    id: str
    subject: str
    states: Signal[[SocketState]]
    data: Signal[[Any, dict[str, Any]]]
    requests: Signal[[Message]]
    drained: Signal[[]]

    @property
    def peer_subject(self) -> str:
        """Where messages for the client are published."""
        ...

    def write(self, value: object, *, headers: dict[str, Any] | None = None) -> None:
        """Send a value to the client."""
        ...

    def finish(self, reason: str) -> None:
        """Close the socket without telling the client."""
        ...

    async def close(self) -> None:
        """Close the socket."""
        ...


@dataclass(frozen=True, slots=True)
class Server:
    """What all sockets of a server share.

    ``end_gone`` ends those sockets of an owner whose clients have left without a word.
    """

    client: Client
    server_id: str
    service: str
    storages: Storages
    admission: Admission
    end_gone: Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Early:
    """A command that came before the stream was open."""

    request: Message
    timer: asyncio.TimerHandle


class Session:
    """Serves one socket until it is closed. Make it when the socket connects."""

    def __init__(self, server: Server, socket: Socket) -> None:
        self._server = server
        self._socket = socket
        self._storage: OpenStorage | None = None
        self._error: ConatError | None = None
        self._early: list[_Early] = []
        self._feed: FeedWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: set[asyncio.Task[None]] = set()
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._on_end: list[Callable[[], None]] = []
        # The socket itself forgets these when it is closed; until then requests are answered.
        socket.data.connect(self._on_data)
        socket.requests.connect(self._on_request)

    @property
    def scope(self) -> str:
        """The owner whose stream it is, such as ``project-<id>``."""
        return self._socket.subject.split(".")[1]

    async def end_if_gone(self) -> None:
        """Close the socket if its client's connection is over.

        Such a client comes back with a new socket (§1.10), and this one would count until its
        pings fail. What has not selected a stream does not count. Raises what asking raises.
        """
        if self._on_end and not await self._server.client.interest(self._socket.peer_subject):
            self._socket.finish("its client is gone")
            await self.close()

    async def close(self) -> None:
        """Let commands that have begun end, and give the stream up; may be called again.

        Only what sends many messages is broken off: its client asks again, or is gone.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"end-{self._socket.id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        storage, self._storage = self._storage, None
        self._error = RemoteError("the stream was closed by its server", 503)
        self._settle(error=self._error)
        for task in self._reading:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        for end in self._on_end:
            end()
        if storage is not None:
            await self._server.storages.release(storage)

    # The selection

    def _on_data(self, value: object, _headers: dict[str, Any]) -> None:
        if self._opening is None and self._closing is None:
            self._opening = self._spawn(self._open(value), "open")

    async def _open(self, value: object) -> None:
        try:
            selection = parse_selection(value)
            storage = await self._acquire(selection)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must hear of it
            refusal = _conat_error(error, "opening a stream")
            if self._closing is not None:
                return
            self._settle(error=refusal)
            with _logged("the refusal of a stream"):
                self._socket.write(None, headers=dict(to_wire(refusal)))
            return
        if self._closing is not None:
            await self._server.storages.release(storage)
            return
        if selection.changefeed:
            self._start_changefeed(storage)
        self._settle(storage)

    async def _acquire(self, selection: Selection) -> OpenStorage:
        server, socket = self._server, self._socket
        # A socket counts until it closes, also when opening fails (§1.9).
        self._on_end.append(await self._admit())
        subject = f"{socket.subject}.server.{server.server_id}.{socket.id}"
        check_path(subject, selection.storage.path, service=server.service)
        return await server.storages.acquire(selection.storage)

    async def _admit(self) -> Callable[[], None]:
        """Count the socket; where there are too many, those of clients that are gone make room."""
        server = self._server
        try:
            return server.admission.admit(self.scope)
        except LimitExceeded:
            await server.end_gone(self.scope)
            return server.admission.admit(self.scope)

    def _settle(
        self, storage: OpenStorage | None = None, *, error: ConatError | None = None
    ) -> None:
        """Note the outcome of opening, and let the commands that came early go on, in order."""
        if self._storage is None and self._error is None:
            self._storage, self._error = storage, error
        early, self._early = self._early, []
        for each in early:
            each.timer.cancel()
            self._spawn(self._answer(each.request), "answer")

    # Commands

    def _on_request(self, request: Message) -> None:
        if len(self._tasks) + len(self._early) >= MAX_WAITING:
            error = LimitExceeded(f"{MAX_WAITING} commands are unanswered; wait for some of them")
            self._respond(request, failure(error))
        elif self._storage is None and self._error is None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(wait_s_of(request), self._on_too_early, request)
            self._early.append(_Early(request, timer))
        else:
            self._spawn(self._answer(request), "answer")

    def _on_too_early(self, request: Message) -> None:
        self._early = [each for each in self._early if each.request is not request]
        self._respond(request, failure(RequestTimeout("timeout - the stream is not open yet")))

    async def _answer(self, request: Message) -> None:
        try:
            command = parse_command(request)
            storage = self._opened()
            if isinstance(command, GetAll):
                await self._answer_get_all(request, storage, command)
            else:
                self._respond(request, await self._reply(storage, command))
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker must hear of it
            self._respond(request, failure(_conat_error(error, "a command")))

    def _opened(self) -> OpenStorage:
        if self._error is not None:
            raise self._error
        assert self._storage is not None  # noqa: S101 - commands wait until it is one of both
        return self._storage

    async def _reply(self, storage: OpenStorage, command: Command) -> Reply:
        match command:
            case StartChangefeed():
                self._start_changefeed(storage)
                return Reply("created")
            case ServerId():
                return Reply(self._server.server_id)
            case GetAll():
                raise AssertionError("has several replies")
        return await perform(storage, command)

    async def _answer_get_all(
        self, request: Message, storage: OpenStorage, command: GetAll
    ) -> None:
        """Send batches; each is confirmed before the next one is read, so that few wait."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._reading.add(task)
        try:
            async with aclosing(all_batches(storage, command)) as replies:
                async for reply in replies:
                    await self._server.client.respond(request, raw=reply.raw, headers=reply.headers)
        finally:
            self._reading.discard(task)

    def _respond(self, request: Message, reply: Reply) -> None:
        with _logged("an answer"):
            self._server.client.respond_sync(
                request,
                reply.value,
                headers=reply.headers,
                raw=reply.raw,
                encoding=reply.encoding,
            )

    # The changefeed

    def _start_changefeed(self, storage: OpenStorage) -> None:
        if self._feed is None and self._closing is None:
            loop = asyncio.get_running_loop()
            self._feed = FeedWriter(self._write_updates, self._on_feed_failure, loop.call_later)
            self._socket.drained.connect(self._feed.note_drained)
            self._on_end += [storage.updates.connect(self._feed.add), self._feed.close]

    def _write_updates(self, value: list[dict[str, Any]], headers: dict[str, int]) -> None:
        self._socket.write(value, headers=headers)

    def _on_feed_failure(self, error: Exception) -> None:
        """Close a socket that misses changes; its client comes back with a new one."""
        _log.warning("the changefeed of socket '%s' ends: %s", self._socket.id, error)
        self._spawn(self._socket.close(), "close")

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{what}-{self._socket.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _conat_error(error: Exception, what: str) -> ConatError:
    if isinstance(error, ConatError):
        return error
    _log.error("%s failed", what, exc_info=error)
    return StoreError(f"{what} failed: {error}")


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Note that something does not reach its client, which then asks again."""
    try:
        yield
    except ConatError as error:
        _log.warning("%s is lost: %s", what, error)
