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
    return () if options.system_password is None else (_system,)


@asynccontextmanager
async def _system(world: World) -> AsyncIterator[None]:
    """Serve the system API (conat-core §17)."""
    async with world.client() as client, SystemService(world.broker, client):
        yield
