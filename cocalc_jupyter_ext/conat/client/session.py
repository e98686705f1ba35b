"""One client's connection, kept open: connect, sign in, lose it, connect again.

``start`` makes one task that connects, waits until the connection is lost, and connects
again after a growing pause. A server that refuses the credentials, or disconnects the
client on purpose, ends the session: coming back would be refused again (conat-core
§2.3). Nothing is sent twice and nothing is kept for later: who waits for an answer when
the connection is lost gets ``Disconnected``.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, Protocol

from ..errors import ClientClosed, ConatError, Disconnected, RequestTimeout, SignInFailed, from_wire
from ..protocol.messages import ClientEvent, Delivery, Info, PermissionNotice, ServerEvent
from ..signals import Signal
from ..types import User
from .reconnect import Random, reconnect_delays

__all__ = [
    "ClientState",
    "ClientTransport",
    "Link",
    "LinkListener",
    "Session",
    "SessionListener",
    "user_from_info",
]

_log = logging.getLogger(__name__)

SERVER_DISCONNECT: Final = "io server disconnect"
TIMED_OUT: Final = "timeout - Error: operation has timed out"


class ClientState(Enum):
    """Whether a client can be used: signed in, not at the moment, or never again (§11.2)."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    CLOSED = "closed"


class Link(Protocol):
    """One live connection. It is over when its listener has been told so."""

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        """Send an event, in order; call ``on_ack`` with the server's answer. Never blocks."""
        ...  # pragma: no cover - a protocol has no body

    async def close(self) -> None:
        """End the connection, within a bounded time; the listener is told."""
        ...  # pragma: no cover - a protocol has no body


class LinkListener(Protocol):
    """Who hears what comes over a link."""

    def on_event(self, event: ServerEvent) -> None:
        """Take an event of the server."""
        ...  # pragma: no cover - a protocol has no body

    def on_closed(self, reason: str) -> None:
        """Note that the link is over; called exactly once."""
        ...  # pragma: no cover - a protocol has no body


class ClientTransport(Protocol):
    """A way to a server."""

    async def open(self, listener: LinkListener) -> Link:
        """Connect once. Raises OSError or ConatError when that fails."""
        ...  # pragma: no cover - a protocol has no body


class SessionListener(Protocol):
    """Who uses a session."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Take a chunk."""
        ...  # pragma: no cover - a protocol has no body

    def on_denied(self, notice: PermissionNotice) -> None:
        """Note that the server refused something."""
        ...  # pragma: no cover - a protocol has no body

    def on_signed_in(self) -> None:
        """Note that the server knows us, and has none of our subscriptions."""
        ...  # pragma: no cover - a protocol has no body

    def on_disconnected(self) -> None:
        """Note that the connection we were signed in on is lost."""
        ...  # pragma: no cover - a protocol has no body

    def on_ended(self, error: ConatError) -> None:
        """Note that the session is over for good."""
        ...  # pragma: no cover - a protocol has no body


def user_from_info(info: Info) -> User | None:
    """Return who the server says we are; None when it asks nobody. Raises SignInFailed."""
    if info.user is None:
        return None
    if "error" in info.user:
        refusal = from_wire(info.user)
        raise SignInFailed(str(refusal), refusal.code)
    for kind in ("account", "project", "hub"):
        user_id = info.user.get(f"{kind}_id")
        if isinstance(user_id, str):
            return User(kind, user_id)
    raise SignInFailed("the server sent a user without an id")


