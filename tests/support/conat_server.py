"""A conat endpoint on a real socket, without Jupyter."""

import socket
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

__all__ = ["serve"]


@asynccontextmanager
async def serve(
    broker: Broker | None = None,
    settings: EndpointSettings | None = None,
    handler: type[EndpointMixin] = EndpointMixin,
) -> AsyncIterator[str]:
    """Give the address of a running endpoint."""
    endpoint = Endpoint(broker or Broker(), settings or EndpointSettings())
    server = HTTPServer(Application([("/base/conat/", handler, {"endpoint": endpoint})]))
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    server.add_socket(listening)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/base"
    finally:
        await endpoint.broker.stop()
        server.stop()
        await server.close_all_connections()
