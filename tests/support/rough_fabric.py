"""A fabric that misbehaves, with a persist service that dies, on a clock that jumps.

Links are slow, lose what is in flight when they are cut, and may lose, double and reorder the
messages of sockets. Streams outlive their server in memory, as files outlive a process, and the
journal of a stream tells everything that ever happened to it.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.session import Link, LinkListener
from cocalc_jupyter_ext.conat.persist.access import StorageOptions
from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.database.compression import Compression
from cocalc_jupyter_ext.conat.persist.database.database_store import DatabaseStore
from cocalc_jupyter_ext.conat.persist.errors import StoreError
from cocalc_jupyter_ext.conat.persist.messages import (
    Deleted,
    NewMessage,
    Receipt,
    Stored,
    StoredMessage,
    Update,
)
from cocalc_jupyter_ext.conat.persist.server.service import PersistService
from cocalc_jupyter_ext.conat.persist.store import Change
from cocalc_jupyter_ext.conat.protocol.messages import ClientEvent, Delivery, ServerEvent

from .conat_peers import FlakyTransport

__all__ = ["Journal", "RoughFabric", "RoughTransport"]

EPOCH_S = 1_700_000_000
NEVER = 1_000_000


def _is_of_flow(event: ServerEvent) -> bool:
    """Tell data, acknowledgements and requests for missing messages from everything else."""
    headers = event.chunk.headers if isinstance(event, Delivery) else None
    return isinstance(headers, dict) and (
        "CN-SocketSeq" in headers or headers.get("CN-SocketCmd") == "socket"
    )


class _Lane:
    """One direction of a link: everything arrives, late and in order, unless it is cut."""

    def __init__(self, transport: "RoughTransport") -> None:
        self._transport = transport
        self._last_s = 0.0
        self._is_cut = False

    def carry(self, arrive: Callable[..., object], *args: Any) -> None:
        loop, transport = asyncio.get_running_loop(), self._transport
        delay_s = transport.latency_s * transport.rng.random()
        self._last_s = max(self._last_s, loop.time() + delay_s)
        if self._last_s <= loop.time():
            arrive(*args)
        else:
            loop.call_at(self._last_s, self._arrive, arrive, args)

    def cut(self) -> None:
        self._is_cut = True

    def _arrive(self, arrive: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self._is_cut:
            arrive(*args)


class _RoughListener:
    """The way from the broker to a client."""

    def __init__(self, listener: LinkListener, transport: "RoughTransport") -> None:
        self._listener = listener
        self._transport = transport
        self.lane = _Lane(transport)
        self.up = _Lane(transport)

    def on_event(self, event: ServerEvent) -> None:
        transport = self._transport
        if transport.rng.random() >= transport.badness or not _is_of_flow(event):
            self.lane.carry(self._listener.on_event, event)
            return
        for _ in range(transport.rng.choice([0, 1, 2])):
            delay_s = transport.rng.random() / 10
            asyncio.get_running_loop().call_later(
                delay_s, self.lane.carry, self._listener.on_event, event
            )

    def on_closed(self, reason: str) -> None:
        self.lane.cut()
        self.up.cut()
        self._listener.on_closed(reason)


class _RoughLink:
    """The way from a client to the broker."""

    def __init__(self, link: Link, lane: _Lane) -> None:
        self._link = link
        self._lane = lane

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        self._lane.carry(self._link.send, event, on_ack)

    async def close(self) -> None:
        await self._link.close()


class RoughTransport(FlakyTransport):
    """A connection that is slow by up to ``latency_s`` and bad with probability ``badness``."""

    def __init__(self, broker: Broker, rng: random.Random) -> None:
        super().__init__(broker)
        self.rng = rng
        self.latency_s = 0.0
        self.badness = 0.0

    async def open(self, listener: LinkListener) -> Link:
        rough = _RoughListener(listener, self)
        return _RoughLink(await super().open(rough), rough.up)

    async def cut(self) -> None:
        if self._links:
            await super().cut()


class Journal:
    """Everything that happened to one stream since it began."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    @property
    def stored(self) -> list[Stored]:
        """What was stored, in order."""
        return [each for each in self.updates if isinstance(each, Stored)]

    @property
    def deleted(self) -> set[int]:
        """The numbers of all messages that were deleted."""
        return {seq for each in self.updates if isinstance(each, Deleted) for seq in each.seqs}

    def content(self) -> list[StoredMessage]:
        """Return what the stream holds, by what its changes say."""
        held: dict[int, StoredMessage] = {}
        keys: dict[str, int] = {}
        for update in self.updates:
            if isinstance(update, Deleted):
                for seq in update.seqs:
                    held.pop(seq, None)
                continue
            message = update.message
            if message.key is not None:
                held.pop(keys.get(message.key, 0), None)
                keys[message.key] = message.seq
            held[message.seq] = message
        return list(held.values())


