"""conat-core §14.3 to §14.7; SPEC Z2, Z4, Z12. The server's end, spoken to message by message."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Subscription
from cocalc_jupyter_ext.conat.errors import Disconnected, RequestTimeout
from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed
from cocalc_jupyter_ext.conat.sockets.server_socket import MAX_WAITING, ServerSocket
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketState

from ...support import virtual_time
from ...support.conat_sockets import CARRIERS, Fabric, log_states, take

in_process = CARRIERS[0]
TO_SERVER, TO_CLIENT = "s.server.0.me", "s.client.me"


class Peer:
    """A client of the server that is made of nothing but messages, as a foreign one may be."""

    def __init__(self, client: Client, heard: Subscription) -> None:
        self.client = client
        self._heard = heard

    @classmethod
    async def connected(cls, client: Client) -> "Peer":
        peer = cls(client, await client.subscribe(TO_CLIENT))
        assert await peer.command("connect", id="me") == "connected"
        return peer

    async def command(self, name: str, value: object = None, **headers: Any) -> Any:
        answer = await self.client.request(
            TO_SERVER, value, headers={"CN-SocketCmd": name, **headers}, timeout_s=1
        )
        return answer.data

    async def write(self, seq: int, value: object) -> None:
        await self.client.publish(TO_SERVER, value, headers={"CN-SocketSeq": seq})

    async def hears(self, command: str) -> Any:
        """Return the next command of this name."""
        async with asyncio.timeout(100):
            async for message in self._heard:
                if (message.headers or {}).get("CN-SocketCmd") == command:  # type: ignore[union-attr]
                    return message
        return None


Check = Callable[[Fabric, SocketServer, Peer, ServerSocket], Awaitable[None]]


def run(check: Check) -> None:
    async def work(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s", server_id="0") as server:
            peer = await Peer.connected(await fabric.client())
            await check(fabric, server, peer, server.sockets["me"])

    in_process(work)


def test_a_reconnect_keeps_the_socket_and_its_numbers() -> None:
    """§14.4: connect for a known client id: just reply."""

    async def check(_fabric: Fabric, server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        messages = mine.messages()
        await peer.write(1, "one")
        assert await peer.command("connect", id="me") == "connected"
        await peer.write(2, "two")

        assert await take(messages, 2) == ["one", "two"]
        assert server.sockets["me"] is mine

    run(check)


def test_pings_are_answered_by_a_socket_that_is_ready() -> None:
    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        assert await peer.command("ping") is None
        mine.pause()
        with pytest.raises(RequestTimeout):
            await peer.command("ping")
        mine.resume()
        assert await peer.command("ping") is None

    run(check)


def test_a_ping_that_fails_because_this_end_lost_its_connection_closes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(_fabric: Fabric, _server: SocketServer, _: Peer, mine: ServerSocket) -> None:
        async def lose(*_args: object, **_options: object) -> None:
            raise Disconnected

        mine.pause()
        monkeypatch.setattr(mine, "_command", lose)
        mine.resume()
        await asyncio.sleep(60)

        assert mine.state is SocketState.READY

    run(check)


def test_a_client_that_is_heard_is_not_dropped_for_a_ping_that_got_lost() -> None:
    """SPEC Z12."""

    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        for seq in (1, 2, 3):  # it never answers pings, which fail after 30 s and come every 45 s
            await asyncio.sleep(25)
            await peer.write(seq, "alive")
        assert mine.state is SocketState.READY
        await asyncio.sleep(100)

        assert mine.state is SocketState.CLOSED

    run(check)


def test_an_unknown_command_is_answered_with_an_error() -> None:
    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, _: ServerSocket) -> None:
        assert await peer.command("dance") == {"error": "unknown command - 'dance'"}

    run(check)


def test_what_makes_no_sense_has_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        messages = mine.messages()
        for headers in ({}, {"CN-SocketSeq": "1"}, {"CN-SocketSeq": 0}, "text", None):
            await peer.client.publish(TO_SERVER, "nonsense", headers=headers)
        await peer.client.publish(
            TO_SERVER, {"socket": {"emitted": "all"}}, headers={"CN-SocketCmd": "socket"}
        )
        await peer.write(1, "sense")

        assert await take(messages, 1) == ["sense"]
        assert mine.state is SocketState.READY

    run(check)
    assert caplog.text.count("is dropped") == 6


def test_a_message_that_cannot_be_decoded_closes_the_socket_with_a_word() -> None:
    """SPEC Z9: leaving it out would break the promise that everything arrives."""

    async def check(_fabric: Fabric, server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        await peer.client.publish(TO_SERVER, raw=b"\xc1", headers={"CN-SocketSeq": 1})
        await peer.hears("close")

        assert not server.sockets
        with pytest.raises(SocketClosed, match="cannot be decoded"):
            mine.write("x")

    run(check)


def test_a_gap_that_the_client_cannot_fill_closes_the_socket() -> None:
    """§14.5: on nodata the server side closes its socket."""

    async def check(_fabric: Fabric, server: SocketServer, peer: Peer, _: ServerSocket) -> None:
        await peer.write(7, "late")
        request = await peer.hears("socket")
        assert request.data == {"socket": {"missing": [1, 2, 3, 4, 5, 6]}}
        peer.client.respond_sync(request, None, headers={"error": "nodata"})
        await peer.hears("close")

        assert not server.sockets

    run(check)


def test_missing_messages_of_a_foreign_client_are_understood() -> None:
    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        messages = mine.messages()
        await peer.write(2, "two")
        request = await peer.hears("socket")
        one = {"encoding": 0, "raw": b"\xa3one", "headers": {"CN-SocketSeq": 1, "h": "x"}}
        peer.client.respond_sync(request, [one])

        assert await anext(messages) == ("one", {"h": "x"})
        assert await anext(messages) == ("two", {})

    run(check)


def test_a_client_can_ask_for_what_it_lacks() -> None:
    async def check(_fabric: Fabric, _server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        mine.write("one", headers={"h": 1})
        mine.write("two")
        answer = await peer.command("socket", {"socket": {"missing": [2, 1]}})
        assert answer == [
            {"encoding": 0, "raw": b"\xa3two", "headers": {"CN-SocketSeq": 2}},
            {"encoding": 0, "raw": b"\xa3one", "headers": {"h": 1, "CN-SocketSeq": 1}},
        ]
        drained = asyncio.Event()
        mine.drained.connect(drained.set)
        assert await peer.command("socket", {"socket": {"emitted": 2}}) == {"emitted": 2}
        assert drained.is_set()
        gone = await peer.client.request(
            TO_SERVER, {"socket": {"missing": [1]}}, headers={"CN-SocketCmd": "socket"}
        )

        assert (gone.data, gone.headers) == (None, {"error": "nodata"})

    run(check)


def test_closing_is_confirmed_and_said_once_more() -> None:
    """The recorded server publishes close to the client before it answers."""

    async def check(_fabric: Fabric, server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        seen = log_states(mine)
        assert await peer.command("close", id="me") == "closed"
        await peer.hears("close")

        assert seen == [SocketState.CLOSED]
        assert not server.sockets

    run(check)


@pytest.mark.parametrize("end", [ServerSocket.close, ServerSocket.end])
def test_a_server_can_close_one_client(end: Callable[[ServerSocket], Awaitable[None]]) -> None:
    async def check(_fabric: Fabric, server: SocketServer, peer: Peer, mine: ServerSocket) -> None:
        await end(mine)
        await end(mine)
        closing = await peer.hears("close")

        assert (closing.data, closing.reply_subject) == (None, None)
        assert not server.sockets

    run(check)


def test_the_end_of_a_server_without_a_connection_does_not_wait_for_one() -> None:
    async def check(fabric: Fabric, _server: SocketServer, _: Peer, mine: ServerSocket) -> None:
        await fabric.stop()
        before_s = asyncio.get_running_loop().time()
        await mine.end(timeout_s=3)

        assert mine.state is SocketState.CLOSED
        assert asyncio.get_running_loop().time() <= before_s + 3

    run(check)


def test_what_a_client_sends_before_it_is_accepted_is_bounded() -> None:
    async def check(fabric: Fabric) -> None:
        heard: list[Any] = []
        async with SocketServer(await fabric.client(), "s", server_id="0") as server:
            server.connections.connect(
                lambda new: new.requests.connect(lambda request: heard.append(request.data))
            )
            client = await fabric.client()
            connecting = asyncio.create_task(
                client.request(TO_SERVER, headers={"CN-SocketCmd": "connect"})
            )
            await virtual_time.settle()
            for number in range(MAX_WAITING + 100):
                client.publish_sync(TO_SERVER, number, headers={"CN-Reply": "_INBOX.nobody"})
            await connecting
            await virtual_time.settle()

            assert heard == list(range(MAX_WAITING))

    in_process(check)
