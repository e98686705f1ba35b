"""conat-core §14, §21 "Sockets"; SPEC Z. Both ends against each other, on two carriers."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import InvalidSubject, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed, SocketError, SocketFull
from cocalc_jupyter_ext.conat.sockets.server_socket import ServerSocket
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketSettings, SocketState

from ...support import virtual_time
from ...support.conat_sockets import (
    CARRIERS,
    Check,
    Fabric,
    echo,
    log_states,
    subscriptions,
    take,
    until,
)

on_both_carriers = pytest.mark.parametrize("run", CARRIERS)
in_process = CARRIERS[0]
Run = Callable[[Check], None]
READY, CLOSED = SocketState.READY, SocketState.CLOSED
CONNECTING, DISCONNECTED = SocketState.CONNECTING, SocketState.DISCONNECTED


async def accepted(server: SocketServer) -> ServerSocket:
    """Return the next socket that a server accepts."""
    socket: asyncio.Future[ServerSocket] = asyncio.get_running_loop().create_future()

    def note(new: ServerSocket) -> None:
        if not socket.done():
            socket.set_result(new)

    stop = server.connections.connect(note)
    try:
        return await socket
    finally:
        stop()


@on_both_carriers
@pytest.mark.parametrize("count", [1, 3, 50])
def test_an_echo_returns_everything_in_order(run: Run, count: int) -> None:
    """§21 basic: echo of one, three (in order) and 50 messages."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "echo") as server,
            ClientSocket(await fabric.client(), "echo") as socket,
        ):
            server.connections.connect(echo)
            messages = socket.messages()
            for number in range(count):
                socket.write({"number": number})

            assert await take(messages, count) == [{"number": each} for each in range(count)]

    run(check)


@on_both_carriers
def test_a_client_that_comes_first_is_served_when_the_server_comes(run: Run) -> None:
    """§21 basic: a queued write with headers and a pending request are both served."""

    async def check(fabric: Fabric) -> None:
        async with ClientSocket(await fabric.client(), "late") as socket:
            messages = socket.messages()
            socket.write("early", headers={"my": "header"})
            request = asyncio.create_task(socket.request("question", headers={"h": 1}))
            await until(socket, CONNECTING)
            server = SocketServer(await fabric.client(), "late")
            server.connections.connect(echo)
            asked: list[Any] = []
            server.connections.connect(
                lambda new: new.requests.connect(lambda request: asked.append(request.headers))
            )
            async with server:
                assert await anext(messages) == ("early", {"my": "header"})
                assert (await request).data == "question"
                assert (await request).headers == {"echo": True}
                assert asked[0]["h"] == 1

    run(check)


def test_what_the_server_says_before_the_client_is_ready_is_kept() -> None:
    """§14.4 step 5; the recorded server writes before it confirms the connection."""

    async def check(fabric: Fabric) -> None:
        answers: list[asyncio.Task[Any]] = []

        def welcome(new: ServerSocket) -> None:
            new.write("welcome")
            answers.append(asyncio.create_task(new.request("who?")))

        async with SocketServer(await fabric.client(), "s") as server:
            server.connections.connect(welcome)
            socket = ClientSocket(await fabric.client(), "s")
            echo(socket)
            messages = socket.messages()
            socket.start()

            assert await take(messages, 1) == ["welcome"]
            assert (await answers[0]).data == "who?"
            assert asyncio.get_running_loop().time() < 1
            await socket.close()

    in_process(check)


def test_reply_headers_may_be_a_plain_string() -> None:
    """§21 basic."""

    async def check(fabric: Fabric) -> None:
        one, two = await fabric.client(), await fabric.client()
        async with SocketServer(one, "s") as server, ClientSocket(two, "s") as socket:
            server.connections.connect(
                lambda new: new.requests.connect(
                    lambda request: one.respond_sync(request, "data", headers="text")
                )
            )
            reply = await socket.request()

            assert (reply.data, reply.headers) == ("data", "text")

    in_process(check)


