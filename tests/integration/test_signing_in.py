"""conat-core §2.3, §13, §17; SPEC A1 to A9, B3, B9, Y4. From the cookie to the connection's end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import websockets

from cocalc_jupyter_ext.conat.authentication.authenticators import Cookies
from cocalc_jupyter_ext.conat.authentication.checks import (
    HubPassword,
    ProjectSecrets,
    SystemPassword,
)
from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import SignInFailed
from cocalc_jupyter_ext.conat.services.rpc import call
from cocalc_jupyter_ext.conat.services.system import SystemService, system_subject
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport, socket_url
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointMixin
from cocalc_jupyter_ext.conat.types import ProjectId, User

from ..support.conat_server import serve

PROJECT_ID = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
SYSTEM = User("hub", "system")


async def secret_of(project_id: ProjectId) -> str | None:
    return "a token" if project_id == PROJECT_ID else None


COOKIES = Cookies(
    [SystemPassword("s+/="), HubPassword("hub"), ProjectSecrets(secret_of)], base_path="/base"
)


class AskingForCookies(EndpointMixin):
    async def authenticate(self) -> User | None:
        return await COOKIES.authenticate(self.request.headers)


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[str, Broker]]:
    """Give the address of a server that asks for cookies, and serves the system API."""
    broker = Broker()
    async with (
        asyncio.timeout(30),
        serve(broker, handler=AskingForCookies) as address,
        Client(LoopbackTransport(broker, SYSTEM)) as own,
        SystemService(broker, own),
    ):
        yield address, broker


def client_with(address: str, cookie: str) -> Client:
    return Client(TornadoTransport(address, headers={"Cookie": cookie} if cookie else {}))


@pytest.mark.parametrize(
    ("cookie", "user"),
    [
        ("sys=s%2B%2F%3D", {"hub_id": "system"}),
        ("sys=s+/=", {"hub_id": "system"}),
        ("%2Fbasehub_password=hub", {"hub_id": "hub"}),
        (
            f"%2Fbaseproject_secret=a token; %2Fbaseproject_id={PROJECT_ID}",
            {"project_id": PROJECT_ID},
        ),
    ],
)
async def test_a_cookie_makes_the_user(cookie: str, user: dict[str, str]) -> None:
    async with a_server() as (address, _broker), client_with(address, cookie) as client:
        await client.wait_until_signed_in()

        assert client.info is not None
        assert client.info.user == user


@pytest.mark.parametrize(
    ("cookie", "text"),
    [
        ("", "no auth cookie set; "),
        ("hub_password=hub", "must set one of the following cookies: "),
        ("sys=wrong", "invalid system account password"),
        ("sys=wrong; %2Fbasehub_password=hub", "invalid system account password"),
        (f"%2Fbaseproject_secret=x; %2Fbaseproject_id={PROJECT_ID}", "invalid secret token for"),
    ],
)
async def test_who_is_refused_is_told_why_and_leaves_nothing_behind(
    cookie: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_server() as (address, broker):
        before = set(broker.stats())
        async with client_with(address, cookie) as client:
            with pytest.raises(SignInFailed) as refusal:
                await client.wait_until_signed_in()

        assert refusal.value.reason.startswith(f"Error: {text}")
        assert set(broker.stats()) == before
        assert broker.usage().total == 1
    assert "a token" not in caplog.text


async def test_a_connection_is_ended_by_the_id_that_its_client_learned() -> None:
    headers = {"Cookie": "%2Fbasehub_password=hub", "X-Forwarded-For": "1.2.3.4"}
    async with (
        a_server() as (address, _broker),
        client_with(address, "sys=s+/=") as admin,
        websockets.connect(socket_url(address), additional_headers=headers) as socket,
    ):
        await socket.recv()
        await socket.send("40")
        sid = json.loads(str(await socket.recv())[2:])["sid"]
        await socket.recv()
        (stats,) = (await call(admin, system_subject(), "stats")).values()

        assert stats[sid]["user"] == {"hub_id": "hub"}
        assert stats[sid]["address"] == "1.2.3.4"
        await call(admin, system_subject(None, "0"), "disconnect", [sid])
        assert await socket.recv() == "41"
        await socket.wait_closed()
        (stats,) = (await call(admin, system_subject(), "stats")).values()
        assert sid not in stats
