"""Participants of the message fabric for tests: in process, and on the wire without sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import Link, LinkListener
from cocalc_jupyter_ext.conat.errors import Disconnected
from cocalc_jupyter_ext.conat.protocol.connection import server_event_frames
from cocalc_jupyter_ext.conat.protocol.engineio import Handshake
from cocalc_jupyter_ext.conat.protocol.messages import Delivery, ServerEvent
from cocalc_jupyter_ext.conat.protocol.socketio import Frame
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.transports.server_session import ServerSession
from cocalc_jupyter_ext.conat.types import JsonValue, Operation, User

__all__ = [
    "DenyPrefix",
    "FlakyTransport",
    "RecordingSink",
    "WireClient",
    "clients",
    "make_ids",
]


def make_ids(prefix: str = "id") -> Callable[[], str]:
    """Return a source of ids that are the same in every run."""
    numbers = count()
    return lambda: f"{prefix}{next(numbers)}"


def make_client(broker: Broker, name: str, user: User | None = None) -> Client:
    """Return a client that is not started yet."""
    loop = asyncio.get_running_loop()
    return Client(
        LoopbackTransport(broker, user), clock=loop.time, make_id=make_ids(name), rng=lambda: 0.5
    )


@asynccontextmanager
async def clients(broker: Broker, *users: User | None) -> AsyncIterator[list[Client]]:
    """Give one running client for each user; stop the broker afterwards."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.stop)
        yield [
            await stack.enter_async_context(make_client(broker, f"c{number}n", user))
            for number, user in enumerate(users)
        ]


class DenyPrefix:
    """Denies what begins with a text; answers at once, or after a while."""

    def __init__(self, prefix: str, delay_s: float | None = None) -> None:
        self.prefix = prefix
        self._delay_s = delay_s

    def allows(self, user: User | None, subject: str, operation: Operation) -> Any:
        answer = not subject.startswith(self.prefix)
        return answer if self._delay_s is None else self._later(answer, self._delay_s)

    async def _later(self, answer: bool, delay_s: float) -> bool:
        await asyncio.sleep(delay_s)
        return answer


class RecordingSink:
    """Keeps what a broker sends to one connection. Acknowledges ``info`` unless told not to."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.events: list[ServerEvent] = []
        self.answers: dict[int, JsonValue] = {}
        self.closed: list[tuple[str, bool]] = []
        self._acknowledges = acknowledges

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        self.events.append(event)
        if on_ack is not None and self._acknowledges:
            on_ack()

    def acknowledge(self, ack_id: int, value: JsonValue) -> None:
        self.answers[ack_id] = value

    def close(self, reason: str, *, may_return: bool) -> None:
        self.closed.append((reason, may_return))

    @property
    def deliveries(self) -> list[tuple[str, bytes]]:
        """The patterns and payloads of what was delivered."""
        return [
            (each.pattern, each.chunk.raw) for each in self.events if isinstance(each, Delivery)
        ]


class WireClient:
    """A client made of nothing but recorded WebSocket messages."""

    def __init__(
        self,
        broker: Broker,
        *,
        authenticate: Callable[[], Any] | None = None,
        max_payload: int = 8_000_000,
        address: str = "",
    ) -> None:
        self.frames: list[Frame] = []
        self.closed: tuple[int, str] | None = None
        self.session = ServerSession(
            broker,
            self,
            authenticate=authenticate or self._nobody,
            handshake=Handshake("sid", max_payload_bytes=max_payload),
            clock=asyncio.get_running_loop().time,
            address=address,
        )

    async def say(self, frame: Frame) -> None:
        """Send one message to the server."""
        hold = self.session.receive(frame)
        if hold is not None:
            await hold

    def write(self, frames: list[Frame]) -> None:
        self.frames.extend(frames)

    def deliver(self, delivery: Delivery) -> None:
        self.frames.extend(server_event_frames(delivery))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    async def _nobody(self) -> User | None:
        return None


class FlakyTransport:
    """A loopback that can be cut, and that refuses to connect as often as told."""

    def __init__(self, broker: Broker, user: User | None = None) -> None:
        self.broker = broker
        self.refusals = 0
        self.attempts_s: list[float] = []
        self.user = user
        self._links: list[Link] = []

    async def open(self, listener: LinkListener) -> Link:
        self.attempts_s.append(asyncio.get_running_loop().time())
        if self.refusals > 0:
            self.refusals -= 1
            raise Disconnected("refused")
        self._links.append(await LoopbackTransport(self.broker, self.user).open(listener))
        return self._links[-1]

    async def cut(self) -> None:
        """Lose the connection."""
        await self._links[-1].close()
