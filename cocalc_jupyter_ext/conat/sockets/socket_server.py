"""A server of sockets: accepts clients and hands each what is meant for it (conat-core §14.4)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from ..client.client import Client
from ..client.identifiers import random_id
from ..client.replies import Replies
from ..client.subscription import Message, Subscription, SubscriptionLimits
from ..errors import ConatError, NoSubscribers
from ..protocol.codec import Encoding, encode
from ..protocol.subjects import parse_pattern
from ..signals import Signal
from .base import DEFAULT_TIMEOUT_S, hand_on
from .commands import (
    Command,
    client_subject,
    command_headers,
    command_of,
    parse_address,
    parse_channel,
    parse_token,
    server_pattern,
    status_subject,
)
from .errors import SocketClosed, SocketFull
from .reconnection import Attempts
from .server_socket import ServerSocket
from .states import SocketSettings, SocketState
from .tasks import Tasks

__all__ = ["SocketServer"]

_log = logging.getLogger(__name__)

UNHANDLED: Final = SubscriptionLimits(max_messages=100_000)
"""What may wait to be handed to its socket: a burst of one client must not displace others."""


class SocketServer:
    """Accepts the sockets of one subject, which may be a pattern.

    ``connections`` emits each accepted socket, ``states`` every change of ``state``;
    ``sockets`` holds the open ones by their ids. There is at most one server of a subject and
    an id per client.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        *,
        server_id: str | None = None,
        settings: SocketSettings | None = None,
    ) -> None:
        self.subject = parse_pattern(subject, "socket")
        self.server_id = parse_token(server_id or client.id)
        self.state = SocketState.DISCONNECTED
        self.states: Signal[[SocketState]] = Signal(f"state of socket server {subject}")
        self.connections: Signal[[ServerSocket]] = Signal(f"connections of {subject}")
        self._client = client
        self._settings = settings or SocketSettings()
        self._sockets: dict[str, ServerSocket] = {}
        self._tasks = Tasks(f"socket server {subject}")
        self._replies = Replies(client)
        self._subscriptions: list[Subscription] = []
        self._first_attempt: asyncio.Future[None] | None = None
        self._forget_client: Callable[[], None] | None = None
        self._attempts = Attempts(
            self._serve, self._on_lost, delay_s=self._settings.reconnect_delay_s
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def sockets(self) -> Mapping[str, ServerSocket]:
        """The open sockets by their ids."""
        return MappingProxyType(self._sockets)

    async def start(self) -> None:
        """Begin to accept; returns when the server can be reached.

        Waits until signed in. Raises SocketClosed, or what subscribing raises.
        """
        if self.state is SocketState.CLOSED:
            raise SocketClosed
        if self._forget_client is None:
            self._forget_client = self._client.closing.connect(self._on_client_closing)
        if self._first_attempt is None:
            self._first_attempt = asyncio.get_running_loop().create_future()
            # Who waits for it may have been cancelled; the error must not be reported as lost.
            self._first_attempt.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._tasks.spawn("run", self._run())
            self._tasks.spawn("scan", self._scan())
        try:
            await asyncio.shield(self._first_attempt)
        except ConatError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every socket and stop; calling it again does nothing."""
        sockets = list(self._sockets.values())
        self._finish()
        for socket in sockets:
            await socket.close()
        await self._replies.close()
        await self._tasks.wait_until_ended()

    async def end(self, timeout_s: float = 3.0) -> None:
        """Like ``close``, and let the message server confirm that every client was told."""
        self._enter(SocketState.DISCONNECTED)
        sockets = list(self._sockets.values())
        await asyncio.gather(*(socket.end(timeout_s) for socket in sockets))
        await self.close()

    def channel(self, name: str) -> "SocketServer":
        """Return another server, not started, of the subject ``<subject>.<name>``."""
        return SocketServer(
            self._client,
            f"{self.subject}.{parse_channel(name)}",
            server_id=self.server_id,
            settings=self._settings,
        )

    # All sockets at once

    def write(self, value: object, *, headers: Mapping[str, Any] | None = None) -> None:
        """Write to every socket; a full one does not keep the others from theirs.

        Raises SocketFull afterwards if there was one, CodecError before anything is written.
        """
        raw = encode(value, Encoding.MSGPACK)
        failure: SocketFull | None = None
        for socket in list(self._sockets.values()):
            try:
                socket.write_raw(raw, headers=headers)
            except SocketFull as error:
                failure = error
        if failure is not None:
            raise failure

    async def request(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> list[Message | ConatError]:
        """Ask every client at once; return the answers, and errors in the place of others."""

        async def ask(socket: ServerSocket) -> Message | ConatError:
            try:
                return await socket.request(value, headers=headers, timeout_s=timeout_s)
            except ConatError as error:
                return error

        return await asyncio.gather(*(ask(socket) for socket in list(self._sockets.values())))

    async def request_first(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Message:
        """Ask every client at once; return the first answer.

        Raises the last error if nobody answered, NoSubscribers if there is nobody.
        """
        asking = [
            asyncio.create_task(
                socket.request(value, headers=headers, timeout_s=timeout_s),
                name=f"ask-{socket.id}",
            )
            for socket in self._sockets.values()
        ]
        error: ConatError = NoSubscribers(self.subject)
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    return await answer
                except ConatError as failure:
                    error = failure
            raise error
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    # The life of a connection

    async def _run(self) -> None:
        reason = await self._attempts.run(self._client.states)
        if reason:
            self._finish(reason)

    async def _serve(self) -> None:
        try:
            status = await self._subscribe(status_subject(self.subject))
            mine = await self._subscribe(
                server_pattern(self.subject, self.server_id), queue=random_id(), limits=UNHANDLED
            )
        except ConatError as error:
            self._tell_starter(error)
            raise
        self._tasks.spawn("status", self._answer_status(status))
        self._attempts.succeeded()
        self._enter(SocketState.READY)
        for socket in list(self._sockets.values()):
            socket.resume()
        self._tell_starter(None)
        await self._dispatch(mine)

    async def _subscribe(
        self, pattern: str, queue: str | None = None, limits: SubscriptionLimits | None = None
    ) -> Subscription:
        subscription = await self._client.subscribe(pattern, queue=queue, limits=limits)
        self._subscriptions.append(subscription)
        return subscription

    def _tell_starter(self, error: ConatError | None) -> None:
        if self._first_attempt is not None and not self._first_attempt.done():
            if error is None:
                self._first_attempt.set_result(None)
            else:
                self._first_attempt.set_exception(error)

    def _on_lost(self) -> None:
        self._tasks.cancel("status")
        self._leave()
        if self.state is SocketState.READY:
            self._enter(SocketState.DISCONNECTED)
            for socket in list(self._sockets.values()):
                socket.pause()

    def _leave(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()

    def _finish(self, reason: str = "the server of the socket was closed") -> None:
        if self.state is SocketState.CLOSED:
            return
        self._enter(SocketState.CLOSED)
        self._tell_starter(SocketClosed(reason))
        self._tasks.cancel_all()
        self._replies.cancel()
        self._leave()
        for socket in list(self._sockets.values()):
            socket.dismiss(reason)
        self.connections.clear()
        self.states.clear()
        if self._forget_client is not None:
            self._forget_client()

    def _on_client_closing(self) -> None:
        self._finish("the client is closed")

    def _enter(self, state: SocketState) -> None:
        if state is not self.state:
            self.state = state
            self.states.emit(state)

    # What comes in

    async def _answer_status(self, requests: Subscription) -> None:
        try:
            async for request in requests:
                self._replies.send(request, {"id": self.server_id})
        except ConatError as error:
            _log.warning("clients of '%s' cannot find this server: %s", self.subject, error)
            self._attempts.interrupt()

    async def _dispatch(self, messages: Subscription) -> None:
        await hand_on(messages, self._handle)

    def _handle(self, message: Message) -> None:
        address = parse_address(message.subject)
        socket = self._sockets.get(address.client_id)
        if socket is not None and socket.subject == address.base:
            socket.handle(message)
            return
        try:
            self._handle_unknown(message, address.base, address.client_id)
        except ConatError as error:
            _log.warning("a message to '%s' is dropped: %s", message.subject, error)

    def _handle_unknown(self, message: Message, base: str, client_id: str) -> None:
        """Accept a client, or tell one that believes to be connected that it is not."""
        command = command_of(message.headers)
        if command == Command.CONNECT:
            self._accept(message, base, client_id)
        elif command != Command.CLOSE:
            self._client.publish_sync(
                client_subject(base, client_id), headers=command_headers(Command.CLOSE)
            )

    def _accept(self, connect: Message, base: str, client_id: str) -> None:
        if self.state is not SocketState.READY:
            return
        refusal = self._refusal(client_id)
        if refusal is not None:
            self._client.respond_sync(connect, {"error": refusal})
            return
        socket = ServerSocket(self._client, base, client_id, self._settings, self._forget)
        self._sockets[client_id] = socket
        socket.accept(connect, self.connections.emit)

    def _refusal(self, client_id: str) -> str | None:
        if client_id in self._sockets:
            return "Error: this socket id is in use; choose another"
        if len(self._sockets) >= self._settings.max_sockets:
            return "Error: too many sockets; try again later"
        return None

    def _forget(self, socket: ServerSocket) -> None:
        if self._sockets.get(socket.id) is socket:
            del self._sockets[socket.id]

    async def _scan(self) -> None:
        """Close sockets that have not been heard of for long (conat-core §14.6)."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.dead_scan_s)
            oldest_s = loop.time() - self._settings.dead_age_s
            for socket in list(self._sockets.values()):
                if socket.last_heard_s < oldest_s and socket.state is SocketState.READY:
                    socket.dismiss("nothing was heard of the client for long")
