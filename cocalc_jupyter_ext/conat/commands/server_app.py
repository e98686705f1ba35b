"""One server: sockets, broker, services and HTTP routes, from start to end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from re import escape
from socket import socket
from typing import TYPE_CHECKING, Any, Final

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from ..broker.broker import Broker, BrokerIdentity
from ..broker.permissions import AllowEverything
from ..transports.tornado_endpoint import Endpoint, EndpointMixin
from ..types import User
from .addresses import server_address
from .server_authentication import authenticator_for
from .server_options import ServerOptions
from .server_services import World, services_for

if TYPE_CHECKING:
    from ..authentication.authenticators import Authenticator

__all__ = ["RunningServer", "make_application", "running_server"]

_log = logging.getLogger(__name__)

BACKLOG: Final = 4096
END_TIMEOUT_S: Final = 0.7
"""How long each step of ending may take; together they stay below two seconds."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts connections."""

    address: str
    port: int
    broker: Broker


@asynccontextmanager
async def running_server(options: ServerOptions) -> AsyncIterator[RunningServer]:
    """Serve until the block is left.

    Raises OSError when the port cannot be listened on, and what a service raises that
    cannot start. At the end services stop first, then clients are sent away in a way that
    makes them come back to the next server.
    """
    async with AsyncExitStack() as stack:
        sockets = _listen(options, stack)
        port = int(sockets[0].getsockname()[1])
        address = server_address(options.host, port, options.base_path)
        broker = Broker(
            AllowEverything(),
            limits=options.limits,
            identity=BrokerIdentity(options.server_id, options.cluster_name, (address,)),
        )
        server = HTTPServer(make_application(options, broker))
        stack.push_async_callback(_in_time, _end(server, broker), "closing the connections")
        for service in services_for(options):
            await stack.enter_async_context(service(World(options, broker)))
        server.add_sockets(sockets)
        stack.callback(server.stop)
        yield RunningServer(address, port, broker)


def _listen(options: ServerOptions, stack: AsyncExitStack) -> list[socket]:
    sockets = bind_sockets(options.port, options.host, backlog=BACKLOG)
    for each in sockets:
        stack.callback(each.close)
    return sockets


async def _end(server: HTTPServer, broker: Broker) -> None:
    await broker.stop()
    await server.close_all_connections()


async def _in_time(work: Awaitable[None], what: str) -> None:
    """Wait for a step of ending, but not longer than people wait for a process to end."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await work
    except TimeoutError:
        _log.warning("%s took too long; clients see a lost connection", what)


def make_application(options: ServerOptions, broker: Broker) -> Application:
    """Serve every URL that begins with the endpoint's path (conat-core §1.1)."""
    arguments = {
        "endpoint": Endpoint(broker),
        "authenticator": authenticator_for(options),
        "allowed_origins": options.allowed_origins,
    }
    path = f"{escape(options.base_path)}/conat/(?:.*)"
    routes: list[Any] = [(path, _ConatHandler, arguments), ("/health", _HealthHandler)]
    return Application(routes, log_function=_log_request)


def _log_request(handler: RequestHandler) -> None:
    request = handler.request
    _log.info("%d %s %s", handler.get_status(), request.method, request.path)


class _ConatHandler(EndpointMixin):
    """The endpoint, with the server's way to tell users apart."""

    def initialize(self, endpoint: Endpoint, **kwargs: Any) -> None:
        self._authenticator: Authenticator = kwargs.pop("authenticator")
        self._allowed_origins: frozenset[str] = kwargs.pop("allowed_origins")
        super().initialize(endpoint, **kwargs)

    async def authenticate(self) -> User | None:
        return await self._authenticator.authenticate(self.request.headers)

    def check_origin(self, origin: str) -> bool:
        """Keep web pages of other sites away from servers that ask nobody."""
        return origin in self._allowed_origins or super().check_origin(origin)


class _HealthHandler(RequestHandler):
    """Says that the server works (conat-core §17)."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish("healthy")