def test_no_more_is_written_than_the_queue_holds() -> None:
    """§21 basic: maxQueueSize 3: of five early writes two fail, three are queued."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(max_queue=3)
        async with ClientSocket(await fabric.client(), "full", settings=settings) as socket:
            refused = 0
            for number in range(5):
                try:
                    socket.write(number)
                except SocketFull:
                    refused += 1
            assert refused == 2
            async with SocketServer(await fabric.client(), "full", settings=settings) as server:
                arrived = (await accepted(server)).messages()
                assert await take(arrived, 3) == [0, 1, 2]
                await socket.wait_until_drained()
                socket.write("again")
                assert await take(arrived, 1) == ["again"]

    in_process(check)


def test_the_server_may_not_write_more_than_the_queue_holds_either() -> None:
    """§21 basic: the server side refuses the fourth unacknowledged write."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(max_queue=3)
        async with (
            SocketServer(await fabric.client(), "full", settings=settings) as server,
            ClientSocket(await fabric.client(), "full") as socket,
        ):
            messages = socket.messages()
            mine = await accepted(server)
            for number in range(3):
                mine.write(number)
            with pytest.raises(SocketFull, match="WRITE FAILED"):
                mine.write(3)
            assert await take(messages, 3) == [0, 1, 2]
            await mine.wait_until_drained()
            mine.write(3)

            assert await take(messages, 1) == [3]

    in_process(check)


def test_an_unread_message_is_not_acknowledged() -> None:
    """SPEC Z10: a slow reader slows the writer down instead of filling the memory."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(max_queue=3)
        async with (
            SocketServer(await fabric.client(), "slow") as server,
            ClientSocket(await fabric.client(), "slow", settings=settings) as socket,
        ):
            server.connections.connect(lambda new: readers.append(new.messages()))
            readers: list[Any] = []
            await socket.wait_until_ready()
            for number in range(3):
                socket.write(number)
            with pytest.raises(RequestTimeout):
                await socket.wait_until_writable(300)
            assert await take(readers[0], 1) == [0]
            await socket.send(3)
            await asyncio.sleep(1)
            readers[0].close()
            await socket.wait_until_drained(1)

    in_process(check)


@on_both_carriers
def test_when_the_server_closes_the_client_is_closed_within_a_second(run: Run) -> None:
    """§21 basic."""

    async def check(fabric: Fabric) -> None:
        server = SocketServer(await fabric.client(), "s")
        async with server, ClientSocket(await fabric.client(), "s") as socket:
            seen = log_states(socket)
            await socket.wait_until_ready()
            await server.close()
            async with asyncio.timeout(1):
                await until(socket, CLOSED)

            assert seen[-2:] == [READY, CLOSED]
            with pytest.raises(SocketClosed, match="closed by the server"):
                socket.write("late")
            with pytest.raises(SocketClosed) as failure:
                socket.start()
            assert failure.value.code == "EPIPE"

    run(check)


def test_a_manual_disconnect_shows_in_the_states_and_loses_nothing() -> None:
    """§21 basic: states disconnected, connecting, ready are seen; a write meanwhile arrives."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            arrived = (await accepted(server)).messages()
            await socket.wait_until_ready()
            seen = log_states(socket)
            socket.disconnect()
            socket.write("meanwhile")

            assert await take(arrived, 1) == ["meanwhile"]
            assert seen == [DISCONNECTED, CONNECTING, READY]

    in_process(check)


def test_without_reconnection_a_socket_stays_disconnected_until_it_is_started() -> None:
    """§21 basic."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(reconnection=False)
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s", settings=settings) as socket,
        ):
            server.connections.connect(echo)
            await socket.wait_until_ready()
            socket.disconnect()
            socket.write("kept")
            await asyncio.sleep(20)
            assert socket.state is DISCONNECTED
            with pytest.raises(RequestTimeout, match="not ready"):
                await socket.request(timeout_s=1)
            messages = socket.messages()
            socket.start()
            socket.start()

            assert await take(messages, 1) == ["kept"]

    in_process(check)


def test_channels_are_sockets_of_their_own() -> None:
    """§21 basic: channels work."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            server.channel("one") as channel,
            ClientSocket(await fabric.client(), "s") as socket,
            socket.channel("one") as mine,
        ):
            server.connections.connect(lambda new: new.write("main"))
            channel.connections.connect(lambda new: new.write("channel"))
            assert mine.subject == "s.one"
            both = [socket.messages(), mine.messages()]

            assert [await take(each, 1) for each in both] == [["main"], ["channel"]]

    in_process(check)


