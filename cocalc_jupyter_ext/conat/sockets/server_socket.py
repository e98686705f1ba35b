"""The end of a socket that was accepted by a server (conat-core §14.4 to §14.7)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ..client.client import Client
from ..client.subscription import Message
from ..errors import ConatError, Disconnected
from .base import BaseSocket
from .commands import Command, client_subject, command_headers
from .states import SocketSettings, SocketState

__all__ = ["ServerSocket"]

_log = logging.getLogger(__name__)

INTEREST_TIMEOUT_S: Final = 5.0
MAX_WAITING: Final = 1000


class ServerSocket(BaseSocket):
    """A client's socket, as its server has it; made by SocketServer.

    ``subject`` is concrete also where the server listens to a pattern, so it tells who the
    client is.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        socket_id: str,
        settings: SocketSettings,
        on_closed: Callable[["ServerSocket"], None],
    ) -> None:
        super().__init__(client, subject, socket_id, settings, SocketState.READY)
        self._on_closed = on_closed
        self._peer_subject = client_subject(subject, socket_id)
        self._waiting: list[Message] = []
        self._is_accepted = False
        self.last_heard_s = asyncio.get_running_loop().time()
        self._flow.open()
        self._tasks.spawn("ping", self._keep_alive())

    @property
    def peer_subject(self) -> str:
        """Where messages for the client are published."""
        return self._peer_subject

    async def end(self, timeout_s: float = 3.0) -> None:
        """Tell the client to close, wait until the message was handed on, and close."""
        if self.state is not SocketState.CLOSED:
            headers = command_headers(Command.CLOSE)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._client.publish(self._peer_subject, headers=headers)
            except (ConatError, TimeoutError) as error:
                _log.info("a client is not told that its socket ends: %s", error)
            self.finish("ended on this end")
        await self.close()

    def finish(self, reason: str) -> None:
        """Close for good without telling the client."""
        is_first = self.state is not SocketState.CLOSED
        super().finish(reason)
        self._waiting.clear()
        if is_first:
            self._on_closed(self)

    def dismiss(self, reason: str) -> None:
        """Tell the client to close, without waiting, and close for good."""
        if self.state is not SocketState.CLOSED:
            self._say_close()
            self.finish(reason)

    # What the server tells

    def accept(self, connect: Message, on_accepted: Callable[["ServerSocket"], None]) -> None:
        """Wait for the client's subscription, then introduce the socket and answer the client.

        Until then what the client sends waits; other clients are not affected.
        """
        self._tasks.spawn("accept", self._accept(connect, on_accepted))

    def handle(self, message: Message) -> None:
        """Take a message of the client, in its turn."""
        self.last_heard_s = asyncio.get_running_loop().time()
        if self._is_accepted:
            self.receive(message)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(message)

    def pause(self) -> None:
        """Note that the server has lost its connection."""
        if self.state is SocketState.READY:
            self._flow.shut()
            self._tasks.cancel("ping")
            self._enter(SocketState.DISCONNECTED)

    def resume(self) -> None:
        """Note that the server can be reached again."""
        if self.state is SocketState.DISCONNECTED:
            self.last_heard_s = asyncio.get_running_loop().time()
            self._flow.open()
            self._enter(SocketState.READY)
            self._tasks.spawn("ping", self._keep_alive())

    # Inside

    async def _accept(
        self, connect: Message, on_accepted: Callable[["ServerSocket"], None]
    ) -> None:
        try:
            await self._client.wait_for_interest(self._peer_subject, INTEREST_TIMEOUT_S)
        except ConatError as error:
            _log.debug("a client connects that cannot hear us yet: %s", error)
        on_accepted(self)
        await self._confirm(connect)
        self._is_accepted = True
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.receive(message)

    async def _confirm(self, connect: Message) -> None:
        timeout_s = self._settings.command_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._client.respond(connect, "connected", timeout_s=timeout_s)
        except (ConatError, TimeoutError) as error:
            _log.debug("a client is not told that it is connected: %s", error)

    async def _keep_alive(self) -> None:
        """Ping until nothing is heard in time (conat-core §14.6)."""
        loop = asyncio.get_running_loop()
        while True:
            asked_s = loop.time()
            try:
                await self._command(
                    Command.PING,
                    timeout_s=self._settings.keep_alive_timeout_s,
                    wait_for_interest=True,
                )
            except Disconnected:
                return  # it is this end that lost its connection, which is told separately
            except ConatError as error:
                if self.last_heard_s <= asked_s:
                    _log.info("the socket '%s' is closed: %s", self._peer_subject, error)
                    self.dismiss(f"no answer to a ping: {error}")
                    return
            else:
                self.last_heard_s = loop.time()
            await asyncio.sleep(self._settings.keep_alive_s)

    def _on_command(self, command: str, message: Message) -> None:
        if command == Command.CONNECT:  # it lost its connection and came back
            self._tasks.spawn("confirm", self._confirm(message))
        else:
            super()._on_command(command, message)

    def _on_close_command(self, message: Message) -> None:
        self._say_close()
        try:
            self._client.respond_sync(message, "closed")
        finally:
            self.finish("closed by the client")

    def _say_close(self) -> None:
        try:
            self._client.publish_sync(self._peer_subject, headers=command_headers(Command.CLOSE))
        except ConatError as error:
            _log.debug("a client is not told that its socket closes: %s", error)
