import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from cocalc_hub_ext.proxy.settings import Limits, ProxySettings

from ...support.ports import free_port
from .worlds import LOCAL, RawTarget, serve_app, serve_proxy


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def asked() -> list[str]:
    return []


@pytest.fixture
async def hub(asked: list[str]) -> AsyncIterator[str]:
    """A hub that has a page for every error but 504."""

    async def page(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        if request.match_info["status"] == "504":
            return web.Response(status=500, text="the hub is broken")
        return web.Response(
            text=f"<h1>{request.match_info['status']}</h1>",
            content_type="text/html",
            headers={"Set-Cookie": "hub=1", "Content-Security-Policy": "frame-ancestors 'none'"},
        )

    app = web.Application()
    app.router.add_get("/hub/error/{status}", page)
    async with serve_app(app) as port:
        yield f"http://{LOCAL}:{port}/hub/error/"


async def test_the_hubs_page_explains_a_target_that_is_down(
    session: aiohttp.ClientSession, hub: str, asked: list[str]
) -> None:
    async with serve_proxy(ProxySettings(error_target=hub)) as proxy:
        proxy.route("/user/a/", free_port())
        async with session.get(f"{proxy.url}/user/a/lab?x=1&y=2") as answer:
            assert answer.status == 503
            assert answer.content_type == "text/html"
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
            assert "Set-Cookie" not in answer.headers
            assert await answer.text() == "<h1>503</h1>"
    assert asked == ["/hub/error/503?url=%2Fuser%2Fa%2Flab%3Fx%3D1%26y%3D2"]


async def test_the_hubs_page_explains_an_unknown_path(
    session: aiohttp.ClientSession, hub: str
) -> None:
    async with (
        serve_proxy(ProxySettings(error_target=hub)) as proxy,
        session.get(f"{proxy.url}/nowhere") as answer,
    ):
        assert (answer.status, await answer.text()) == (404, "<h1>404</h1>")


async def test_a_hub_that_is_down_too_leaves_a_plain_sentence(
    session: aiohttp.ClientSession,
) -> None:
    down = f"http://{LOCAL}:{free_port()}/hub/error/"
    async with serve_proxy(ProxySettings(error_target=down)) as proxy:
        proxy.route("/", free_port())
        async with session.get(proxy.url) as answer:
            assert answer.status == 503
            assert answer.content_type == "text/plain"
            assert "does not answer" in await answer.text()


async def test_a_hub_that_fails_itself_leaves_a_plain_sentence(
    session: aiohttp.ClientSession, hub: str
) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    settings = ProxySettings(error_target=hub, limits=replace(Limits(), silence_s=0.1))
    async with serve_proxy(settings) as proxy, RawTarget(silent).serving() as target:
        proxy.route("/", target.port)
        async with session.get(proxy.url) as answer:
            assert answer.status == 504
            assert "took too long" in await answer.text()
