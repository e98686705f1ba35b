"""What both ends of a socket have in common (conat-core §14.2, §14.5, §14.8)."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from ..client.client import Client
from ..client.subscription import Message, Subscription
from ..errors import CodecError, ConatError, RemoteError, RequestTimeout
from ..protocol.codec import Encoding, decode, encode
from ..signals import Signal
from .commands import (
    Command,
    Control,
    check_headers,
    command_headers,
    command_of,
    packet_headers,
    parse_control,
    parse_packet,
)
from .errors import SocketClosed, SocketReset
from .flow import Flow
from .messages import SocketMessages
from .sequence import Packet
from .states import SocketSettings, SocketState
from .tasks import Tasks

__all__ = ["DEFAULT_TIMEOUT_S", "BaseSocket", "hand_on"]

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
MESSAGES_PER_TURN: Final = 64


async def hand_on(messages: Subscription, handle: Callable[[Message], None]) -> None:
    """Handle messages as they come, without keeping everybody else waiting in a burst."""
    count = 0
    async for message in messages:
        handle(message)
        count += 1
        if count % MESSAGES_PER_TURN == 0:
            await asyncio.sleep(0)


class BaseSocket(ABC):
    """One end of a socket. Listeners of its signals are called on the event loop, in order.

    ``data`` emits each value once and in order with the headers it was written with;
    ``requests`` emits the requests of the peer, which ``respond`` answers; ``states`` emits
    every change of ``state``; ``drained`` says that the peer has acknowledged everything.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        socket_id: str,
        settings: SocketSettings,
        state: SocketState,
    ) -> None:
        name = f"socket {subject} {socket_id}"
        self.id = socket_id
        self.subject = subject
        self.state = state
        self.states: Signal[[SocketState]] = Signal(f"state of {name}")
        self.data: Signal[[Any, dict[str, Any]]] = Signal(f"data of {name}")
        self.requests: Signal[[Message]] = Signal(f"requests of {name}")
        self.drained: Signal[[]] = Signal(f"drained of {name}")
        self._client = client
        self._settings = settings
        self._tasks = Tasks(name)
        self._flow = Flow(self, self, self._tasks, settings.max_queue)
        self._readers: list[SocketMessages] = []
        self._waits: set[asyncio.Timeout] = set()
        self._changed = asyncio.Event()
        self._closed_by = SocketClosed()

    @property
    @abstractmethod
    def peer_subject(self) -> str:
        """Where messages for the peer are published."""

    async def close(self) -> None:
        """Close for good, and tell the peer without waiting; calling it again does nothing."""
        if self.state is not SocketState.CLOSED:
            self._say_close()
            self.finish("closed on this end")
        await self._tasks.wait_until_ended()

    def finish(self, reason: str) -> None:
        """Close for good without telling the peer: it knows, or is gone."""
        if self.state is SocketState.CLOSED:
            return
        self._closed_by = SocketClosed(reason)
        self._flow.shut()
        self._tasks.cancel_all()
        self._enter(SocketState.CLOSED)
        for scope in self._waits:
            if not scope.expired():
                scope.reschedule(0)
        for reader in self._readers:
            reader.end(self._closed_by)
        for signal in (self.states, self.data, self.requests, self.drained):
            signal.clear()

    # Data

    def write(self, value: object, *, headers: Mapping[str, Any] | None = None) -> None:
        """Send a value, reliably and in order; what is written while not ready waits (§14.5).

        Raises SocketFull when too much is unacknowledged, SocketClosed, or CodecError.
        """
        self.write_raw(encode(value, Encoding.MSGPACK), headers=headers)

    def write_raw(self, raw: bytes, *, headers: Mapping[str, Any] | None = None) -> None:
        """Send a value that is MessagePack already; otherwise like ``write``."""
        self._check_open()
        self._flow.write(raw, check_headers(headers))

    async def send(
        self,
        value: object,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Like ``write``, but wait while too much is unacknowledged; raises RequestTimeout."""
        raw = encode(value, Encoding.MSGPACK)
        await self.wait_until_writable(timeout_s)
        self.write_raw(raw, headers=headers)

    def messages(self) -> SocketMessages:
        """Iterate over ``(value, headers)`` from now on; see SocketMessages for back pressure."""
        reader = SocketMessages(self._flow.report, self._forget_reader)
        if self.state is SocketState.CLOSED:
            reader.end(self._closed_by)
        else:
            self._readers.append(reader)
        return reader

    async def wait_until_drained(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until the peer has acknowledged everything; raises SocketClosed, RequestTimeout."""
        await self._wait_until(lambda: not len(self._flow.sender), timeout_s, "drained")

    async def wait_until_writable(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until a message can be written; raises SocketClosed, RequestTimeout."""
        await self._wait_until(lambda: not self._flow.sender.is_full, timeout_s, "writable")

    async def wait_until_ready(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until the peer can be reached; raises SocketClosed, RequestTimeout."""
        await self._wait_until(lambda: self.state is SocketState.READY, timeout_s, "ready")

    # Requests

    async def request(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        encoding: int = Encoding.MSGPACK,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Message:
        """Wait until ready, ask the peer, and return its answer (conat-core §14.8).

        Neither ordered relative to data nor repeated. Raises SocketClosed, also when that
        happens meanwhile, and what ``Client.request`` raises.
        """
        checked = dict(check_headers(headers))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        await self.wait_until_ready(timeout_s)
        async with self._until_closed():
            return await self._client.request(
                self.peer_subject,
                value,
                headers=checked,
                raw=raw,
                encoding=encoding,
                timeout_s=max(deadline_s - loop.time(), 0.001),
            )
        raise self._closed_by

    async def request_many(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        encoding: int = Encoding.MSGPACK,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[Message, None]:
        """Wait until ready, ask the peer, and yield its answers; see ``Client.request_many``.

        Ends when no answer came for ``max_wait_s``; raises SocketClosed when the socket closes.
        """
        checked = dict(check_headers(headers))
        await self.wait_until_ready(timeout_s)
        replies = self._client.request_many(
            self.peer_subject,
            value,
            headers=checked,
            raw=raw,
            encoding=encoding,
            timeout_s=timeout_s,
        )
        try:
            async for reply in self._replies(replies, max_wait_s):
                yield reply
        finally:
            await replies.aclose()

    async def respond(
        self, request: Message, value: object = None, *, headers: Mapping[str, Any] | None = None
    ) -> None:
        """Answer a request of the peer, as often as its convention wants."""
        await self._client.respond(request, value, headers=headers)

    def respond_sync(
        self, request: Message, value: object = None, *, headers: Mapping[str, Any] | None = None
    ) -> None:
        """Answer a request of the peer without waiting; raises Disconnected."""
        self._client.respond_sync(request, value, headers=headers)

    # What comes in

    def receive(self, message: Message) -> None:
        """Take a message of the peer; whatever makes no sense is logged and has no effect."""
        if self.state is SocketState.CLOSED:
            return
        try:
            command = command_of(message.headers)
            if command is not None:
                self._on_command(command, message)
            elif message.reply_subject is not None:
                self.requests.emit(message)
            else:
                self._flow.receive(parse_packet(message.raw, message.encoding, message.headers))
        except ConatError as error:
            _log.warning("a message to socket '%s' is dropped: %s", message.subject, error)

    def _on_command(self, command: str, message: Message) -> None:
        match command:
            case Command.CLOSE:
                self._on_close_command(message)
            case Command.PING:
                if self.state is SocketState.READY:
                    self._client.respond_sync(message)
            case Command.SOCKET:
                data, headers = self._flow.answer(parse_control(message.data))
                self._client.respond_sync(message, data, headers=headers)
            case _:
                self._client.respond_sync(message, {"error": f"unknown command - '{command}'"})

    @abstractmethod
    def _on_close_command(self, message: Message) -> None:
        """Close, because the peer did."""

    @abstractmethod
    def _say_close(self) -> None:
        """Tell the peer that this end closes, without waiting."""

    # What the flow needs

    def publish(self, packet: Packet) -> None:
        """Send a packet; raises ConatError."""
        self._client.publish_sync(self.peer_subject, headers=packet_headers(packet), raw=packet.raw)

    async def ask(self, control: Control) -> Message:
        """Send a control and return the answer; raises ConatError."""
        return await self._command(Command.SOCKET, {"socket": control.to_wire()})

    def on_packet(self, packet: Packet) -> None:
        """Hand a packet on."""
        if self.state is SocketState.CLOSED:
            return
        try:
            value = decode(packet.raw, packet.encoding)
        except CodecError as error:
            self.on_reset(SocketReset(f"message {packet.seq} cannot be decoded: {error}"))
            return
        for reader in list(self._readers):
            reader.put(value, dict(packet.headers))
        self.data.emit(value, dict(packet.headers))

    def on_progress(self) -> None:
        """Let waiting writers go on."""
        self._wake()
        if not len(self._flow.sender):
            self.drained.emit()

    def on_reset(self, error: SocketReset) -> None:
        """Close: going on would leave a gap."""
        _log.warning("the socket '%s' is closed: %s", self.subject, error)
        self._say_close()
        self.finish(str(error))

    def unread(self) -> int:
        """Return how far the slowest reader is behind."""
        return max(map(len, self._readers), default=0)

    # Helpers

    async def _command(
        self,
        command: Command,
        value: object = None,
        *,
        client_id: str | None = None,
        timeout_s: float | None = None,
        wait_for_interest: bool = False,
    ) -> Message:
        """Send a command and return the answer; raises RemoteError for an error in it."""
        answer = await self._client.request(
            self.peer_subject,
            value,
            headers=command_headers(command, client_id),
            timeout_s=timeout_s or self._settings.command_timeout_s,
            wait_for_interest=wait_for_interest,
        )
        data = answer.data
        if isinstance(data, Mapping) and data.get("error"):
            raise RemoteError(str(data["error"]))
        return answer

    def _enter(self, state: SocketState) -> None:
        if state is not self.state:
            self.state = state
            self._wake()
            self.states.emit(state)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _check_open(self) -> None:
        if self.state is SocketState.CLOSED:
            raise self._closed_by

    async def _wait_until(self, holds: Callable[[], bool], timeout_s: float, name: str) -> None:
        self._check_open()
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    await self._changed.wait()
                    self._check_open()
        except TimeoutError as error:
            raise RequestTimeout(f"timeout - the socket is not {name}") from error

    @asynccontextmanager
    async def _until_closed(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Leave the block when the time is up, or with SocketClosed when the socket closes."""
        scope = asyncio.timeout(timeout_s)
        self._waits.add(scope)
        try:
            async with scope:
                yield
        except TimeoutError:
            self._check_open()
        finally:
            self._waits.discard(scope)

    async def _replies(
        self, replies: AsyncGenerator[Message, None], max_wait_s: float | None
    ) -> AsyncGenerator[Message, None]:
        while True:
            reply = None
            async with self._until_closed(max_wait_s):
                reply = await anext(replies, None)
            if reply is None:
                return
            yield reply

    def _forget_reader(self, reader: SocketMessages) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            self._flow.report()
