"""The proxy as a hub runs it: a real hub, a real process."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from certipy import Certipy

from cocalc_hub_ext.proxy.listeners import bind_listeners
from cocalc_hub_ext.proxy.server import TOKEN_VARIABLE

from ...support.minimal_hub import ROOT, MinimalHub, hub_process, run_hub, write_config
from ...support.ports import free_port
from .worlds import LOCAL, serve_app


@pytest.fixture
def url() -> str:
    return f"http://{LOCAL}:{free_port()}"


@pytest.fixture
async def service() -> AsyncIterator[int]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="the service")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serve_app(app) as port:
        yield port


def extra_route(routespec: str, port: int) -> str:
    return f'c.Proxy.extra_routes = {{"{routespec}": "http://{LOCAL}:{port}"}}'


async def text(hub: MinimalHub, path: str) -> tuple[int, str]:
    async with hub.session.get(f"{hub.url}{path}") as answer:
        return answer.status, await answer.text()


async def ended(process: psutil.Process) -> None:
    """Wait until ``process`` is gone or a zombie of nobody."""
    async with asyncio.timeout(60):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.02)


async def test_the_hub_answers_through_the_proxy_and_sees_its_routes(
    tmp_path: Path, url: str, service: int
) -> None:
    async with run_hub(tmp_path, url, extra_route("/x/", service)) as hub:
        assert (await text(hub, "/hub/login"))[0] == 200
        assert await text(hub, "/x/deep/er") == (200, "the service")
        status, routes = await hub.api("GET", "proxy")
        assert status == 200
        assert set(routes) == {"/", "/x/"}
        assert routes["/x/"]["target"] == f"http://{LOCAL}:{service}"
        assert routes["/"]["data"]["hub"] is True
        assert routes["/"]["data"]["last_activity"].endswith("Z")
        status, _ = await hub.api("POST", "proxy")
        assert status == 200


async def test_the_hub_explains_a_target_that_is_down_on_its_own_page(
    tmp_path: Path, url: str
) -> None:
    async with run_hub(tmp_path, url, extra_route("/x/", free_port())) as hub:
        status, page = await text(hub, "/x/lab")
    assert status == 503
    assert "Your server appears to be down" in page


async def test_a_proxy_that_died_is_replaced_with_all_routes_and_refuses_nobody(
    tmp_path: Path, url: str, service: int
) -> None:
    async with run_hub(tmp_path, url, extra_route("/x/", service)) as hub:
        first = hub.proxy
        assert first is not None
        first.kill()
        await ended(first)
        assert await text(hub, "/x/") == (200, "the service")
        assert (await text(hub, "/hub/login"))[0] == 200
        assert hub.proxy is not None
        assert hub.proxy.pid != first.pid


async def test_the_proxy_ends_with_a_hub_that_stops(tmp_path: Path, url: str) -> None:
    async with run_hub(tmp_path, url) as hub:
        proxy = hub.proxy
        assert proxy is not None
        await hub.stop()
        assert hub.process.returncode == 0
        await ended(proxy)
    assert "Traceback" not in hub.log


async def test_the_proxy_ends_with_a_hub_that_is_killed(tmp_path: Path, url: str) -> None:
    async with run_hub(tmp_path, url) as hub:
        proxy = hub.proxy
        assert proxy is not None
        await hub.kill()
        await ended(proxy)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOCAL, int(url.rpartition(":")[2])))


async def test_a_taken_port_ends_the_start_with_one_clear_line(tmp_path: Path) -> None:
    (taken,) = bind_listeners(LOCAL, 0)
    with taken:
        port = taken.getsockname()[1]
        write_config(tmp_path, f"http://{LOCAL}:{port}")
        process = await hub_process(tmp_path)
        assert await asyncio.wait_for(process.wait(), 30) == 1
    log = (tmp_path / "hub.log").read_text()
    assert f"The proxy cannot listen on {LOCAL}:{port}: the port is in use." in log
    assert "Traceback" not in log


async def test_everything_works_below_a_base_path(tmp_path: Path, url: str) -> None:
    async with run_hub(tmp_path, f"{url}/base/path") as hub:
        assert (await text(hub, "/hub/login"))[0] == 200
        outside = MinimalHub(url, hub.folder, hub.process, hub.session)
        assert (await text(outside, "/hub/login"))[0] == 404
        _, routes = await hub.api("GET", "proxy")
        assert set(routes) == {"/base/path/"}


async def test_the_hubs_certificate_is_served(tmp_path: Path, url: str) -> None:
    authority = Certipy(store_dir=str(tmp_path / "tls"))
    authority.create_ca("authority")
    files = authority.create_signed_pair("proxy", "authority", alt_names=[f"IP:{LOCAL}"])["files"]
    trusting = ssl.create_default_context(cafile=files["ca"])
    extra = f'c.JupyterHub.ssl_key = "{files["key"]}"\nc.JupyterHub.ssl_cert = "{files["cert"]}"\n'
    async with (
        run_hub(tmp_path, url.replace("http:", "https:"), extra) as hub,
        hub.session.get(f"{hub.url}/hub/login", ssl=trusting) as answer,
    ):
        assert answer.status == 200


@contextlib.asynccontextmanager
async def outside_proxy(port: int, api_port: int, hub_port: int) -> AsyncIterator[psutil.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cocalc_hub_ext.proxy", f"--port={port}", f"--api-port={api_port}"),
        f"--error-target=http://{LOCAL}:{hub_port}/hub/error/",
        env={**os.environ, "PYTHONPATH": str(ROOT), TOKEN_VARIABLE: "shared"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    await process.stderr.readline()
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def test_a_proxy_outside_of_the_hub_outlives_it(tmp_path: Path) -> None:
    port, api_port, hub_port = free_port(), free_port(), free_port()
    extra = (
        "c.Proxy.should_start = False\n"
        f'c.CoCalcProxy.api_url = "http://{LOCAL}:{api_port}"\n'
        f"c.JupyterHub.hub_port = {hub_port}\n"
    )
    async with outside_proxy(port, api_port, hub_port) as proxy:
        for _ in range(2):
            async with run_hub(
                tmp_path, f"http://{LOCAL}:{port}", extra, **{TOKEN_VARIABLE: "shared"}
            ) as hub:
                assert hub.proxy is None
                assert (await text(hub, "/hub/login"))[0] == 200
            assert proxy.is_running()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{LOCAL}:{port}/hub/login") as answer,
        ):
            assert answer.status == 503
            assert "try again in a moment" in await answer.text()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("c.Proxy.should_start = False", "needs c.CoCalcProxy.auth_token"),
        ("c.JupyterHub.internal_ssl = True", "does not support JupyterHub.internal_ssl"),
        ('c.JupyterHub.bind_url = "http+unix://%2Ftmp%2Fx.sock"', "use http or https"),
    ],
)
async def test_what_is_not_supported_is_said_at_the_start(
    tmp_path: Path, url: str, extra: str, expected: str
) -> None:
    write_config(tmp_path, url, extra)
    process = await hub_process(tmp_path)
    assert await asyncio.wait_for(process.wait(), 30) == 1
    assert expected in (tmp_path / "hub.log").read_text()
