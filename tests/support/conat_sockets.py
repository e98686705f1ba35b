"""A message fabric for tests of sockets, whose router can be restarted, on two carriers.

The same check runs in one process on a clock that jumps, and over real WebSockets.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sockets.base import BaseSocket
from cocalc_jupyter_ext.conat.sockets.messages import SocketMessages
from cocalc_jupyter_ext.conat.sockets.states import SocketState
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from . import virtual_time
from .conat_peers import FlakyTransport
from .conat_server import RestartableServer

__all__ = ["CARRIERS", "Check", "Fabric", "echo", "log_states", "subscriptions", "take", "until"]

LIMIT_S = 60


class Fabric:
    """A router in this process, and its clients."""

    def __init__(self) -> None:
        self.broker = Broker()
        self.transports: list[FlakyTransport] = []
        self._transport_of: dict[Client, FlakyTransport] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Fabric":
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)
        await self.broker.stop()

    async def client(self) -> Client:
        """Return a new client that is signed in."""
        transport = FlakyTransport(self.broker)
        self.transports.append(transport)
        clock = asyncio.get_running_loop().time
        client = await self._enter(Client(transport, clock=clock, rng=lambda: 0.5))
        self._transport_of[client] = transport
        return client

    async def lose(self, client: Client) -> None:
        """Take a client away without a word, as a crash does."""
        transport = self._transport_of[client]
        transport.refusals = 1_000_000
        self.transports.remove(transport)
        await transport.cut()

    async def stop(self) -> None:
        """Stop the router."""
        for transport in self.transports:
            transport.refusals = 1_000_000
        await self.broker.stop()

    async def start(self) -> None:
        """Start a router that knows nothing of the one before."""
        self.broker = Broker()
        for transport in self.transports:
            transport.broker = self.broker
            transport.refusals = 0

    async def restart(self) -> None:
        """Replace the router, which loses everything it knew."""
        await self.stop()
        await self.start()

    async def _enter(self, client: Client) -> Client:
        await self._stack.enter_async_context(client)
        await client.wait_until_signed_in()
        return client


class WebSocketFabric(Fabric):
    """A router behind a real port."""

    def __init__(self) -> None:
        super().__init__()
        self._server = RestartableServer()

    async def __aenter__(self) -> "Fabric":
        await self.start()
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)
        await self.stop()

    async def client(self) -> Client:
        return await self._enter(Client(TornadoTransport(self._server.address), rng=lambda: 0.5))

    async def stop(self) -> None:
        await self._server.stop()

    async def start(self) -> None:
        self.broker = Broker()
        await self._server.start(self.broker)


Check = Callable[[Fabric], Awaitable[None]]


def _in_process(check: Check) -> None:
    async def run() -> None:
        async with Fabric() as fabric:
            await check(fabric)

    virtual_time.run(run())


def _over_websockets(check: Check) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), WebSocketFabric() as fabric:
            await check(fabric)

    asyncio.run(run())


CARRIERS: list[Callable[[Check], None]] = [_in_process, _over_websockets]
"""Each runs a check on a carrier of its own."""


def echo(socket: BaseSocket) -> None:
    """Send everything back, and answer requests with what they ask."""
    socket.data.connect(lambda value, headers: socket.write(value, headers=headers))
    socket.requests.connect(
        lambda request: socket.respond_sync(request, request.data, headers={"echo": True})
    )


async def take(messages: SocketMessages, count: int) -> list[Any]:
    """Return the next values."""
    return [(await anext(messages))[0] for _ in range(count)]


def log_states(socket: BaseSocket) -> list[SocketState]:
    """Return a list that fills with the states a socket goes through."""
    seen: list[SocketState] = []
    socket.states.connect(seen.append)
    return seen


async def until(socket: BaseSocket, state: SocketState) -> None:
    """Wait until a socket is in a state."""
    reached = asyncio.Event()
    socket.states.connect(lambda now: reached.set() if now is state else None)
    if socket.state is not state:
        async with asyncio.timeout(LIMIT_S):
            await reached.wait()


def subscriptions(broker: Broker) -> set[str]:
    """Return the patterns that clients are subscribed to, without their inboxes."""
    everything = {pattern for each in broker.stats() for pattern in broker.subscriptions(each)}
    return {pattern for pattern in everything if not pattern.startswith("_INBOX")}
