"""The end of a socket that connects (conat-core §14.4, §14.7).

Once connected, a socket belongs to one server for life, because that server alone knows what
was received. After a lost connection it asks this server first; a server that does not know the
socket any more makes it close.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self

from ..client.client import Client
from ..client.identifiers import random_id
from ..client.subscription import Message, Subscription
from ..errors import ConatError, NoSubscribers, RequestTimeout
from ..protocol.subjects import parse_subject
from .base import BaseSocket, hand_on
from .commands import (
    Command,
    Emitted,
    client_subject,
    command_headers,
    command_of,
    parse_channel,
    parse_token,
    server_subject,
    status_subject,
)
from .errors import SocketError
from .reconnection import Attempts
from .states import SocketSettings, SocketState

__all__ = ["ChooseServer", "ClientSocket"]

_log = logging.getLogger(__name__)

STATUS_TIMEOUT_S: Final = 30.0
STATUS_IDLE_S: Final = 1.0
MAX_KEPT_WHILE_CONNECTING: Final = 10_000

ChooseServer = Callable[[str], Awaitable[str]]
"""Returns the id of the server to connect to, given the subject of the socket."""


class ClientSocket(BaseSocket):
    """A socket to one of the servers of a subject. Use as an asynchronous context manager.

    ``choose_server`` replaces asking the servers themselves. The id is random unless given;
    an id must not be used for a second socket.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        *,
        socket_id: str | None = None,
        choose_server: ChooseServer | None = None,
        settings: SocketSettings | None = None,
    ) -> None:
        super().__init__(
            client,
            parse_subject(subject, "socket"),
            parse_token(socket_id or random_id()),
            settings or SocketSettings(),
            SocketState.DISCONNECTED,
        )
        self._choose_server = choose_server
        self._server_id: str | None = None
        self._was_ready = False
        self._incoming: Subscription | None = None
        self._kept: list[Message] = []
        self._forget_client: Callable[[], None] | None = None
        self._attempts = Attempts(
            self._connect_and_serve,
            self._on_lost,
            delay_s=self._settings.reconnect_delay_s,
            repeat=self._settings.reconnection,
        )

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def peer_subject(self) -> str:
        """Where messages for the server are published; raises SocketError before there is one."""
        if self._server_id is None:
            raise SocketError("the socket has no server yet")
        return server_subject(self.subject, self._server_id, self.id)

    @property
    def server_id(self) -> str | None:
        """The server this socket belongs to."""
        return self._server_id

    def start(self) -> None:
        """Begin to connect, and stay connected if ``reconnection`` is on; raises SocketClosed.

        Does nothing while that is under way already.
        """
        self._check_open()
        if self._forget_client is None:
            self._forget_client = self._client.closing.connect(self._on_client_closing)
        if "run" not in self._tasks:
            self._tasks.spawn("run", self._run())

    def disconnect(self) -> None:
        """Give the connection up; it comes back if ``reconnection`` is on, or by ``start``."""
        self._attempts.interrupt()

    def channel(self, name: str) -> "ClientSocket":
        """Return another socket, not started, on the subject ``<subject>.<name>``."""
        return ClientSocket(
            self._client,
            f"{self.subject}.{parse_channel(name)}",
            choose_server=self._choose_server,
            settings=self._settings,
        )

    async def end(self, timeout_s: float = 3.0) -> None:
        """Close for good, and let the server confirm it within the time."""
        if self.state is SocketState.READY:
            try:
                await self._command(Command.CLOSE, client_id=self.id, timeout_s=timeout_s)
            except ConatError as error:
                _log.info("the end of the socket '%s' is not confirmed: %s", self.subject, error)
            self.finish("ended on this end")
        await self.close()

    def finish(self, reason: str) -> None:
        """Close for good without telling the server."""
        super().finish(reason)
        self._leave()
        if self._forget_client is not None:
            self._forget_client()

    # The life of a connection

    async def _run(self) -> None:
        reason = await self._attempts.run(self._client.states)
        if reason:
            self.finish(reason)

    async def _connect_and_serve(self) -> None:
        self._enter(SocketState.CONNECTING)
        await self._client.wait_until_signed_in()
        if not self._was_ready:
            self._server_id = await self._find_server()
        self._incoming = await self._client.subscribe(client_subject(self.subject, self.id))
        self._tasks.spawn("read", self._read(self._incoming))
        if self._was_ready:
            await self._find_old_server()
        await self._command(Command.CONNECT, client_id=self.id, wait_for_interest=True)
        self._become_ready()
        await self._keep_alive()

    def _become_ready(self) -> None:
        if not self._attempts.is_active:
            return  # interrupted in the very turn in which the server confirmed
        self._was_ready = True
        self._attempts.succeeded()
        self._flow.open()
        self._enter(SocketState.READY)
        kept, self._kept = self._kept, []
        for message in kept:
            self.receive(message)

    def _on_lost(self) -> None:
        self._leave()
        if self.state is not SocketState.CLOSED:
            self._flow.shut()
            self._enter(SocketState.DISCONNECTED)

    def _leave(self) -> None:
        self._tasks.cancel("read")
        self._kept.clear()
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    async def _read(self, incoming: Subscription) -> None:
        try:
            await hand_on(incoming, self._take)
        except ConatError as error:
            _log.warning("the socket '%s' cannot hear its server: %s", self.subject, error)
            self._attempts.interrupt()

    def _take(self, message: Message) -> None:
        """Handle a message, or keep it until the server has confirmed the connection."""
        if self.state is SocketState.READY or command_of(message.headers) == Command.CLOSE:
            self.receive(message)
        elif len(self._kept) < MAX_KEPT_WHILE_CONNECTING:
            self._kept.append(message)

    async def _keep_alive(self) -> None:
        """Ping until an answer fails to come (conat-core §14.6)."""
        while True:
            await self._command(Command.PING, timeout_s=self._settings.keep_alive_timeout_s)
            await asyncio.sleep(self._settings.keep_alive_s)

    # Which server

    async def _find_server(self) -> str:
        """Return the id of a server; waits for the first one to appear."""
        if self._choose_server is not None:
            return parse_token(await self._choose(self._choose_server))
        answer = await self._client.request(
            status_subject(self.subject), timeout_s=STATUS_TIMEOUT_S, wait_for_interest=True
        )
        return _server_id(answer)

    async def _choose(self, choose_server: ChooseServer) -> str:
        try:
            return await choose_server(self.subject)
        except ConatError:
            raise
        except Exception as error:
            raise SocketError(f"no server could be chosen: {error!r}") from error

    async def _find_old_server(self) -> None:
        """Make sure that our server is there and knows us.

        It answers an acknowledgement only if it knows the socket, and otherwise makes it close.
        """
        control: Mapping[str, Any] = {"socket": Emitted(self._flow.receiver.emitted_seq).to_wire()}
        try:
            await self._command(Command.SOCKET, control, wait_for_interest=True)
        except (NoSubscribers, RequestTimeout):
            others = await self._ask_servers()
            if others and self._server_id not in others:
                self.finish(f"its server '{self._server_id}' is gone")
                raise self._closed_by from None
            raise

    async def _ask_servers(self) -> set[str]:
        """Return the ids of all servers that answer now."""
        answers = self._client.request_many(status_subject(self.subject))
        found: set[str] = set()
        try:
            while True:
                async with asyncio.timeout(STATUS_IDLE_S):
                    found.add(_server_id(await anext(answers)))
        except (TimeoutError, NoSubscribers):
            return found
        finally:
            await answers.aclose()

    # What comes from the server

    def _on_close_command(self, _message: Message) -> None:
        self.finish("closed by the server")

    def _on_client_closing(self) -> None:
        self._say_close()
        self.finish("the client is closed")

    def _say_close(self) -> None:
        if self._server_id is None:
            return
        try:
            self._client.publish_sync(
                self.peer_subject, headers=command_headers(Command.CLOSE, self.id)
            )
        except ConatError as error:
            _log.debug("the server is not told that a socket closes: %s", error)


def _server_id(answer: Message) -> str:
    data = answer.data
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str):
        raise SocketError("a server answered without its id")
    return parse_token(data["id"])
