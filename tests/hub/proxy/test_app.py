import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from cocalc_hub_ext.proxy.app import server_options
from cocalc_hub_ext.proxy.settings import Limits, ProxySettings

from ...support.ports import free_port
from .worlds import (
    SWITCHED,
    UPGRADE,
    Clock,
    ProxyWorld,
    RawTarget,
    exchange,
    serve_app,
    serve_proxy,
)

UNIT_S = 0.1


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def proxy() -> AsyncIterator[ProxyWorld]:
    async with serve_proxy() as world:
        yield world


def naming(name: str) -> web.Application:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=name)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def test_requests_follow_the_routes_as_they_change(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async def ask() -> str:
        async with session.get(f"{proxy.url}/user/a/lab") as answer:
            return await answer.text()

    async with serve_app(naming("hub")) as hub, serve_app(naming("project")) as project:
        proxy.route("/", hub)
        assert await ask() == "hub"
        proxy.route("/user/a/", project)
        assert await ask() == "project"
        proxy.table.remove("/user/a/")
        assert await ask() == "hub"


async def test_a_request_in_absolute_form_is_routed_by_its_path(proxy: ProxyWorld) -> None:
    async with serve_app(naming("project")) as project:
        proxy.route("/user/a/", project)
        got = await exchange(
            proxy.port,
            b"GET http://hub.test/user/a/x HTTP/1.1\r\nHost: hub.test\r\nConnection: close\r\n\r\n",
        )
    assert got.endswith(b"\r\n\r\nproject")


@pytest.mark.parametrize("request_line", [b"CONNECT other.test:443", b"CONNECT /", b"OPTIONS *"])
async def test_what_only_a_forward_proxy_could_do_is_refused(
    proxy: ProxyWorld, request_line: bytes
) -> None:
    async with serve_app(naming("hub")) as hub:
        proxy.route("/", hub)
        got = await exchange(
            proxy.port, request_line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
    assert got.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("path", [b"/a%0Ab", b"/a%00b", b"//a//b", b"/%ff", b"/%zz", b"/a?b?c"])
async def test_odd_paths_are_the_targets_to_judge(proxy: ProxyWorld, path: bytes) -> None:
    async def ok(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with RawTarget(ok).serving() as target:
        proxy.route("/", target.port)
        got = await exchange(
            proxy.port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
    assert got.startswith(b"HTTP/1.1 200 ")
    assert target.heads[0].startswith(f"GET {path.decode()} HTTP/1.1\r\n")


async def test_an_unknown_path_is_said_to_be_unknown(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{proxy.url}/nothing") as answer:
        assert answer.status == 404
        assert "Nothing is served at this address" in await answer.text()


async def test_a_target_that_is_down_is_a_503_that_says_what_to_do(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    proxy.route("/", free_port())

    async with session.post(f"{proxy.url}/x", data=b"body") as answer:
        assert answer.status == 503
        assert "try again in a moment" in await answer.text()


async def test_a_websocket_to_a_target_that_is_down_gets_the_same_answer(
    proxy: ProxyWorld,
) -> None:
    proxy.route("/", free_port())

    assert (await exchange(proxy.port, UPGRADE)).startswith(b"HTTP/1.1 503 ")


async def test_a_target_that_hangs_up_without_an_answer_is_a_503(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with RawTarget(hang_up).serving() as target:
        proxy.route("/", target.port)
        async with session.post(f"{proxy.url}/x") as answer:
            assert answer.status == 503


async def test_a_target_that_does_not_speak_http_is_a_503(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with RawTarget(babble).serving() as target:
        proxy.route("/", target.port)
        async with session.get(f"{proxy.url}/x") as answer:
            assert answer.status == 503


async def test_a_target_that_stays_silent_is_a_504(session: aiohttp.ClientSession) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    impatient = ProxySettings(limits=replace(Limits(), silence_s=UNIT_S))
    async with serve_proxy(impatient) as proxy, RawTarget(say_nothing).serving() as target:
        proxy.route("/", target.port)
        async with session.get(f"{proxy.url}/x") as answer:
            assert answer.status == 504


async def test_silence_on_an_open_websocket_is_not_an_error() -> None:
    async def upgrade_then_pause(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(SWITCHED)
        await reader.readexactly(1)
        await asyncio.sleep(5 * UNIT_S)
        writer.write(b"still here")
        await writer.drain()

    impatient = ProxySettings(limits=replace(Limits(), silence_s=UNIT_S))
    async with serve_proxy(impatient) as proxy, RawTarget(upgrade_then_pause).serving() as target:
        proxy.route("/", target.port)
        got = await exchange(proxy.port, UPGRADE + b"!")
    assert got.endswith(b"\r\n\r\nstill here")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_a_request_beyond_all_bounds_is_refused(
    proxy: ProxyWorld, request_bytes: bytes
) -> None:
    async with serve_app(naming("hub")) as hub:
        proxy.route("/", hub)
        assert (await exchange(proxy.port, request_bytes)).startswith(
            (b"HTTP/1.1 400", b"HTTP/1.0 400")
        )


async def test_cookies_of_many_projects_fit(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async with serve_app(naming("hub"), max_field_size=100_000) as hub:
        proxy.route("/", hub)
        async with session.get(proxy.url, headers={"Cookie": "a=" + "x" * 24_000}) as answer:
            assert answer.status == 200


async def test_requests_and_websocket_traffic_count_as_activity(
    proxy: ProxyWorld, session: aiohttp.ClientSession
) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        async for message in response:
            await response.send_str(message.data)
        return response

    async def ok(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/user/a/ws", echo)
    app.router.add_get("/user/a/x", ok)
    async with serve_app(app) as port:
        proxy.route("/user/a/", port)
        (route,) = proxy.table
        tick(proxy.clock)
        async with session.get(f"{proxy.url}/user/a/x") as answer:
            assert answer.status == 200
        assert route.last_activity == proxy.clock.now

        async with session.ws_connect(f"{proxy.url}/user/a/ws") as ws:
            tick(proxy.clock)
            await ws.send_str("hi")
            assert await ws.receive_str() == "hi"
            assert route.last_activity == proxy.clock.now


def tick(clock: Clock) -> None:
    clock.now += timedelta(seconds=1)


def test_the_server_neither_decodes_bodies_nor_logs_each_request() -> None:
    options = server_options(Limits())

    assert options["auto_decompress"] is False
    assert options["access_log"] is None
    assert options["handler_cancellation"] is True
