"""conat-core §1, §11; SPEC T17, K5."""

import asyncio
import logging
import socket

import pytest
from tornado.websocket import WebSocketProtocol13

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import Disconnected
from cocalc_jupyter_ext.conat.protocol.chunks import split
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.protocol.messages import Publish
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport, _Link, socket_url
from cocalc_jupyter_ext.conat.transports.tornado_endpoint import EndpointMixin, EndpointSettings
from cocalc_jupyter_ext.conat.types import MessageId, User

from ...support.conat_server import serve


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://h", "ws://h/conat/?EIO=4&transport=websocket"),
        ("https://h:1/base/", "wss://h:1/base/conat/?EIO=4&transport=websocket"),
    ],
)
def test_the_path_is_made_from_the_address(address: str, url: str) -> None:
    assert socket_url(address) == url


@pytest.mark.parametrize("address", ["", "h", "ftp://h", "http://"])
def test_an_address_must_be_one(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        TornadoTransport(address)


async def test_two_clients_talk_over_sockets() -> None:
    async with (
        serve() as address,
        Client(TornadoTransport(address)) as one,
        Client(TornadoTransport(address)) as two,
        asyncio.TaskGroup() as tasks,
    ):
        serving = tasks.create_task(double(two))
        reply = await one.request("double", 21, wait_for_interest=True)

        assert reply.data == 42
        serving.cancel()


async def double(client: Client) -> None:
    async for request in await client.subscribe("double"):
        await client.respond(request, request.data * 2)


async def test_twenty_megabytes_arrive_whole() -> None:
    big = bytes(range(256)) * 80_000
    async with (
        serve() as address,
        Client(TornadoTransport(address)) as one,
        Client(TornadoTransport(address)) as two,
    ):
        mine = await one.subscribe("big")
        result = await two.publish("big", big)

        assert result.count == 1
        assert (await anext(mine)).data == big


async def test_credentials_travel_in_the_cookie_header() -> None:
    class ByCookie(EndpointMixin):
        async def authenticate(self) -> User | None:
            return User("account", self.get_cookie("who") or "nobody")

    async with (
        serve(handler=ByCookie) as address,
        Client(TornadoTransport(address, headers={"Cookie": "who=me"})) as client,
    ):
        info = await client.wait_until_signed_in()

        assert info.user == {"account_id": "me"}


async def test_pings_are_answered() -> None:
    broker = Broker()
    settings = EndpointSettings(ping_interval_ms=20, ping_timeout_ms=1_000)
    async with serve(broker, settings) as address, Client(TornadoTransport(address)) as client:
        await client.wait_until_signed_in()
        connection = next(iter(broker.peers))
        await asyncio.sleep(1.1)  # longer than an unanswered ping is forgiven

        assert list(broker.peers) == [connection]


async def test_a_lost_connection_is_restored_with_its_subscriptions() -> None:
    """conat-core §21, Connecting: closing and starting the server on the same port reconnects."""
    broker = Broker()
    async with (
        serve(broker) as address,
        Client(TornadoTransport(address), rng=lambda: 0.0) as one,
        Client(TornadoTransport(address)) as two,
    ):
        mine = await one.subscribe("x")
        await two.wait_until_signed_in()
        (connection,) = (each for each in broker.peers if broker.subscriptions(each))
        broker.peers[connection].close("cut")
        await two.publish("x", "back", wait_for_interest=True)

        assert (await anext(mine)).data == "back"


async def test_a_server_that_refuses_the_upgrade_is_named() -> None:
    async with serve() as address:
        transport = TornadoTransport(f"{address}/nowhere")
        with pytest.raises(Disconnected, match="404"):
            await transport.open(_Deaf())


async def test_an_unreachable_server_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as address:
        pass
    with caplog.at_level(logging.INFO):
        async with Client(TornadoTransport(address), rng=lambda: 0.0):
            async with asyncio.timeout(60):
                while "cannot connect" not in caplog.text:
                    await asyncio.sleep(0.01)


async def test_what_was_sent_just_before_leaving_arrives() -> None:
    async with serve() as address, Client(TornadoTransport(address)) as one, asyncio.timeout(60):
        mine = await one.subscribe("x")
        listener = _Listener()
        link = await TornadoTransport(address).open(listener)
        await listener.greeted.wait()
        sizes = [3, 1_000_000, 5]
        for size in sizes:
            (chunk,) = split(MessageId("m"), encode(b"x" * size), size_bytes=8_000_000)
            link.send(Publish("x", chunk))
        await link.close()

        assert [len((await anext(mine)).data) for _ in sizes] == sizes


async def test_small_messages_are_not_held_back() -> None:
    async with serve() as address:
        link = await TornadoTransport(address).open(_Listener())
        assert isinstance(link, _Link)
        assert link._stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await link.close()


async def test_a_socket_that_opens_after_its_client_was_closed_is_closed() -> None:
    asked, answer, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def upgrade_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (key,) = (
            line[19:] for line in head.split("\r\n") if line.startswith("Sec-Websocket-Key: ")
        )
        asked.set()
        await answer.wait()
        accept = WebSocketProtocol13.compute_accept_value(key)
        lines = ("101 Switching", "Upgrade: websocket", "Connection: Upgrade")
        writer.write(
            "\r\n".join(("HTTP/1.1 " + lines[0], *lines[1:])).encode()
            + f"\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        opcode = (await reader.readexactly(1))[0] & 0x0F
        assert opcode == 8  # the client closes
        ended.set()
        writer.close()

    server = await asyncio.start_server(upgrade_late, "127.0.0.1", 0)
    async with server, asyncio.timeout(60):
        port = server.sockets[0].getsockname()[1]
        client = Client(TornadoTransport(f"http://127.0.0.1:{port}"))
        client.start()
        await asked.wait()
        await client.close()
        answer.set()
        await ended.wait()


class _Listener:
    def __init__(self) -> None:
        self.greeted = asyncio.Event()

    def on_event(self, event: object) -> None:
        self.greeted.set()

    def on_closed(self, reason: str) -> None:
        """Do nothing."""


class _Deaf:
    def on_event(self, event: object) -> None:
        raise AssertionError(f"nothing can come, but {event} did")

    def on_closed(self, reason: str) -> None:
        raise AssertionError(f"nothing was opened, but closed: {reason}")