@on_both_carriers
def test_requests_go_in_both_directions_with_their_headers(run: Run) -> None:
    """§21 basic: requests in both directions; headers are passed and returned."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            echo(socket)
            mine = await accepted(server)
            echo(mine)
            there, back = await socket.request("a"), await mine.request("b", headers={"x": 1})

            assert [there.data, back.data] == ["a", "b"]
            assert there.headers == back.headers == {"echo": True}

    run(check)


def test_a_request_may_have_many_answers() -> None:
    """§21 basic: requestMany over a socket yields ten answers in order."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):

            def answer(new: ServerSocket) -> None:
                def ten(request: Any) -> None:
                    for number in range(10):
                        new.respond_sync(request, number)

                new.requests.connect(ten)

            server.connections.connect(answer)
            got = [reply.data async for reply in socket.request_many(max_wait_s=1)]

            assert got == list(range(10))

    in_process(check)


def test_who_waits_for_an_answer_is_told_when_the_socket_closes() -> None:
    async def check(fabric: Fabric) -> None:
        server = SocketServer(await fabric.client(), "s")
        async with server, ClientSocket(await fabric.client(), "s") as socket:
            mine = await accepted(server)
            got_request = asyncio.Event()
            mine.requests.connect(lambda _: got_request.set())
            request = asyncio.create_task(socket.request("unanswered"))
            many = asyncio.create_task(anext(socket.request_many("unanswered")))
            await got_request.wait()
            await server.close()

            for each in (request, many):
                with pytest.raises(SocketClosed):
                    await each
            assert asyncio.get_running_loop().time() < 1

    in_process(check)


@on_both_carriers
def test_a_restart_of_the_router_is_survived_with_every_write(run: Run) -> None:
    """§21 restarts: the same socket carries data and requests on, without ever closing; writes
    just before, during and after the restart arrive in order, in both directions."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            mine = await accepted(server)
            await socket.wait_until_ready()
            seen = log_states(socket)
            seen_by_server = log_states(mine)
            ends = [(socket, mine.messages()), (mine, socket.messages())]
            for end, _arrived in ends:
                end.write("before")
            await fabric.stop()
            for end, _arrived in ends:
                end.write("meanwhile")
            await fabric.start()
            await socket.wait_until_ready()
            for end, _arrived in ends:
                end.write("after")
            for _end, arrived in ends:
                assert await take(arrived, 3) == ["before", "meanwhile", "after"]
            echo(mine)

            assert (await socket.request("still there")).data == "still there"
            assert CLOSED not in seen + seen_by_server
            assert server.sockets == {socket.id: mine}
            await socket.wait_until_drained()
            await mine.wait_until_drained()

    run(check)


def test_a_client_that_alone_lost_its_connection_is_back_at_once() -> None:
    """§10.2 step 2: the answers to its first requests must find the inbox restored."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            server.connections.connect(echo)
            await socket.wait_until_ready()
            await fabric.transports[1].cut()
            socket.write("kept")
            arrived = socket.messages()

            assert (await socket.request("q")).data == "q"
            assert asyncio.get_running_loop().time() < 2
            assert await take(arrived, 1) == ["kept"]

    in_process(check)