class _KeptStore(DatabaseStore):
    """A stream whose content stays when it is closed."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal, **options: Any) -> None:
        self._journal = journal
        super().__init__(connection, "a stream", compression=Compression(None), **options)

    def set_many(self, messages: Sequence[NewMessage]) -> Change[list[Receipt | StoreError]]:
        return self._note(super().set_many(messages))

    def delete(self, **selectors: Any) -> Change[list[int]]:
        return self._note(super().delete(**selectors))

    def config(self, wanted: Any = None) -> Change[StreamConfig]:
        return self._note(super().config(wanted))

    def _note(self, change: Change[Any]) -> Change[Any]:
        self._journal.updates += change.updates
        return change

    def close(self) -> None:
        self._connection = None


class RoughFabric:
    """A broker, a persist service and rough clients; everything can be restarted."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.broker = Broker()
        self.transports: list[RoughTransport] = []
        self.journals: dict[str, list[Journal]] = {}
        self._files: dict[str, sqlite3.Connection] = {}
        self._connections: list[sqlite3.Connection] = []
        self._open: list[_KeptStore] = []
        self._service: PersistService | None = None
        self._service_client: Client | None = None
        self._service_transport: RoughTransport | None = None
        self._dead: list[tuple[PersistService, Client]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start_service()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        await self.stop_service()
        for service, client in self._dead:
            await service.close()
            await client.close()
        await self.broker.stop()
        for connection in self._connections:
            connection.close()

    async def client(self) -> Client:
        """Return a client that runs until the end."""
        return await self._stack.enter_async_context(self._client(self._transport()))

    # What goes wrong

    async def restart_broker(self) -> None:
        """Replace the broker by one that knows nothing; for a while nobody can connect."""
        for transport in self.transports:
            transport.refusals = self.rng.randrange(3)
        await self.broker.stop()
        self.broker = Broker()
        for transport in self.transports:
            transport.broker = self.broker

    async def start_service(self) -> None:
        """Start to serve streams."""
        self._service_transport = self._transport()
        self._service_client = self._client(self._service_transport)
        self._service_client.start()
        await self._service_client.wait_until_signed_in()
        self._service = PersistService(
            self._service_client, Path("/nowhere"), open_store=self._open_store
        )
        await self._service.start()

    async def stop_service(self) -> None:
        """End the service in order: what was asked for is answered."""
        service, client = self._service, self._service_client
        self._service = self._service_client = None
        if service is not None and client is not None:
            await service.close()
            await client.close()

    async def kill_service(self) -> None:
        """End the service without a word, as a signal does."""
        service, client, transport = self._service, self._service_client, self._service_transport
        self._service = self._service_client = None
        if service is None or client is None or transport is None:
            return
        for store in self._open:
            store.close()
        self._open.clear()
        self.transports.remove(transport)
        transport.refusals = NEVER
        await transport.cut()
        self._dead.append((service, client))

    async def lose_a_socket(self) -> None:
        """End one of the service's sockets."""
        service = self._service
        sockets = list(service._sockets.sockets.values()) if service is not None else []
        if sockets:
            await self.rng.choice(sockets).close()

    def heal(self) -> None:
        """Let all links be good from now on."""
        for transport in self.transports:
            transport.latency_s = transport.badness = 0.0

    # Parts

    def _transport(self) -> RoughTransport:
        transport = RoughTransport(self.broker, self.rng)
        self.transports.append(transport)
        return transport

    def _client(self, transport: RoughTransport) -> Client:
        clock = asyncio.get_running_loop().time
        return Client(transport, clock=clock, rng=self.rng.random)

    def _open_store(self, options: StorageOptions) -> DatabaseStore:
        connection = self._files.get(options.path)
        journals = self.journals.setdefault(options.path, [])
        if connection is None or options.ephemeral:
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._files[options.path] = connection
            self._connections.append(connection)
            journals.append(Journal())
        store = _KeptStore(connection, journals[-1], clock=self._clock)
        self._open.append(store)
        return store

    @staticmethod
    def _clock() -> float:
        return EPOCH_S + asyncio.get_running_loop().time()