class Session:
    """Keeps a connection open and asks questions over it."""

    def __init__(
        self, transport: ClientTransport, listener: SessionListener, *, name: str, rng: Random
    ) -> None:
        self.info: Info | None = None
        self.failure: Exception | None = None
        self.state = ClientState.DISCONNECTED
        self.states: Signal[[ClientState]] = Signal(f"state of client {name}")
        self._transport = transport
        self._listener = listener
        self._name = name
        self._random = rng
        self._delays: Iterator[float] = reconnect_delays(rng)
        self._link: Link | None = None
        self._link_lost = asyncio.Event()
        self._changed = asyncio.Event()
        self._ended_by: ConatError | None = None
        self._pending: set[asyncio.Future[Any]] = set()
        self._runner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; calling it again does nothing."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name=f"conat-session-{self._name}")

    async def close(self) -> None:
        """End the session; calling it again does nothing."""
        self._end(ClientClosed())
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    @property
    def is_signed_in(self) -> bool:
        """Return whether there is a connection on which the server knows us."""
        return self.info is not None

    async def wait_until_signed_in(self) -> Info:
        """Wait, without limit; raises SignInFailed or ClientClosed if that will never happen."""
        while self.info is None:
            if self._ended_by is not None:
                raise self._ended_by
            self._changed.clear()
            await self._changed.wait()
        return self.info

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        """Send an event; raises Disconnected, or what ended the session."""
        if self._ended_by is not None:
            raise self._ended_by
        if self._link is None or self.info is None:
            raise Disconnected  # what is sent before the sign-in is lost (conat-core §2.1)
        self._link.send(event, on_ack)

    def ask(self, event: ClientEvent, timeout_s: float) -> asyncio.Future[Any]:
        """Send an event, now; what is returned becomes the server's answer.

        Raises what ``send`` raises. The future fails with RemoteError for an error,
        RequestTimeout, or Disconnected when the connection is lost meanwhile.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self.send(event, lambda value: _settle(answer, value))
        timer = loop.call_later(timeout_s, _expire, answer)
        self._pending.add(answer)

        def forget(_answer: asyncio.Future[Any]) -> None:
            timer.cancel()
            self._pending.discard(answer)
            if not answer.cancelled():
                answer.exception()  # nobody may be left who wants to know

        answer.add_done_callback(forget)
        return answer

    async def call(self, event: ClientEvent, timeout_s: float) -> Any:
        """Send an event and return the server's answer; raises what ``ask`` raises."""
        return await self.ask(event, timeout_s)

    def on_event(self, event: ServerEvent) -> None:
        """Take an event of the server."""
        match event:
            case Delivery():
                self._listener.on_delivery(event)
            case PermissionNotice():
                self._listener.on_denied(event)
            case Info():
                self._receive_info(event)

    def on_closed(self, reason: str) -> None:
        """Note that the link is over."""
        self._link = None
        self.info = None
        if self.state is ClientState.CONNECTED:
            self._listener.on_disconnected()
            self._enter(ClientState.DISCONNECTED)  # before the answers fail (conat-core §11.3)
        for answer in self._pending:
            if not answer.done():
                answer.set_exception(self._ended_by or Disconnected())
        if reason == SERVER_DISCONNECT:
            self._end(SignInFailed("the server ended the connection on purpose"))
        self._link_lost.set()

    def _receive_info(self, info: Info) -> None:
        if self._ended_by is not None:
            return
        try:
            user_from_info(info)
        except SignInFailed as error:
            self._end(error)
            return
        is_repeated = self.info is not None
        self.info = info
        self.failure = None
        self._delays = reconnect_delays(self._random)
        self._changed.set()
        if not is_repeated:
            self._listener.on_signed_in()
            self._enter(ClientState.CONNECTED)

    def _enter(self, state: ClientState) -> None:
        self.state = state
        self.states.emit(state)

    def _end(self, error: ConatError) -> None:
        """End for good; the first reason stays."""
        if self._ended_by is None:
            self._ended_by = error
            self._changed.set()
            self._listener.on_ended(error)
            self._enter(ClientState.CLOSED)
            self._link_lost.set()

    async def _run(self) -> None:
        while self._ended_by is None:
            if await self._connect_once():
                await self._link_lost.wait()
            if self._ended_by is None:
                await asyncio.sleep(next(self._delays))
        if self._link is not None:
            await self._link.close()

    async def _connect_once(self) -> bool:
        self._link_lost.clear()
        try:
            self._link = await self._transport.open(self)
        except (OSError, ConatError) as error:
            _log.info("cannot connect: %s", error)
            self.failure = error
            return False
        return True


def _settle(answer: asyncio.Future[Any], value: Any) -> None:
    if answer.done():
        return
    if isinstance(value, dict) and "error" in value:
        answer.set_exception(from_wire(value))
    else:
        answer.set_result(value)


def _expire(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(RequestTimeout(TIMED_OUT))