@on_both_carriers
def test_many_writes_around_several_restarts_arrive_once_and_in_order(run: Run) -> None:
    """conat-core §21, Sockets, restarts: writes before and after the restart arrive in order."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            mine = await accepted(server)
            arrived = mine.messages()

            async def write_all() -> None:
                for number in range(2000):
                    await socket.send(number)
                    if number % 100 == 0:
                        await asyncio.sleep(0.01)

            writing = asyncio.create_task(write_all())
            got = await take(arrived, 300)
            await fabric.restart()
            got += await take(arrived, 700)
            await fabric.restart()
            got += await take(arrived, 1000)
            await writing

            assert got == list(range(2000))

    run(check)


def test_a_server_that_does_not_know_the_socket_any_more_closes_it() -> None:
    """SPEC Z13: the process behind the same server id was replaced; nothing is lost silently."""

    async def check(fabric: Fabric) -> None:
        process = await fabric.client()
        async with ClientSocket(await fabric.client(), "s") as socket:
            await SocketServer(process, "s", server_id="0").start()
            await socket.wait_until_ready()
            await fabric.lose(process)
            async with SocketServer(await fabric.client(), "s", server_id="0"):
                await until(socket, CLOSED)

    in_process(check)


def test_a_server_that_is_replaced_by_one_with_another_id_closes_the_socket() -> None:
    async def check(fabric: Fabric) -> None:
        process = await fabric.client()
        async with ClientSocket(await fabric.client(), "s") as socket:
            await SocketServer(process, "s", server_id="old").start()
            await socket.wait_until_ready()
            await fabric.lose(process)
            async with SocketServer(await fabric.client(), "s", server_id="new"):
                await until(socket, CLOSED)
                with pytest.raises(SocketClosed, match="its server 'old' is gone"):
                    socket.write(1)

    in_process(check)


def test_after_a_restart_a_client_goes_back_to_its_own_server() -> None:
    """§14.7: the original may come to another server, which then makes it close."""

    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as one,
            SocketServer(await fabric.client(), "s") as two,
        ):
            sockets = [ClientSocket(await fabric.client(), "s") for _ in range(4)]
            for socket in sockets:
                socket.start()
                await socket.wait_until_ready()
            homes = [socket.server_id for socket in sockets]
            known = dict(one.sockets) | dict(two.sockets)
            await fabric.restart()
            assert {socket.state for socket in sockets} == {DISCONNECTED}
            for socket in sockets:
                await socket.wait_until_ready()

            assert [socket.server_id for socket in sockets] == homes
            assert dict(one.sockets) | dict(two.sockets) == known
            for socket in sockets:
                await socket.close()

    in_process(check)


def test_a_client_can_be_told_which_server_to_take() -> None:
    async def check(fabric: Fabric) -> None:
        asked: list[str] = []

        async def choose(subject: str) -> str:
            asked.append(subject)
            if len(asked) == 1:
                raise ValueError("not yet")
            return "1"

        client = await fabric.client()
        async with (
            SocketServer(client, "s", server_id="0"),
            SocketServer(client, "s", server_id="1") as chosen,
            ClientSocket(await fabric.client(), "s", choose_server=choose) as socket,
        ):
            await socket.wait_until_ready()
            assert list(chosen.sockets) == [socket.id]
            assert asked == ["s", "s"]

    in_process(check)


def test_a_server_that_does_not_answer_pings_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """§21 keep-alive: it stays ready, and becomes disconnected when the server ignores commands."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(keep_alive_s=0.1, keep_alive_timeout_s=0.05)
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s", settings=settings) as socket,
        ):
            await socket.wait_until_ready()
            seen = log_states(socket)
            await asyncio.sleep(60)
            assert seen == []
            monkeypatch.setattr(server.sockets[socket.id], "handle", lambda _message: None)
            async with asyncio.timeout(0.2):
                await until(socket, DISCONNECTED)

    in_process(check)


def test_an_unconfirmed_end_still_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(fabric: Fabric) -> None:
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(await fabric.client(), "s") as socket,
        ):
            await socket.wait_until_ready()
            monkeypatch.setattr(server.sockets[socket.id], "handle", lambda _message: None)
            await socket.end(timeout_s=3)

            assert asyncio.get_running_loop().time() == 3
            assert socket.state is CLOSED

    in_process(check)


