import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import websockets
from aiohttp import web
from websockets.asyncio.server import ServerConnection

from .worlds import (
    LOCAL,
    SWITCHED,
    UPGRADE,
    ProxyWorld,
    RawTarget,
    exchange,
    read_head,
    serve_app,
    serve_proxy,
)

MIB = 1024 * 1024


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyWorld]:
    async with serve_proxy() as world:
        yield world


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


@pytest.fixture
async def echo_url(proxy: ProxyWorld) -> AsyncIterator[str]:
    async with websockets.serve(echo, LOCAL, 0, max_size=None) as server:
        proxy.route("/", next(iter(server.sockets)).getsockname()[1])
        yield f"ws://{LOCAL}:{proxy.port}/some/path?x=1"


async def test_text_stays_text_and_binary_stays_binary(echo_url: str) -> None:
    async with websockets.connect(echo_url) as socket:
        for message in ["", "text é", b"", b"\x00\xff", "x" * 70_000]:
            await socket.send(message)
            answer = await socket.recv()
            assert (type(answer), answer) == (type(message), message)


@pytest.mark.parametrize("size", [8 * MIB, 64 * MIB])
async def test_large_messages_pass_both_ways(echo_url: str, size: int) -> None:
    message = bytes(size)
    async with websockets.connect(echo_url, max_size=None, compression=None) as socket:
        await socket.send(message)
        assert await socket.recv() == message


async def test_fragments_are_passed_one_by_one(proxy: ProxyWorld) -> None:
    first = asyncio.Event()

    async def receive(socket: ServerConnection) -> None:
        parts = []
        async for part in socket.recv_streaming():
            parts.append(part)
            first.set()
        await socket.send(repr(parts))

    async def parts() -> AsyncIterator[str]:
        yield "one"
        await first.wait()
        yield "two"

    async with websockets.serve(receive, LOCAL, 0) as server:
        proxy.route("/", next(iter(server.sockets)).getsockname()[1])
        async with websockets.connect(f"ws://{LOCAL}:{proxy.port}/") as socket:
            await socket.send(parts())
            assert "'one'" in str(await socket.recv())


async def test_subprotocol_and_compression_are_the_targets_choice(proxy: ProxyWorld) -> None:
    v1, v2 = websockets.Subprotocol("v1.test"), websockets.Subprotocol("v2.test")
    async with websockets.serve(echo, LOCAL, 0, subprotocols=[v2]) as server:
        proxy.route("/", next(iter(server.sockets)).getsockname()[1])
        url = f"ws://{LOCAL}:{proxy.port}/"
        async with websockets.connect(url, subprotocols=[v1, v2], compression="deflate") as socket:
            assert socket.subprotocol == v2
            assert [each.name for each in socket.protocol.extensions] == ["permessage-deflate"]
            await socket.send("x" * 10_000)
            assert await socket.recv() == "x" * 10_000


async def test_pings_are_answered_by_the_target(echo_url: str) -> None:
    async with websockets.connect(echo_url) as socket:
        await asyncio.wait_for(await socket.ping(b"here"), 60)


async def test_the_close_code_and_reason_of_the_target_reach_the_caller(proxy: ProxyWorld) -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.close(4404, "no such room")

    async with websockets.serve(refuse, LOCAL, 0) as server:
        proxy.route("/", next(iter(server.sockets)).getsockname()[1])
        async with websockets.connect(f"ws://{LOCAL}:{proxy.port}/") as socket:
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (4404, "no such room")


async def test_the_close_code_and_reason_of_the_caller_reach_the_target(proxy: ProxyWorld) -> None:
    closed: asyncio.Future[tuple[int | None, str | None]] = asyncio.Future()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        closed.set_result((socket.close_code, socket.close_reason))

    async with websockets.serve(wait, LOCAL, 0) as server:
        proxy.route("/", next(iter(server.sockets)).getsockname()[1])
        async with websockets.connect(f"ws://{LOCAL}:{proxy.port}/") as socket:
            await socket.close(4001, "leaving")
        assert await asyncio.wait_for(closed, 60) == (4001, "leaving")


async def test_a_caller_that_vanishes_closes_the_targets_connection(proxy: ProxyWorld) -> None:
    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCHED)
        await reader.readexactly(1_000_000)

    async with RawTarget(upgrade).serving() as target:
        proxy.route("/", target.port)
        reader, writer = await asyncio.open_connection(LOCAL, proxy.port)
        writer.write(UPGRADE)
        await read_head(reader)
        writer.transport.abort()
        await asyncio.wait_for(target.gone.wait(), 60)


async def test_bytes_around_the_handshake_are_not_lost(proxy: ProxyWorld) -> None:
    """Frames sent together with the request, and together with the 101, come first."""

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: abc\r\n\r\nearly-answer|"
        )
        writer.write(await reader.readexactly(len(b"early-question")))
        await writer.drain()

    async with RawTarget(upgrade).serving() as target:
        proxy.route("/", target.port)
        got = await asyncio.wait_for(exchange(proxy.port, UPGRADE + b"early-question"), 60)

    head, _, rest = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Go\r\n")
    assert b"Sec-WebSocket-Accept: abc" in head
    assert rest == b"early-answer|early-question"
    assert "Origin: http://hub.test\r\n" in target.heads[0]
    assert "X-Forwarded-For: 127.0.0.1\r\n" in target.heads[0]
    assert "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in target.heads[0]


async def test_a_refused_handshake_is_an_ordinary_answer_and_ends_the_connection(
    proxy: ProxyWorld,
) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=403, text="not yours")

    app = web.Application()
    app.router.add_get("/x", refuse)
    async with serve_app(app) as port:
        proxy.route("/", port)
        got = await exchange(proxy.port, UPGRADE + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert got.endswith(b"\r\n\r\nnot yours")


async def test_a_slow_receiver_stops_the_sender(proxy: ProxyWorld) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(SWITCHED)
        while sent < 200 * MIB:
            writer.write(bytes(MIB))
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stuck.set()
                await writer.drain()
            sent += MIB

    async with RawTarget(flood).serving() as target:
        proxy.route("/", target.port)
        reader, writer = await asyncio.open_connection(LOCAL, proxy.port, limit=1024)
        writer.write(UPGRADE)
        await asyncio.wait_for(stuck.wait(), 60)
        assert sent < 30 * MIB
        while await reader.read(MIB):
            pass
        assert sent == 200 * MIB
        writer.close()
        await writer.wait_closed()


async def test_many_messages_in_flight_keep_their_order(echo_url: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(echo_url.replace("ws:", "http:")) as socket,
    ):
        for number in range(2000):
            await socket.send_str(str(number))
        assert [await socket.receive_str() for _ in range(2000)] == [str(n) for n in range(2000)]
