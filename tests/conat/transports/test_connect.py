"""conat-core §2, §13; SPEC K13. Over real sockets."""

import asyncio
import subprocess
import sys

import pytest

from cocalc_jupyter_ext import conat
from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.session import ClientState
from cocalc_jupyter_ext.conat.errors import ConatError, RequestTimeout, SignInFailed
from cocalc_jupyter_ext.conat.transports.connect import connect, cookie_header
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointMixin
from cocalc_jupyter_ext.conat.types import User

from ...support.conat_server import RestartableServer, serve


class _Refuse(EndpointMixin):
    async def authenticate(self) -> User | None:
        raise ConatError("api key no longer valid")


def test_cookies_are_written_so_that_the_server_reads_them() -> None:
    assert cookie_header({"a": "1", "b": "x;y z%"}) == "a=1; b=x%3By%20z%25"


async def test_a_connected_client_is_signed_in() -> None:
    async with serve() as address:
        client = await conat.connect(address)

        assert client.state is ClientState.CONNECTED
        assert client.info is not None
        assert client.info.max_payload_bytes > 10_000
        await client.close()
        assert client.state is ClientState.CLOSED


async def test_an_inbox_is_the_one_that_the_server_permits_the_user() -> None:
    class Project(EndpointMixin):
        async def authenticate(self) -> User | None:
            return User("project", "p")

    broker = Broker()
    async with serve(broker, handler=Project) as address, await connect(address) as client:
        mine = await client.subscribe("x")
        asked = asyncio.create_task(client.request("x"))
        await client.respond(await anext(mine))
        await asked

        subscriptions = [each for peer in broker.peers for each in broker.subscriptions(peer)]
        assert any(each.startswith("_INBOX.project-p.") for each in subscriptions)


async def test_refused_credentials_are_told_with_the_servers_reason() -> None:
    broker = Broker()
    async with serve(broker, handler=_Refuse) as address:
        with pytest.raises(SignInFailed, match="api key no longer valid"):
            await connect(address, cookies={"api_key": "wrong"})

        assert not broker.peers


async def test_cookies_carry_credentials() -> None:
    seen: list[str] = []

    class Keep(EndpointMixin):
        async def authenticate(self) -> User | None:
            seen.append(self.request.headers["Cookie"])
            return None

    async with serve(handler=Keep) as address:
        client = await connect(
            address, cookies={"project_secret": "s%", "project_id": "p"}, headers={"X-Other": "1"}
        )
        await client.close()

    assert seen == ["project_secret=s%25; project_id=p"]


async def test_a_server_that_is_not_there_is_not_waited_for_without_end() -> None:
    server = RestartableServer()
    await server.start()
    await server.stop()
    with pytest.raises(RequestTimeout, match=f"no server has answered at {server.address}"):
        await connect(server.address, timeout_s=0.05)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("conat")]


async def test_what_kept_us_out_is_told() -> None:
    async with serve() as address:
        with pytest.raises(RequestTimeout, match=r"within 0.5 s: the server answered 404"):
            await connect(f"{address}/nowhere", timeout_s=0.5)


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not an address"):
        await connect("nowhere")


def test_the_package_gives_what_it_names_and_loads_it_late() -> None:
    code = (
        "import sys\n"
        "from cocalc_jupyter_ext import conat\n"
        "from cocalc_jupyter_ext.conat.protocol import messages\n"
        "from cocalc_jupyter_ext.conat.client import client\n"
        "print([name for name in ('tornado', 'jupyter_server') if name in sys.modules])\n"
        "print(all(callable(getattr(conat, name)) for name in conat.__all__))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout.split() == ["[]", "True"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = conat.nothing