@on_both_carriers
def test_the_end_of_a_client_leaves_nothing_behind(run: Run) -> None:
    """§21 basic: the map becomes empty after the client closes. SPEC Z15: nothing is left."""

    async def check(fabric: Fabric) -> None:
        server_client, client = await fabric.client(), await fabric.client()
        async with SocketServer(server_client, "s") as server:
            empty = asyncio.Event()
            server.connections.connect(lambda new: new.states.connect(lambda _: empty.set()))
            for end in (ClientSocket.close, ClientSocket.end):
                empty.clear()
                tasks = asyncio.all_tasks()
                socket = ClientSocket(client, "s")
                socket.start()
                await socket.wait_until_ready()
                socket.write(1)
                assert list(server.sockets) == [socket.id]
                await end(socket)
                await end(socket)
                await empty.wait()

                assert server.sockets == {}
                await client.publish("nobody")  # behind the unsubscribe
                assert subscriptions(fabric.broker) == {
                    "s.server.status",
                    f"s.server.{server_client.id}.*",
                }
                await virtual_time.settle()
                assert {each.get_name() for each in asyncio.all_tasks() - tasks} == set()
        assert server.state is CLOSED

    run(check)


def test_a_socket_closes_with_its_client() -> None:
    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        async with SocketServer(await fabric.client(), "s") as server:
            socket = ClientSocket(client, "s")
            socket.start()
            await socket.wait_until_ready()
            messages = socket.messages()
            mine = server.sockets[socket.id]
            await client.close()

            assert socket.state is CLOSED
            assert [each async for each in messages] == []
            async with asyncio.timeout(1):
                await until(mine, CLOSED)
            await socket.close()
            assert len(client.closing) == len(client.states) == 0

    in_process(check)


def test_a_server_that_has_too_many_sockets_says_so_and_takes_the_next_when_one_ends() -> None:
    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(max_sockets=1)
        async with (
            SocketServer(await fabric.client(), "s", settings=settings) as server,
            ClientSocket(await fabric.client(), "s") as first,
        ):
            await first.wait_until_ready()
            async with ClientSocket(await fabric.client(), "s") as second:
                with pytest.raises(RequestTimeout):
                    await second.wait_until_ready(30)
                await first.end()
                await second.wait_until_ready(30)

                assert list(server.sockets) == [second.id]

    in_process(check)


def test_a_client_that_is_not_allowed_to_connect_tries_again_ever_more_slowly() -> None:
    async def check(fabric: Fabric) -> None:
        tries: list[float] = []

        async def refuse(_subject: str) -> str:
            tries.append(asyncio.get_running_loop().time())
            raise RemoteError("permission denied", 403)

        async with ClientSocket(await fabric.client(), "s", choose_server=refuse):
            await asyncio.sleep(100)

        waits = [later - earlier for earlier, later in pairwise(tries)]
        assert waits[0] == pytest.approx(0.5)
        assert waits[-1] == pytest.approx(10)

    in_process(check)


@pytest.mark.parametrize("answer", [None, {}, {"id": 7}, {"id": "a.b"}])
def test_a_server_without_a_usable_id_is_not_connected_to(answer: object) -> None:
    async def check(fabric: Fabric) -> None:
        server = await fabric.client()
        asked = await server.subscribe("s.server.status")
        async with ClientSocket(await fabric.client(), "s") as socket:
            server.respond_sync(await anext(asked), answer)
            await until(socket, DISCONNECTED)
            with pytest.raises(SocketError):
                socket.peer_subject  # noqa: B018 - it is the access that raises

    in_process(check)


@pytest.mark.parametrize(("subject", "socket_id"), [("a.*", None), ("", None), ("a", "b.c")])
def test_a_client_needs_a_concrete_subject_and_an_id_of_one_token(
    subject: str, socket_id: str | None
) -> None:
    async def check(fabric: Fabric) -> None:
        with pytest.raises(InvalidSubject):
            ClientSocket(await fabric.client(), subject, socket_id=socket_id)

    in_process(check)
