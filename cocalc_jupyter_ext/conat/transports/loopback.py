"""A client and a broker in one process, with nothing between them but calls.

Events pass as objects, are not copied, and keep their order. Answers come in the next turn
of the event loop, as from a socket: who awaits one gives the others a turn. When the broker
asks to be waited for, what follows is kept until it is ready.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..broker.broker import Broker
from ..broker.peer import Peer
from ..client.session import Link, LinkListener
from ..errors import LimitExceeded
from ..protocol.messages import ClientEvent, ServerEvent
from ..types import JsonValue, User

__all__ = ["LoopbackTransport"]

MAX_BACKLOG: Final = 10_000


class LoopbackTransport:
    """Connects a client as this user; there is nothing to authenticate."""

    def __init__(self, broker: Broker, user: User | None) -> None:
        self._broker = broker
        self._user = user

    async def open(self, listener: LinkListener) -> Link:
        """Connect; raises LimitExceeded when the broker lets nobody in."""
        sink = _Sink(listener)
        return _Link(self._broker.connect(sink, self._user), sink)


class _Sink:
    """The broker's way to the client."""

    def __init__(self, listener: LinkListener) -> None:
        self._listener = listener
        self._is_open = True
        self._on_ack: dict[int, Callable[[Any], None]] = {}
        self._next_ack_id = 0

    def expect(self, on_ack: Callable[[Any], None] | None) -> int | None:
        """Return a number for an answer that is awaited."""
        if on_ack is None:
            return None
        self._next_ack_id += 1
        self._on_ack[self._next_ack_id] = on_ack
        return self._next_ack_id

    def send(self, event: ServerEvent, on_ack: Callable[[], None] | None = None) -> None:
        if self._is_open:
            self._listener.on_event(event)
            if on_ack is not None:
                on_ack()

    def acknowledge(self, ack_id: int, value: JsonValue) -> None:
        if self._is_open:
            asyncio.get_running_loop().call_soon(self._on_ack.pop(ack_id), value)

    def close(self, reason: str, *, may_return: bool) -> None:
        if self._is_open:
            self._is_open = False
            self._listener.on_closed(reason if may_return else "io server disconnect")


class _Link:
    """The client's way to the broker."""

    def __init__(self, peer: Peer, sink: _Sink) -> None:
        self._peer = peer
        self._sink = sink
        self._backlog: deque[tuple[ClientEvent, int | None]] = deque()
        self._holding: asyncio.Task[None] | None = None

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        if len(self._backlog) >= MAX_BACKLOG:
            raise LimitExceeded("the broker does not keep up; send more slowly")
        self._backlog.append((event, self._sink.expect(on_ack)))
        if self._holding is None:
            self._drain()

    async def close(self) -> None:
        self._backlog.clear()
        self._peer.close("client namespace disconnect")

    def _drain(self) -> None:
        while self._backlog:
            hold = self._peer.receive(*self._backlog.popleft())
            if hold is not None:
                self._holding = asyncio.create_task(self._hold(hold), name="conat-loopback")
                return

    async def _hold(self, hold: Awaitable[None]) -> None:
        await hold
        self._holding = None
        self._drain()
