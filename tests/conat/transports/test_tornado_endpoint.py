"""conat-core §1, §2; SPEC T1, T12 to T16. Over real sockets."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError, SignInFailed
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport, socket_url
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointMixin, EndpointSettings
from cocalc_jupyter_ext.conat.types import User

from ...support.certificates import certificates
from ...support.conat_server import serve

INFO = '420["info",{"max_payload":8000000,"id":"0","user":null}]'


async def join(socket: ClientConnection) -> None:
    """Join the namespace, and acknowledge the greeting."""
    assert str(await socket.recv()).startswith("0{")
    await socket.send("40")
    assert str(await socket.recv()).startswith('40{"sid":')
    assert str(await socket.recv()).startswith('420["info"')
    await socket.send("430[]")


async def test_a_conversation_without_any_library_of_ours() -> None:
    async with serve() as address, websockets.connect(socket_url(address)) as socket:
        await join(socket)
        await socket.send('421["subscribe",{"subject":"x","queue":"q"}]')
        assert await socket.recv() == '431[{"status":"added"}]'
        await socket.send('451-2["publish",["x","m",0,1,0,{"_placeholder":true,"num":0}]]')
        await socket.send(b"\xa2hi")
        received = [await socket.recv() for _ in range(3)]

        assert '432[{"count":1}]' in received
        assert b"\xa2hi" in received


async def test_compression_is_never_negotiated() -> None:
    """conat-core §20: compression is never negotiated."""
    async with (
        serve() as address,
        websockets.connect(socket_url(address), compression="deflate") as socket,
    ):
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        await join(socket)


async def test_a_message_of_exactly_the_limit_is_accepted_and_a_larger_one_closes_with_1009() -> (
    None
):
    async with serve() as address, websockets.connect(socket_url(address)) as socket:
        await join(socket)
        await socket.send('451-2["publish",["x","m",0,1,0,{"_placeholder":true,"num":0}]]')
        await socket.send(bytes(8_000_000))
        assert await socket.recv() == '432[{"count":0}]'
        await socket.send(bytes(8_000_001))
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.recv()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("EIO=4&transport=polling", 0, "websocket"),
        ("EIO=4", 0, "websocket"),
        ("EIO=3&transport=websocket", 5, "Engine.IO 4"),
    ],
)
async def test_other_transports_and_versions_get_a_clear_error(
    query: str, code: int, text: str
) -> None:
    async with serve() as address, httpx.AsyncClient() as http:
        for method in ("GET", "POST") if "polling" in query else ("GET",):
            answer = await http.request(method, f"{address}/conat/?{query}")

            assert answer.status_code == 400
            assert answer.json()["code"] == code
            assert text in answer.json()["message"]


async def test_a_refused_user_is_told_why_and_disconnected() -> None:
    class Refusing(EndpointMixin):
        async def authenticate(self) -> User | None:
            raise ConatError("cookie expired")

    async with (
        serve(handler=Refusing) as address,
        Client(TornadoTransport(address)) as client,
    ):
        with pytest.raises(SignInFailed, match="cookie expired"):
            await client.wait_until_signed_in()


async def test_a_reader_that_does_not_keep_up_is_disconnected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Broker()
    settings = EndpointSettings(max_write_buffer_bytes=1_000_000)
    async with (
        serve(broker, settings) as address,
        Client(TornadoTransport(address)) as publisher,
        websockets.connect(socket_url(address), max_queue=1, close_timeout=0.1) as slow,
    ):
        await join(slow)
        await slow.send('421["subscribe",{"subject":"x","queue":"q"}]')
        await slow.recv()
        for _ in range(200):
            if (await publisher.publish("x", bytes(500_000))).count == 0:
                break

        assert len(broker.peers) == 1
        assert "left more than 1000000 bytes unread" in caplog.text


async def test_a_silent_client_is_pinged_and_given_up() -> None:
    broker = Broker()
    settings = EndpointSettings(ping_interval_ms=20, ping_timeout_ms=20)
    async with (
        serve(broker, settings) as address,
        websockets.connect(socket_url(address)) as socket,
    ):
        await join(socket)
        assert await socket.recv() == "2"
        await asyncio.wait_for(socket.wait_closed(), 60)

        assert broker.peers == {}


async def test_the_end_of_a_session_is_final_for_its_client() -> None:
    handlers: list[EndpointMixin] = []

    class Remembering(EndpointMixin):
        def open(self, *args: Any, **kwargs: Any) -> None:
            super().open(*args, **kwargs)
            handlers.append(self)

    async with (
        serve(handler=Remembering) as address,
        Client(TornadoTransport(address)) as client,
    ):
        mine = await client.subscribe("x")
        handlers[0].end_session("you are no longer a member")
        with pytest.raises(SignInFailed):
            await anext(mine)


async def test_a_smaller_payload_limit_is_announced_and_kept() -> None:
    broker = Broker(limits=BrokerLimits(max_payload_bytes=150_000))
    async with serve(broker) as address, Client(TornadoTransport(address)) as client:
        info = await client.wait_until_signed_in()
        mine = await client.subscribe("x")
        result = await client.publish("x", bytes(1_000_000))

        assert info.max_payload_bytes == 150_000
        assert result.count == 1
        assert len((await anext(mine)).data) == 1_000_000


async def test_tls_carries_messages_of_every_size(tmp_path: Path) -> None:
    server_tls, client_tls = certificates(tmp_path)
    async with (
        serve(ssl_options=server_tls) as address,
        Client(TornadoTransport(address, ssl_options=client_tls)) as client,
    ):
        mine = await client.subscribe("x")
        for size in (0, 100, 20_000, 9_000_000):
            await client.publish("x", bytes(size))

            assert (await anext(mine)).data == bytes(size)


async def test_a_client_that_leaves_while_it_is_asked_who_it_is_leaves_nothing_behind() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Asking(EndpointMixin):
        async def authenticate(self) -> User | None:
            asked.set()
            await answer.wait()
            return None

    broker = Broker()
    settings = EndpointSettings(ping_interval_ms=20, ping_timeout_ms=20)
    async with (
        serve(broker, settings, handler=Asking) as address,
        websockets.connect(socket_url(address)) as socket,
    ):
        await socket.send("40")
        await asked.wait()
        await asyncio.wait_for(socket.wait_closed(), 60)
        answer.set()
        await asyncio.sleep(0)

        assert broker.peers == {}
