"""A whole server in this process: routes, services and the order in which it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.commands import server_app
from cocalc_jupyter_ext.conat.commands.server_app import running_server
from cocalc_jupyter_ext.conat.commands.server_options import ServerOptions
from cocalc_jupyter_ext.conat.commands.server_services import World
from cocalc_jupyter_ext.conat.errors import SignInFailed
from cocalc_jupyter_ext.conat.protocol.messages import Cluster
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

ANY_PORT = ServerOptions(port=0)


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    async with asyncio.timeout(30):
        yield


async def test_messages_pass_below_a_base_path() -> None:
    """conat-core §1.1."""
    options = ServerOptions(port=0, base_path="/a/b", server_id="n", cluster_name="c")
    async with running_server(options) as server:
        assert server.address.endswith("/a/b")
        async with Client(TornadoTransport(server.address)) as client:
            info = await client.wait_until_signed_in()
            subscription = await client.subscribe("x.*")
            await client.publish("x.y", 1)
            assert (await anext(subscription)).data == 1

    assert (info.server_id, info.cluster_name, info.user) == ("n", "c", None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/base/conat/", 400),
        ("/base/conat/anything/below?EIO=4", 400),
        ("/base/conat", 404),
        ("/conat/", 404),
        ("/baseXconat/", 404),
        ("/base/conatx/", 404),
        ("/", 404),
    ],
)
async def test_every_url_that_begins_with_the_path_is_the_endpoint(path: str, status: int) -> None:
    """conat-core §1.1; what is no WebSocket is answered with 400."""
    async with (
        running_server(ServerOptions(port=0, base_path="/base")) as server,
        httpx.AsyncClient() as http,
    ):
        answer = await http.get(f"http://127.0.0.1:{server.port}{path}")

    assert answer.status_code == status


async def test_health_is_told_to_anybody() -> None:
    """conat-core §17."""
    async with (
        running_server(ServerOptions(port=0, refusal="no")) as server,
        httpx.AsyncClient() as http,
    ):
        answer = await http.get(f"http://127.0.0.1:{server.port}/health")

    assert (answer.status_code, answer.text) == (200, "healthy")


async def test_the_server_names_its_address_to_clients() -> None:
    """conat-core §18: on an unclustered server just its own."""
    async with (
        running_server(ANY_PORT) as server,
        Client(TornadoTransport(server.address)) as client,
    ):
        await client.wait_until_signed_in()
        addresses = await client._session.call(Cluster(), 10)

    assert addresses == [server.address]


async def test_a_refused_client_is_told_why() -> None:
    """conat-core §2.3."""
    async with (
        running_server(ServerOptions(port=0, refusal="closed today")) as server,
        Client(TornadoTransport(server.address)) as client,
    ):
        with pytest.raises(SignInFailed, match="Error: closed today"):
            await client.wait_until_signed_in()
        assert server.broker.peers == {}


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 403), ("https://good.example", 101), (None, 101)],
)
async def test_web_pages_of_other_sites_cannot_connect(origin: str | None, status: int) -> None:
    options = ServerOptions(port=0, allowed_origins=frozenset({"https://good.example"}))
    lines = [
        "GET /conat/?EIO=4&transport=websocket HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *([] if origin is None else [f"Origin: {origin}"]),
    ]
    async with running_server(options) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await reader.readline()
        writer.close()

    assert answer.decode().split()[1] == str(status)


Start = Callable[[World], AbstractAsyncContextManager[None]]


def recording(name: str, log: list[str]) -> Start:
    """Return a service that uses the fabric when it starts and when it ends."""

    @asynccontextmanager
    async def service(world: World) -> AsyncIterator[None]:
        async with world.client() as client:
            info = await client.wait_until_signed_in()
            assert info.user == {"hub_id": "hub"}
            await client.publish("any.subject", name)
            log.append(f"{name} started")
            yield
            await client.publish("any.subject", name)
            log.append(f"{name} ended")

    return service


async def test_services_start_before_clients_and_end_before_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    services = [recording("first", log), recording("second", log)]
    monkeypatch.setattr(server_app, "services_for", lambda _options: services)

    async with running_server(ANY_PORT) as server:
        log.append("serving")

    assert log == ["first started", "second started", "serving", "second ended", "first ended"]
    assert server.broker.peers == {}


async def test_a_service_that_cannot_start_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @asynccontextmanager
    async def broken(world: World) -> AsyncIterator[None]:
        raise OSError("the disk is full")
        yield

    monkeypatch.setattr(server_app, "services_for", lambda _options: [broken])
    with pytest.raises(OSError, match="the disk is full"):
        async with running_server(ANY_PORT):
            pass

    monkeypatch.undo()
    async with running_server(ANY_PORT) as server:
        assert server.port > 0


async def test_ending_does_not_wait_for_what_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server_app, "END_TIMEOUT_S", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    async with running_server(ANY_PORT) as server:
        monkeypatch.setattr(server.broker, "stop", never)

    assert "took too long; clients see a lost connection" in caplog.text
