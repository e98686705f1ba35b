"""What the proxy's tests stand between: targets that they control, and a proxy in this process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from aiohttp import web

from cocalc_hub_ext.proxy.app import make_app, server_options
from cocalc_hub_ext.proxy.routes import RouteTable
from cocalc_hub_ext.proxy.settings import ProxySettings

__all__ = [
    "LOCAL",
    "SWITCHED",
    "UPGRADE",
    "Clock",
    "ProxyWorld",
    "RawTarget",
    "exchange",
    "read_head",
    "serve_app",
    "serve_proxy",
]

LOCAL = "127.0.0.1"
UPGRADE = (
    b"GET /x HTTP/1.1\r\nHost: hub.test\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://hub.test\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class ProxyWorld:
    """A proxy that listens on ``port``."""

    port: int
    table: RouteTable
    clock: Clock

    @property
    def url(self) -> str:
        return f"http://{LOCAL}:{self.port}"

    def route(self, routespec: str, port: int) -> None:
        self.table.add(routespec, f"http://{LOCAL}:{port}", {}, self.clock())


@contextlib.asynccontextmanager
async def serve_app(app: web.Application, **options: object) -> AsyncIterator[int]:
    """Serve ``app`` on a free port and yield it."""
    runner = web.AppRunner(app, **({"access_log": None, "shutdown_timeout": 0.1} | options))
    await runner.setup()
    try:
        await web.TCPSite(runner, LOCAL, 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def serve_proxy(settings: ProxySettings | None = None) -> AsyncIterator[ProxyWorld]:
    """Serve a proxy without routes."""
    settings = settings or ProxySettings()
    settings = replace(settings, limits=replace(settings.limits, connect_s=2.0))
    table, clock = RouteTable(), Clock()
    app = make_app(table, settings, clock)
    async with serve_app(app, **server_options(settings.limits)) as port:
        yield ProxyWorld(port, table, clock)


async def read_head(reader: asyncio.StreamReader) -> str:
    """Read up to the empty line that ends a request's or response's head."""
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")


@dataclass
class RawTarget:
    """A target that answers each connection as the test says, byte for byte."""

    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    port: int = 0
    heads: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["RawTarget"]:
        server = await asyncio.start_server(self._serve, LOCAL, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            self.heads.append(await read_head(reader))
            await self.answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def exchange(port: int, request: bytes) -> bytes:
    """Send ``request`` on a new connection and return all that comes until it is closed."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
