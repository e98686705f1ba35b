import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from .worlds import LOCAL, ProxyWorld, RawTarget, exchange, read_head, serve_app, serve_proxy

MIB = 1024 * 1024


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyWorld]:
    async with serve_proxy() as world:
        yield world


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


def answering(answer: bytes) -> RawTarget:
    async def send(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return RawTarget(send)


async def test_the_target_sees_the_request_as_it_was_sent(proxy: ProxyWorld) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").serving() as target:
        proxy.route("/", target.port)

        await exchange(
            proxy.port,
            b"GET /a%2Fb/./c%20d?x=%41&y=1+2 HTTP/1.1\r\nHost: hub.test:8000\r\n"
            b"Cookie: a=1; b=2\r\nConnection: close\r\n\r\n",
        )

    line, *fields = target.heads[0].rstrip("\r\n").split("\r\n")
    assert line == "GET /a%2Fb/./c%20d?x=%41&y=1+2 HTTP/1.1"
    assert sorted(fields) == [
        "Cookie: a=1; b=2",
        "Host: hub.test:8000",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: hub.test:8000",
        f"X-Forwarded-Port: {proxy.port}",
        "X-Forwarded-Proto: http",
    ]


async def test_the_caller_sees_the_response_as_it_was_sent(proxy: ProxyWorld) -> None:
    answer = (
        b"HTTP/1.1 418 Short And Stout\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"X-Name: caf\xc3\xa9\r\nDate: then\r\nContent-Length: 2\r\n\r\nhi"
    )
    async with answering(answer).serving() as target:
        proxy.route("/", target.port)

        got = await exchange(proxy.port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert got == answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def test_header_bytes_that_are_not_utf8_break_nothing(proxy: ProxyWorld) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nhi"
    async with answering(answer).serving() as target:
        proxy.route("/", target.port)

        got = await exchange(
            proxy.port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Mine: \xe9\r\nConnection: close\r\n\r\n"
        )

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\nhi")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods_and_bodies_pass(
    proxy: ProxyWorld, session: aiohttp.ClientSession, method: str
) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=207, body=request.method.encode() + await request.read())

    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    async with serve_app(app) as port:
        proxy.route("/", port)
        async with session.request(method, f"{proxy.url}/echo", data=b" body") as answer:
            assert answer.status == 207
            assert await answer.read() == method.encode() + b" body"


