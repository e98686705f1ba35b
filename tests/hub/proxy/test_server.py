"""The process itself: started as an administrator or the hub starts it, and ended in every way."""

import asyncio
import contextlib
import io
import os
import resource
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from certipy import Certipy

from cocalc_hub_ext.proxy.listeners import bind_listeners
from cocalc_hub_ext.proxy.server import TOKEN_VARIABLE, parse_options

from ...support.ports import free_port
from .worlds import LOCAL, serve_app

ROOT = Path(__file__).parents[3]
TOKEN = "correct horse"
MIB = 1024 * 1024


@contextlib.asynccontextmanager
async def proxy_process(
    *arguments: str, token: str = TOKEN, pass_fds: tuple[int, ...] = ()
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cocalc_hub_ext.proxy",
        *arguments,
        env={**os.environ, "PYTHONPATH": str(ROOT), TOKEN_VARIABLE: token},
        stdin=PIPE,
        stderr=PIPE,
        pass_fds=pass_fds,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[tuple[Process, int, int]]:
    """A proxy process on inherited sockets: process, public port, API port."""
    (public,), (api,) = bind_listeners(LOCAL, 0), bind_listeners(LOCAL, 0)
    with public, api:
        numbers = (public.fileno(), api.fileno())
        listen = (f"--listen-fd={numbers[0]}", f"--api-fd={numbers[1]}")
        async with proxy_process(*listen, *arguments, pass_fds=numbers) as process:
            yield process, public.getsockname()[1], api.getsockname()[1]


async def add_route(api_port: int, routespec: str, target_port: int) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session,
        session.post(
            f"http://{LOCAL}:{api_port}/api/routes{routespec}",
            json={"target": f"http://{LOCAL}:{target_port}"},
        ) as answer,
    ):
        assert answer.status == 201


@pytest.fixture
async def target() -> AsyncIterator[int]:
    async def describe(request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    async def count(request: web.Request) -> web.Response:
        total = 0
        async for chunk in request.content.iter_any():
            total += len(chunk)
        return web.Response(text=str(total))

    async def produce(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(bytes(MIB))
        return response

    app = web.Application()
    app.router.add_get("/", describe)
    app.router.add_put("/", count)
    app.router.add_get("/big", produce)
    async with serve_app(app) as port:
        yield port


async def test_a_hundred_megabytes_pass_both_ways_in_bounded_memory(target: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(MIB)

    async with serving() as (process, port, api_port), aiohttp.ClientSession() as session:
        await add_route(api_port, "/", target)
        before = psutil.Process(process.pid).memory_info().rss
        async with session.put(f"http://{LOCAL}:{port}/", data=body()) as answer:
            assert await answer.text() == str(100 * MIB)
        received = 0
        async with session.get(f"http://{LOCAL}:{port}/big") as answer:
            async for chunk in answer.content.iter_any():
                received += len(chunk)
        grown = psutil.Process(process.pid).memory_info().rss - before

    assert received == 100 * MIB
    assert grown < 20 * MIB


async def test_it_binds_its_own_ports_when_it_runs_outside_of_the_hub(target: int) -> None:
    port, api_port = free_port(), free_port()
    options = (f"--ip={LOCAL}", f"--port={port}", f"--api-port={api_port}")
    async with proxy_process(*options) as process, aiohttp.ClientSession() as session:
        assert process.stderr is not None
        line = await process.stderr.readline()
        assert f"Serving on {LOCAL}:{port}" in line.decode()
        await add_route(api_port, "/", target)
        async with session.get(f"http://{LOCAL}:{port}/") as answer:
            assert answer.status == 200


async def test_a_taken_port_is_one_line_and_exit_code_one() -> None:
    (taken,) = bind_listeners(LOCAL, 0)
    with taken:
        async with proxy_process(f"--port={taken.getsockname()[1]}", "--api-port=0") as process:
            _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().count("\n") == 1
    assert "the port is in use" in said.decode()


@pytest.mark.parametrize(
    ("arguments", "token", "expected"),
    [
        (("--port=0", "--api-port=0"), "", f"set {TOKEN_VARIABLE}"),
        (("--port=0", "--api-port=0", "--ssl-key=x"), TOKEN, "both a key and a certificate"),
        (("--port=0", "--api-port=0", "--ssl-key=x", "--ssl-cert=y"), TOKEN, "cannot be served"),
    ],
)
async def test_an_unusable_setting_is_one_line(
    arguments: tuple[str, ...], token: str, expected: str
) -> None:
    async with proxy_process(*arguments, token=token) as process:
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().count("\n") == 1
    assert expected in said.decode()


async def test_it_ends_when_the_process_that_started_it_is_gone() -> None:
    async with serving("--end-with-stdin") as (process, _, api_port):
        await add_route(api_port, "/", 1)
        assert process.stdin is not None
        process.stdin.close()  # what the kernel does for a parent that dies
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_it_ends_in_order_when_it_is_told_to_even_with_open_connections(target: int) -> None:
    async with serving() as (process, port, api_port):
        await add_route(api_port, "/", target)
        _, writer = await asyncio.open_connection(LOCAL, port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
        writer.close()


async def test_https_ends_at_the_proxy_and_the_target_is_told(target: int, tmp_path: Path) -> None:
    authority = Certipy(store_dir=str(tmp_path))
    authority.create_ca("authority")
    files = authority.create_signed_pair("proxy", "authority", alt_names=[f"IP:{LOCAL}"])["files"]
    trusting = ssl.create_default_context(cafile=files["ca"])

    async with (
        serving(f"--ssl-key={files['key']}", f"--ssl-cert={files['cert']}") as (_, port, api_port),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        await add_route(api_port, "/", target)
        async with session.get(f"https://{LOCAL}:{port}/") as answer:
            headers = await answer.json()
        async with session.put(
            f"https://{LOCAL}:{port}/", data=io.BytesIO(bytes(8 * MIB))
        ) as answer:
            assert await answer.text() == str(8 * MIB)

    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Port"] == str(port)


async def test_as_many_connections_may_be_open_as_the_system_allows() -> None:
    async with serving() as (process, _, api_port):
        await add_route(api_port, "/", 1)
        soft, hard = psutil.Process(process.pid).rlimit(resource.RLIMIT_NOFILE)
        assert soft == hard


def test_the_defaults_serve_loopback_only() -> None:
    options = parse_options([])

    assert (options.ip, options.port) == (LOCAL, 8000)
    assert (options.api_ip, options.api_port) == (LOCAL, 8001)
    assert options.end_with_stdin is False


async def test_callers_wait_for_the_route_that_serving_begins_with(target: int) -> None:
    async with (
        serving("--serve-after=/") as (_, port, api_port),
        aiohttp.ClientSession() as session,
    ):
        early = asyncio.ensure_future(session.get(f"http://{LOCAL}:{port}/"))
        await add_route(api_port, "/elsewhere/", 1)
        assert not early.done()
        await add_route(api_port, "/", target)
        async with await early as answer:
            assert answer.status == 200


async def test_it_ends_in_order_while_it_still_waits_for_its_first_route() -> None:
    async with serving("--serve-after=/") as (process, _, api_port):
        await add_route(api_port, "/elsewhere/", 1)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
