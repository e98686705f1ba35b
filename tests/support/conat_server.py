"""A conat endpoint on a real socket, without Jupyter."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado.httpserver import HTTPServer
from tornado.web import Application

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import (
    Endpoint,
    EndpointMixin,
    EndpointSettings,
)

__all__ = ["RestartableServer", "serve"]


class RestartableServer:
    """An endpoint that keeps its port, and whose connections can be cut."""

    def __init__(
        self,
        settings: EndpointSettings | None = None,
        handler: type[EndpointMixin] = EndpointMixin,
        ssl_options: ssl.SSLContext | None = None,
    ) -> None:
        self._ssl_options = ssl_options
        self._settings = settings or EndpointSettings()
        self._handler = handler
        self._port = 0
        self._endpoint: Endpoint | None = None
        self._server: HTTPServer | None = None

    @property
    def address(self) -> str:
        """What clients connect to; known from the first start on."""
        assert self._port
        scheme = "http" if self._ssl_options is None else "https"
        return f"{scheme}://127.0.0.1:{self._port}/base"

    @property
    def broker(self) -> Broker:
        """The broker of the running server."""
        assert self._endpoint is not None
        return self._endpoint.broker

    async def start(self, broker: Broker | None = None) -> None:
        """Serve, with a broker that knows nothing of the one before."""
        self._endpoint = Endpoint(broker or Broker(), self._settings)
        routes = [("/base/conat/", self._handler, {"endpoint": self._endpoint})]
        self._server = HTTPServer(Application(routes), ssl_options=self._ssl_options)
        listening = socket.create_server(("127.0.0.1", self._port))
        listening.setblocking(False)
        self._port = listening.getsockname()[1]
        self._server.add_socket(listening)

    async def stop(self) -> None:
        """End all connections and the listening; calling it again does nothing."""
        if self._server is not None and self._endpoint is not None:
            await self._endpoint.broker.stop()
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None

    def cut(self, pattern: str) -> None:
        """Lose the connections that are subscribed to a pattern."""
        found = [each for each in self.broker.peers if pattern in self.broker.subscriptions(each)]
        assert found
        for connection in found:
            self.broker.peers[connection].close("cut")


@asynccontextmanager
async def serve(
    broker: Broker | None = None,
    settings: EndpointSettings | None = None,
    handler: type[EndpointMixin] = EndpointMixin,
    ssl_options: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Give the address of a running endpoint."""
    server = RestartableServer(settings, handler, ssl_options)
    await server.start(broker)
    try:
        yield server.address
    finally:
        await server.stop()