async def test_a_head_request_gets_the_length_and_no_body(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n").serving() as target:
        proxy.route("/", target.port)
        async with session.head(f"{proxy.url}/x") as answer:
            assert answer.headers["Content-Length"] == "12345"
            assert await answer.read() == b""


@pytest.mark.parametrize("status", [204, 304])
async def test_a_response_without_body_ends_with_its_head(
    proxy: ProxyWorld, session: aiohttp.ClientSession, status: int
) -> None:
    raw = f"HTTP/1.1 {status} X\r\nEtag: e\r\n\r\n".encode()
    async with answering(raw).serving() as target:
        proxy.route("/", target.port)
        async with session.get(f"{proxy.url}/x") as answer:
            assert (answer.status, answer.headers["Etag"]) == (status, "e")
            assert "Content-Type" not in answer.headers
            assert await answer.read() == b""


async def test_a_redirect_is_the_callers_to_follow(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere?a=%2F\r\nContent-Length: 0\r\n\r\n"
    async with answering(raw).serving() as target:
        proxy.route("/", target.port)
        async with session.get(f"{proxy.url}/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere?a=%2F")
    assert len(target.heads) == 1


async def test_compressed_bodies_pass_untouched_both_ways(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    packed = gzip.compress(b"x" * 1000)

    async def echo(request: web.Request) -> web.Response:
        assert request.headers["Content-Encoding"] == "gzip"
        body = await request.read()
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    app = web.Application()
    app.router.add_post("/", echo)
    async with serve_app(app, auto_decompress=False) as port:
        proxy.route("/", port)
        async with session.post(
            proxy.url, data=packed, headers={"Content-Encoding": "gzip"}
        ) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert await answer.read() == packed


async def test_a_response_arrives_while_the_target_still_writes_it(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    seen = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await seen.wait()
        await response.write(b"data: 2\n\n")
        return response

    app = web.Application()
    app.router.add_get("/", stream)
    async with serve_app(app) as port:
        proxy.route("/", port)
        async with session.get(proxy.url) as answer:
            assert await answer.content.readany() == b"data: 1\n\n"
            seen.set()
            assert await answer.content.readany() == b"data: 2\n\n"


async def test_a_chunked_upload_arrives_while_the_caller_still_sends_it(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    first_arrived = asyncio.Event()

    async def receive(request: web.Request) -> web.Response:
        assert await request.content.readany() == b"one"
        first_arrived.set()
        return web.Response(body=b"got " + await request.content.read())

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await first_arrived.wait()
        yield b"two"

    app = web.Application()
    app.router.add_put("/", receive)
    async with serve_app(app) as port:
        proxy.route("/", port)
        async with session.put(proxy.url, data=body()) as answer:
            assert await answer.read() == b"got two"


async def test_an_upload_that_asks_first_is_told_to_continue(proxy: ProxyWorld) -> None:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await reader.readexactly(2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)
        await writer.drain()

    async with RawTarget(receive).serving() as target:
        proxy.route("/", target.port)
        reader, writer = await asyncio.open_connection(LOCAL, proxy.port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert (await read_head(reader)).startswith("HTTP/1.1 100 ")
        writer.write(b"hi")
        assert (await reader.read()).endswith(b"\r\n\r\nhi")
        writer.close()
        await writer.wait_closed()


async def test_a_large_body_goes_both_ways_whole(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    block = bytes(range(256)) * 4096
    digest = hashlib.sha256(block * 32).hexdigest()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield block

    async def receive(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk)
        return response

    app = web.Application()
    app.router.add_post("/", receive)
    async with serve_app(app) as port:
        proxy.route("/", port)
        async with session.post(proxy.url, data=body()) as answer:
            received = hashlib.sha256()
            async for chunk in answer.content.iter_any():
                received.update(chunk)
    assert received.hexdigest() == digest


async def test_a_caller_that_leaves_takes_its_request_with_it(proxy: ProxyWorld) -> None:
    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        started.set()
        await reader.readexactly(1)

    started = asyncio.Event()
    async with RawTarget(never).serving() as target:
        proxy.route("/", target.port)
        _, writer = await asyncio.open_connection(LOCAL, proxy.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await started.wait()
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(target.gone.wait(), 60)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n64\r\n"]
)
async def test_a_target_that_breaks_off_leaves_no_response_that_looks_complete(
    proxy: ProxyWorld, session: aiohttp.ClientSession, head: bytes
) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n" + head + b"half").serving() as target:
        proxy.route("/", target.port)
        async with session.get(proxy.url) as answer:
            with pytest.raises(aiohttp.ClientError):
                await answer.read()


async def test_an_upload_is_never_sent_a_second_time(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    """A kept connection that the target closes under an upload must not lead to a cut one."""
    uploads = []

    async def first_ok_then_close(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await read_head(reader)
        uploads.append(await reader.readexactly(4))

    async with RawTarget(first_ok_then_close).serving() as target:
        proxy.route("/", target.port)
        async with session.get(proxy.url) as answer:
            assert answer.status == 200
        async with session.put(proxy.url, data=b"body") as answer:
            assert answer.status == 503
    assert uploads == [b"body"]


async def test_a_slow_reader_slows_the_target(proxy: ProxyWorld) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        total = 200 * MIB
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n".encode())
        while sent < total:
            writer.write(bytes(64 * 1024))
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stuck.set()
                return
            sent += 64 * 1024

    async with RawTarget(flood).serving() as target:
        proxy.route("/", target.port)
        _, writer = await asyncio.open_connection(LOCAL, proxy.port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(stuck.wait(), 60)
        writer.transport.abort()
    assert sent < 30 * MIB
