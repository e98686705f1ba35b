"""What runs beside the broker in the process of ``conat-server``.

A service is a function of the running server that returns an asynchronous context
manager: entering starts it, and it can be reached before clients are let in; leaving ends
it while the broker still works. To add one, return it from ``services_for``.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ..broker.broker import Broker
from ..client.client import Client
from ..services.system import SystemService
from ..transports.loopback import LoopbackTransport
from ..types import User
from .server_options import ServerOptions

__all__ = ["HUB", "Service", "World", "services_for"]

HUB: Final = User("hub", "hub")


@dataclass(frozen=True, slots=True)
class World:
    """What a service finds: the options, and the broker it talks through."""

    options: ServerOptions
    broker: Broker

    def client(self) -> Client:
        """Return a new client that is a hub, and so may do everything; not started yet."""
        return Client(LoopbackTransport(self.broker, HUB))


Service = Callable[[World], AbstractAsyncContextManager[object]]


def services_for(options: ServerOptions) -> Sequence[Service]:
    """Return the services of a server, in the order in which they start."""
    services: list[Service] = []
    if options.system_password is not None:
        services.append(_system)
    if options.data_dir is not None:
        services.append(_persist)
    return services


@asynccontextmanager
async def _system(world: World) -> AsyncIterator[None]:
    """Serve the system API (conat-core §17)."""
    async with world.client() as client, SystemService(world.broker, client):
        yield


@asynccontextmanager
async def _persist(world: World) -> AsyncIterator[None]:
    """Serve streams (conat-sync §1); raises OSError when there is no place for them."""
    from ..persist.server.service import PersistService  # noqa: PLC0415 - not loaded where it is not used

    if world.options.data_dir is None:
        raise ValueError("streams need a folder")
    root = world.options.data_dir / "sync"
    root.mkdir(parents=True, exist_ok=True)
    async with world.client() as client, PersistService(client, root):
        yield
