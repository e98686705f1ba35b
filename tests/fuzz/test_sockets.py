"""Sockets over a fabric that breaks: connections cut, routers restarted, messages lost and doubled.

SPEC Z5 to Z9: whatever happens, both ends get everything the other one wrote, once and in order.
"""

import asyncio
import random
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import Link, LinkListener
from cocalc_jupyter_ext.conat.protocol.messages import Delivery, ServerEvent
from cocalc_jupyter_ext.conat.sockets.base import BaseSocket
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.messages import SocketMessages
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketSettings

from ..support import virtual_time
from ..support.conat_peers import FlakyTransport
from ..support.conat_sockets import Fabric

COUNT = 300
LIMIT_S = 3000


class BadListener:
    """Loses, doubles and delays what is delivered to sockets."""

    def __init__(self, listener: LinkListener, rng: random.Random, badness: float) -> None:
        self._listener = listener
        self._rng = rng
        self._badness = badness
        self.on_closed = listener.on_closed

    def on_event(self, event: ServerEvent) -> None:
        if self._rng.random() >= self._badness or not is_of_flow(event):
            self._listener.on_event(event)
            return
        loop = asyncio.get_running_loop()
        for _ in range(self._rng.choice([0, 1, 2])):
            loop.call_later(self._rng.random() / 10, self._listener.on_event, event)


def is_of_flow(event: ServerEvent) -> bool:
    """Tell data, acknowledgements and requests for missing messages from everything else."""
    headers = event.chunk.headers if isinstance(event, Delivery) else None
    return isinstance(headers, dict) and (
        "CN-SocketSeq" in headers or headers.get("CN-SocketCmd") == "socket"
    )


class BadTransport(FlakyTransport):
    """A connection that delivers badly."""

    def __init__(self, broker: Broker, rng: random.Random, badness: float) -> None:
        super().__init__(broker)
        self._rng = rng
        self._badness = badness

    async def open(self, listener: LinkListener) -> Link:
        return await super().open(BadListener(listener, self._rng, self._badness))


class BadFabric(Fabric):
    """A fabric whose connections deliver badly."""

    def __init__(self, rng: random.Random, badness: float) -> None:
        super().__init__()
        self._rng = rng
        self._badness = badness

    async def client(self) -> Client:
        transport = BadTransport(self.broker, self._rng, self._badness)
        self.transports.append(transport)
        return await self._enter(
            Client(transport, clock=asyncio.get_running_loop().time, rng=self._rng.random)
        )


async def write(socket: BaseSocket, rng: random.Random) -> None:
    for number in range(COUNT):
        await socket.send(number, timeout_s=LIMIT_S)
        if rng.random() < 0.2:
            await asyncio.sleep(rng.random() / 3)


async def read(messages: SocketMessages, rng: random.Random) -> list[Any]:
    values = []
    for _ in range(COUNT):
        values.append((await anext(messages))[0])
        if rng.random() < 0.1:
            await asyncio.sleep(rng.random() / 3)
    return values


async def disturb(fabric: Fabric, socket: ClientSocket, rng: random.Random) -> None:
    for _ in range(10):
        await asyncio.sleep(rng.random() * 3)
        match rng.randrange(4):
            case 0:
                await fabric.restart()
            case 1 | 2 as which:
                await fabric.transports[which - 1].cut()
            case _:
                socket.disconnect()


@pytest.mark.parametrize("badness", [0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(12))
def test_everything_arrives_once_and_in_order(seed: int, badness: float) -> None:
    """conat-core §21, Sockets, restarts: writes before and after the restart arrive in order."""

    async def check() -> None:
        rng = random.Random(seed)
        settings = SocketSettings(max_queue=rng.choice([5, 50, 1000]), command_timeout_s=2)
        async with (
            BadFabric(rng, badness) as fabric,
            SocketServer(await fabric.client(), "s", settings=settings) as server,
            ClientSocket(await fabric.client(), "s", settings=settings) as socket,
        ):
            await socket.wait_until_ready(LIMIT_S)
            mine = server.sockets[socket.id]
            async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as tasks:
                results = [tasks.create_task(read(end.messages(), rng)) for end in (socket, mine)]
                for end in (socket, mine):
                    tasks.create_task(write(end, rng))
                tasks.create_task(disturb(fabric, socket, rng))
            for end in (socket, mine):
                await end.wait_until_drained(LIMIT_S)

            assert [each.result() for each in results] == [list(range(COUNT))] * 2

    virtual_time.run(check())
