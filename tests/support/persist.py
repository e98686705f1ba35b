"""A persist service and its clients in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.persist.access import Events, Owner, Reset, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.connection import ConnectionSettings
from cocalc_jupyter_ext.conat.persist.client.feeds import Feed
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient, acquire
from cocalc_jupyter_ext.conat.persist.messages import Deleted, NewMessage
from cocalc_jupyter_ext.conat.persist.server.service import PersistService
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.states import SocketSettings
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.types import User

__all__ = ["QUICK", "World", "message", "open_socket", "persist_world", "read"]

QUICK = ConnectionSettings(
    SocketSettings(reconnection=False), rng=lambda: 0.5, reconnect_delay_s=0.02
)
"""Clients that come back at once."""


def message(value: object, **options: Any) -> NewMessage:
    """Return a message that holds a value."""
    return NewMessage(raw=encode(value), **options)


async def read(feed: Feed, count: int) -> list[Any]:
    """Read until there were ``count`` events: numbers of messages, what was deleted, resets."""
    events: list[Any] = []
    async with asyncio.timeout(60):
        while len(events) < count:
            events += _plain(await anext(feed))
    return events


def _plain(batch: Events) -> list[Any]:
    if isinstance(batch, Reset):
        return [batch]
    return [
        each.seqs if isinstance(each, Deleted) else each.message.seq  # one word for each
        for each in batch
    ]


@dataclass
class World:
    """One broker, and services and clients made on demand."""

    root: Path
    stack: AsyncExitStack
    broker: Broker = field(default_factory=Broker)
    services: list[PersistService] = field(default_factory=list)

    async def client(self, user: User | None = None) -> Client:
        """Return a running client."""
        return await self.stack.enter_async_context(Client(LoopbackTransport(self.broker, user)))

    async def service(self, **options: Any) -> PersistService:
        """Return a running service."""
        service = PersistService(await self.client(), options.pop("root", self.root), **options)
        self.services.append(service)
        return await self.stack.enter_async_context(service)

    async def stream(
        self,
        name: str = "demo",
        *,
        client: Client | None = None,
        owner: Owner | None = None,
        service: str = "persist",
        settings: ConnectionSettings = QUICK,
        **storage: Any,
    ) -> PersistClient:
        """Return a stream, by default of the hub and through a client of its own."""
        owner = owner or Owner()
        access = await acquire(
            client or await self.client(),
            owner,
            StorageOptions(owner.path_of(name), **storage),
            service=service,
            settings=settings,
        )
        self.stack.push_async_callback(access.close)
        return access


@asynccontextmanager
async def persist_world(root: Path, **service: Any) -> AsyncIterator[World]:
    """Give a world with one service."""
    async with AsyncExitStack() as stack:
        world = World(root, stack)
        stack.push_async_callback(world.broker.stop)
        await world.service(**service)
        yield world


async def open_socket(
    world: World, selection: Any, subject: str = "persist.hub", server_id: str = "0"
) -> ClientSocket:
    """Return a bare socket that has selected a stream."""

    async def choose(_subject: str) -> str:
        return server_id

    socket = ClientSocket(await world.client(), subject, choose_server=choose)
    if selection is not None:
        socket.write(selection)
    socket.start()
    world.stack.push_async_callback(socket.close)
    await socket.wait_until_ready()
    return socket
