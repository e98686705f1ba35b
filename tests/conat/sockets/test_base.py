"""conat-core §14.2, §14.8; SPEC Z4, Z11, Z15: what both ends have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import CodecError, RequestTimeout
from cocalc_jupyter_ext.conat.sockets.base import BaseSocket
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed, SocketError
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketState

from ...support import virtual_time
from ...support.conat_sockets import CARRIERS, Fabric, echo, take, until

Check = Callable[[BaseSocket, BaseSocket], Awaitable[None]]


def run_from_both_ends(check: Check) -> None:
    """Run a check with each end in the first place."""

    async def work(fabric: Fabric, *, server_first: bool) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            await socket.wait_until_ready()
            ends: tuple[BaseSocket, BaseSocket] = (socket, server.sockets[socket.id])
            await check(*(reversed(ends) if server_first else ends))

    for server_first in (False, True):
        CARRIERS[0](lambda fabric, first=server_first: work(fabric, server_first=first))


@pytest.mark.parametrize("name", ["CN-SocketCmd", "CN-Reply"])
def test_headers_that_mean_something_to_sockets_are_refused(name: str) -> None:
    async def check(end: BaseSocket, _: BaseSocket) -> None:
        with pytest.raises(SocketError, match="reserved"):
            end.write("x", headers={name: "y"})
        with pytest.raises(SocketError, match="reserved"):
            await end.request("x", headers={name: "y"})
        with pytest.raises(SocketError, match="reserved"):
            await anext(end.request_many("x", headers={name: "y"}))

    run_from_both_ends(check)


def test_a_value_that_cannot_be_encoded_takes_no_number() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        messages = other.messages()
        with pytest.raises(CodecError):
            end.write(object())
        end.write("next")

        assert await take(messages, 1) == ["next"]

    run_from_both_ends(check)


def test_every_value_and_its_headers_arrive_unchanged() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        messages = other.messages()
        for value in (None, 0, "ž", b"\x00", [1, {"a": None}], 2.5):
            end.write(value, headers={"h": [1, {"x": None}]})
            assert await anext(messages) == (value, {"h": [1, {"x": None}]})

    run_from_both_ends(check)


def test_a_message_of_many_chunks_is_one_message() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        messages = other.messages()
        big = bytes(20_000_000)
        end.write(big)
        end.write("after")

        assert await take(messages, 2) == [big, "after"]

    run_from_both_ends(check)


def test_several_readers_and_listeners_get_every_message() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        heard: list[Any] = []
        other.data.connect(lambda value, headers: heard.append((value, headers)))
        one, two = other.messages(), other.messages()
        end.write(1)

        assert await take(one, 1) == await take(two, 1) == [1]
        assert heard == [(1, {})]

    run_from_both_ends(check)


def test_a_listener_that_closes_gets_nothing_more() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        heard: list[Any] = []

        def once(value: Any, _headers: Any) -> None:
            heard.append(value)
            other.finish("enough")

        other.data.connect(once)
        end.write(1)
        end.write(2)
        await asyncio.sleep(1)

        assert heard == [1]

    run_from_both_ends(check)


def test_waiting_has_an_end() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        unread = other.messages()
        end.write(1)
        with pytest.raises(RequestTimeout, match="not drained"):
            await end.wait_until_drained(1)
        assert await take(unread, 1) == [1]
        await end.wait_until_drained(1)
        await end.wait_until_writable(1)
        await end.wait_until_ready(1)

    run_from_both_ends(check)


def test_a_closed_socket_refuses_everything_and_says_why() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        waiting = asyncio.create_task(until(other, SocketState.CLOSED))
        reading = asyncio.create_task(anext(end.messages(), "ended"))
        await virtual_time.settle()
        await end.close()
        await end.close()
        await waiting

        assert await reading == "ended"
        assert await anext(end.messages(), "ended") == "ended"
        calls: list[Callable[[], Awaitable[Any]]] = [
            end.request,
            end.wait_until_ready,
            end.wait_until_drained,
            end.wait_until_writable,
            lambda: end.send(1),
            lambda: anext(end.request_many()),
        ]
        for call in calls:
            with pytest.raises(SocketClosed, match="closed on this end"):
                await call()
        with pytest.raises(SocketClosed):
            end.write(1)
        assert [len(each) for each in (end.data, end.states, end.requests, end.drained)] == [0] * 4

    run_from_both_ends(check)


def test_a_request_may_be_encoded_already() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        echo(other)

        assert (await end.request(raw=b'{"a": 1}', encoding=1)).data == {"a": 1}

    run_from_both_ends(check)


def test_a_request_can_be_answered_with_a_wait_for_the_asker() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        answers: list[asyncio.Task[None]] = []
        other.requests.connect(
            lambda request: answers.append(
                asyncio.create_task(other.respond(request, "yes", headers={"h": 1}))
            )
        )
        reply = await end.request()

        assert (reply.data, reply.headers) == ("yes", {"h": 1})
        await asyncio.gather(*answers)

    run_from_both_ends(check)


def test_a_burst_lets_others_have_their_turn() -> None:
    async def check(end: BaseSocket, other: BaseSocket) -> None:
        messages = other.messages()
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count_turns())
        await virtual_time.settle()
        before = turns
        for number in range(900):
            end.write(number)
        assert turns == before
        await take(messages, 900)
        counting.cancel()

        assert turns - before > 900 // 64

    run_from_both_ends(check)
