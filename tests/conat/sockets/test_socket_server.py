"""conat-core §14.1, §14.4, §14.8, §21 "Sockets"; SPEC Z2, Z3, Z14."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ConatError, NoSubscribers, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed, SocketFull
from cocalc_jupyter_ext.conat.sockets.server_socket import ServerSocket
from cocalc_jupyter_ext.conat.sockets.socket_server import SocketServer
from cocalc_jupyter_ext.conat.sockets.states import SocketSettings, SocketState

from ...support import vectors, virtual_time
from ...support.conat_peers import DenyPrefix, make_client
from ...support.conat_sockets import CARRIERS, Fabric, echo, subscriptions, take, until

in_process = CARRIERS[0]
CLOSED, READY = SocketState.CLOSED, SocketState.READY


async def connected(fabric: Fabric, subject: str, **options: Any) -> ClientSocket:
    """Return a client socket that is ready."""
    socket = ClientSocket(await fabric.client(), subject, **options)
    socket.start()
    await socket.wait_until_ready()
    return socket


async def close(*sockets: ClientSocket) -> None:
    for socket in sockets:
        await socket.close()


def test_clients_are_independent_and_a_broadcast_reaches_all() -> None:
    """§21 basic: two clients are independent; server write reaches both. SPEC Z14: with headers.

    conat-core §20: a broadcast keeps its headers.
    """

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s") as server:
            server.connections.connect(echo)
            sockets = [await connected(fabric, "s") for _ in range(2)]
            readers = [socket.messages() for socket in sockets]
            for number, socket in enumerate(sockets):
                socket.write(number)
            assert [await take(each, 1) for each in readers] == [[0], [1]]
            server.write("all", headers={"h": 1})

            assert [await anext(each) for each in readers] == [("all", {"h": 1})] * 2
            assert set(server.sockets) == {socket.id for socket in sockets}
            await close(*sockets)

    in_process(check)


def test_sockets_of_one_client_to_one_subject_are_separate() -> None:
    """§21 basic: different ids and separate traffic; broadcast reaches both."""

    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        async with (
            SocketServer(await fabric.client(), "s") as server,
            ClientSocket(client, "s") as one,
            ClientSocket(client, "s") as two,
        ):
            server.connections.connect(echo)
            readers = [one.messages(), two.messages()]
            await one.wait_until_ready()
            await two.wait_until_ready()
            one.write("one")
            two.write("two")
            assert [await take(each, 1) for each in readers] == [["one"], ["two"]]
            server.write("both")

            assert [await take(each, 1) for each in readers] == [["both"], ["both"]]
            assert one.id != two.id

    in_process(check)


def test_a_burst_of_one_client_displaces_nobody() -> None:
    """§14.2: requests are not repeated, so one that is dropped is waited for in vain."""

    async def check(fabric: Fabric) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        async with SocketServer(await fabric.client(), "s", server_id="0") as server:
            server.connections.connect(
                lambda new: new.requests.connect(lambda each: heard.put_nowait(each.subject))
            )
            sockets = [await connected(fabric, "s") for _ in range(2)]
            flood, other = (await fabric.client(), await fabric.client())
            asked = {"CN-Reply": "_INBOX.nobody"}
            subjects = [f"s.server.0.{socket.id}" for socket in sockets]
            for _ in range(20_000):
                flood.publish_sync(subjects[0], headers=asked)
            other.publish_sync(subjects[1], headers=asked)

            async with asyncio.timeout(5):
                got = [await heard.get() for _ in range(20_001)]
            assert got == [subjects[0]] * 20_000 + [subjects[1]]
            await close(*sockets)

    in_process(check)


def test_who_asks_for_the_server_before_its_inbox_is_there_again_is_told() -> None:
    """§10.4, §14.4: a client that comes back asks before it has subscribed again."""

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s", server_id="here"):
            client = await fabric.client()
            await client.publish("s.server.status", headers={"CN-Reply": "_INBOX.x.1"})
            await asyncio.sleep(1)
            inbox = await client.subscribe("_INBOX.x.*")

            assert (await anext(inbox)).data == {"id": "here"}

    in_process(check)


def test_a_full_socket_does_not_keep_the_others_from_a_broadcast() -> None:
    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(max_queue=1)
        async with SocketServer(await fabric.client(), "s", settings=settings) as server:
            slow, quick = await connected(fabric, "s"), await connected(fabric, "s")
            unread, read = slow.messages(), quick.messages()
            server.write(1)
            assert await take(read, 1) == [1]
            await server.sockets[quick.id].wait_until_drained()
            with pytest.raises(SocketFull):
                server.write(2)

            assert await take(read, 1) == [2]
            assert len(unread) == 1
            await close(slow, quick)

    in_process(check)


def test_all_clients_can_be_asked_at_once_and_errors_are_in_the_place_of_answers() -> None:
    """§21 basic: broadcast request returns all answers."""

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s") as server:
            assert await server.request("anybody?") == []
            sockets = [await connected(fabric, "s") for _ in range(3)]
            for socket in sockets[:2]:
                echo(socket)
            answers = await server.request("q", timeout_s=2)

            assert [each.data for each in answers if isinstance(each, Message)] == ["q", "q"]
            assert isinstance(answers[2], RequestTimeout)
            await close(*sockets)

    in_process(check)


def test_the_first_answer_of_all_clients_wins() -> None:
    """§21 basic: race returns one."""

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s") as server:
            with pytest.raises(NoSubscribers):
                await server.request_first("anybody?")
            sockets = [await connected(fabric, "s") for _ in range(3)]
            with pytest.raises(RequestTimeout):
                await server.request_first("q", timeout_s=1)
            echo(sockets[1])

            assert (await server.request_first("q")).data == "q"
            assert asyncio.get_running_loop().time() < 2
            await close(*sockets)

    in_process(check)


def test_a_server_of_a_pattern_knows_the_concrete_subject() -> None:
    """§21: wildcard subject; five sockets in a row to different concrete subjects."""

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "feeds.*") as server:
            server.connections.connect(echo)
            for number in range(5):
                socket = await connected(fabric, f"feeds.account-{number}")
                messages = socket.messages()
                socket.write(number)
                assert await take(messages, 1) == [number]
                assert server.sockets[socket.id].subject == f"feeds.account-{number}"
                await socket.close()

    in_process(check)


def test_nobody_can_speak_for_a_socket_of_another_subject() -> None:
    """SPEC Z3: whoever knows the id of a foreign socket must not be heard as its owner."""

    async def check(fabric: Fabric) -> None:
        thief = await fabric.client()
        async with SocketServer(await fabric.client(), "feeds.*", server_id="0") as server:
            socket = await connected(fabric, "feeds.owner")
            mine = server.sockets[socket.id]
            heard: list[Any] = []
            mine.data.connect(lambda value, _headers: heard.append(value))
            told = await thief.subscribe(f"feeds.thief.client.{socket.id}")
            stolen = f"feeds.thief.server.0.{socket.id}"
            await thief.publish(stolen, "evil", headers={"CN-SocketSeq": 1})
            await thief.publish(stolen, headers={"CN-SocketCmd": "close"})
            answer = await thief.request(stolen, headers={"CN-SocketCmd": "connect"})

            assert "in use" in answer.data["error"]
            assert (await anext(told)).headers == {"CN-SocketCmd": "close"}
            assert heard == []
            assert dict(server.sockets) == {socket.id: mine}
            assert mine.state is READY
            await socket.close()

    in_process(check)


def test_all_traffic_of_a_client_goes_to_one_server_also_when_another_appears() -> None:
    """§21 basic: two servers on one subject; when that server closes, the client socket closes."""

    async def check(fabric: Fabric) -> None:
        heard: list[str] = []

        async def server() -> SocketServer:
            new = SocketServer(await fabric.client(), "s")

            def listen(socket: ServerSocket) -> None:
                socket.data.connect(lambda _value, _headers: heard.append(new.server_id))
                socket.requests.connect(lambda each: socket.respond_sync(each, new.server_id))

            new.connections.connect(listen)
            await new.start()
            return new

        servers = [await server(), await server()]
        socket = await connected(fabric, "s")
        for number in range(10):
            if number == 5:
                servers.append(await server())
            socket.write(number)
            assert (await socket.request()).data == socket.server_id
        await socket.wait_until_drained()
        assert heard == [socket.server_id] * 10

        for each in servers:
            if each.server_id == socket.server_id:
                await each.end()
        await until(socket, CLOSED)
        for each in servers:
            await each.close()

    in_process(check)


def test_a_client_that_cannot_hear_does_not_delay_another() -> None:
    """§21 basic: isolation per socket id; what the first one sends waits for its turn."""

    async def check(fabric: Fabric) -> None:
        deaf = await fabric.client()
        async with SocketServer(await fabric.client(), "s", server_id="0") as server:
            accepted: list[str] = []
            server.connections.connect(lambda new: accepted.append(new.id))
            heard: list[Any] = []
            server.connections.connect(
                lambda new: new.data.connect(lambda value, _headers: heard.append(value))
            )
            answer = asyncio.create_task(
                deaf.request("s.server.0.deaf", headers={"CN-SocketCmd": "connect"})
            )
            await virtual_time.settle()
            await deaf.publish("s.server.0.deaf", "early", headers={"CN-SocketSeq": 1})
            socket = await connected(fabric, "s")
            assert asyncio.get_running_loop().time() < 1
            assert accepted == [socket.id]
            assert heard == []

            assert (await answer).data == "connected"
            await virtual_time.settle()
            assert accepted == [socket.id, "deaf"]
            assert heard == ["early"]
            await socket.close()

    in_process(check)


def test_what_comes_from_an_unknown_client_is_answered_with_close() -> None:
    """§14.4: anything except connect and close."""

    async def check(fabric: Fabric) -> None:
        async with SocketServer(await fabric.client(), "s", server_id="0"):
            client = await fabric.client()
            told = await client.subscribe("s.client.me")
            await client.publish("s.server.0.me", headers={"CN-SocketCmd": "close"})
            await client.publish("s.server.0.me", "data", headers={"CN-SocketSeq": 1})
            message = await anext(told)

            assert (message.data, message.headers) == (None, {"CN-SocketCmd": "close"})
            command = {"CN-SocketCmd": "close"}
            with pytest.raises(RequestTimeout):
                await client.request("s.server.0.me", headers=command, timeout_s=1)

    in_process(check)


def test_a_server_cannot_start_twice_on_one_client_under_one_id() -> None:
    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        async with SocketServer(client, "s"):
            with pytest.raises(ConatError, match="queue group"):
                await SocketServer(client, "s").start()
            async with SocketServer(client, "s", server_id="another"):
                pass

    in_process(check)


def test_a_server_that_may_not_subscribe_does_not_start_and_leaves_nothing() -> None:
    async def check() -> None:
        broker = Broker(DenyPrefix("s.server.0"))
        async with make_client(broker, "c") as client:
            server = SocketServer(client, "s", server_id="0")
            with pytest.raises(RemoteError, match="permission denied"):
                await server.start()

            assert server.state is CLOSED
            with pytest.raises(SocketClosed):
                await server.start()
            assert subscriptions(broker) == set()
        await broker.stop()

    virtual_time.run(check())


def test_a_server_that_was_given_up_before_it_was_reachable_is_silent() -> None:
    async def check() -> None:
        broker = Broker(DenyPrefix("s", delay_s=10))
        async with make_client(broker, "c") as client:
            server = SocketServer(client, "s")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(server.start(), 1)
            await server.close()
            await asyncio.sleep(30)
            assert subscriptions(broker) == set()
        await broker.stop()

    virtual_time.run(check())


def test_a_closed_server_leaves_no_subscription_and_no_task() -> None:
    """SPEC Z15."""

    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        socket_client = await fabric.client()
        before = asyncio.all_tasks()
        server = SocketServer(client, "s")
        await server.start()
        async with ClientSocket(socket_client, "s") as socket:
            await socket.wait_until_ready()
            await server.close()
            await server.close()
            await until(socket, CLOSED)
        await virtual_time.settle()

        assert server.sockets == {}
        assert subscriptions(fabric.broker) == set()
        assert {each.get_name() for each in asyncio.all_tasks() - before} == set()

    in_process(check)


def test_a_server_closes_with_its_client_and_its_sockets_are_told() -> None:
    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        server = SocketServer(client, "s")
        await server.start()
        socket = await connected(fabric, "s")
        await client.close()
        async with asyncio.timeout(1):
            await until(socket, CLOSED)

        assert server.state is CLOSED
        await server.close()

    in_process(check)


def test_after_a_restart_a_server_answers_once_who_asks_for_servers() -> None:
    """§20: the original answers once more after each reconnect."""

    async def check(fabric: Fabric) -> None:
        client = await fabric.client()
        async with SocketServer(await fabric.client(), "s", server_id="0") as server:
            for _ in range(3):
                await fabric.restart()
                await asyncio.sleep(5)
            assert server.state is READY
            answers = [
                each.data async for each in client.request_many("s.server.status", max_wait_s=1)
            ]

            assert answers == [{"id": "0"}]

    in_process(check)


def test_clients_that_were_silent_for_long_are_dropped_but_answered_pings_count() -> None:
    """§14.6, SPEC Z12: the original drops a silent client although it answers its pings.

    conat-core §20: answered pings are life.
    """

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(keep_alive_s=100_000, dead_scan_s=10, dead_age_s=30)
        silent = SocketSettings(keep_alive_s=100_000)
        async with SocketServer(await fabric.client(), "s", settings=settings) as server:
            socket = await connected(fabric, "s", settings=silent)
            await asyncio.sleep(29)
            assert server.sockets
            await until(socket, CLOSED)
            assert asyncio.get_running_loop().time() < 45
            assert not server.sockets
        settings = SocketSettings(keep_alive_s=25, dead_scan_s=10, dead_age_s=30)
        async with SocketServer(await fabric.client(), "s", settings=settings) as server:
            socket = await connected(fabric, "s", settings=silent)
            await asyncio.sleep(1000)
            assert list(server.sockets) == [socket.id]
            await socket.close()

    in_process(check)


def test_a_client_that_does_not_answer_pings_is_dropped() -> None:
    """§21 keep-alive: it stays ready; when the client's subscription is broken it closes."""

    async def check(fabric: Fabric) -> None:
        settings = SocketSettings(keep_alive_s=0.1, keep_alive_timeout_s=0.05)
        async with SocketServer(await fabric.client(), "s", settings=settings) as server:
            socket = await connected(fabric, "s")
            mine = server.sockets[socket.id]
            first_s = mine.last_heard_s
            await asyncio.sleep(10)
            assert mine.state is READY
            assert mine.last_heard_s > first_s + 9
            socket._tasks.cancel("read")
            async with asyncio.timeout(0.2):
                await until(mine, CLOSED)
            assert not server.sockets
            await socket.close()

    in_process(check)


# The recorded conversation


class Recorder:
    """Notes what a client publishes, without the random parts."""

    def __init__(self, client: Client, names: dict[str, str]) -> None:
        self._names = names
        self.published: list[tuple[str, str, str]] = []
        self._send = client._session.send
        client._session.send = self.send  # type: ignore[method-assign]

    def send(self, event: Any, on_ack: Any = None) -> None:
        if type(event).__name__ == "Publish":
            chunk = event.chunk
            self.published.append(
                normalised(event.subject, chunk.raw, chunk.headers or {}, self._names)
            )
        self._send(event, on_ack)


def normalised(
    subject: str, raw: bytes, headers: Any, names: dict[str, str]
) -> tuple[str, str, str]:
    """Return a message with names in the place of ids."""
    text = "_INBOX" if subject.startswith("_INBOX") else subject
    kept = json.dumps({name: "…" if name == "CN-Reply" else each for name, each in headers.items()})
    payload = raw.decode("latin-1")
    for value, name in names.items():
        text, kept, payload = (each.replace(value, name) for each in (text, kept, payload))
    return text, kept, payload


def recorded(connection: int, names: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for text, *payload in vectors.messages(vectors.load("socket").of(connection, from_client=True)):
        if isinstance(text, str) and '["publish",' in text:
            array = json.loads(text[text.index("[") :])[1]
            assert isinstance(payload[0], bytes)
            yield normalised(array[0], payload[0], array[6] if len(array) > 6 else {}, names)


def test_our_ends_say_what_the_recorded_ones_said() -> None:
    """The whole conversation of ``vectors/socket.json``, to the byte of every message."""

    async def check(fabric: Fabric) -> None:
        server_client, client = await fabric.client(), await fabric.client()
        settings = SocketSettings(keep_alive_s=0.7)
        server = SocketServer(server_client, "term", settings=settings)
        socket = ClientSocket(client, "term", settings=settings)
        names = {server.server_id: "SERVER", socket.id: "CLIENT"}
        ours = [Recorder(server_client, names), Recorder(client, names)]
        server.connections.connect(serve_as_recorded)
        await server.start()
        messages = socket.messages()
        socket.write("one")
        socket.write({"two": 2}, headers={"x": "y"})
        socket.start()
        await take(messages, 2)
        await socket.request("q")
        async for reply in socket.request_many("many"):
            if reply.data is None:
                break
        socket.requests.connect(lambda request: socket.respond_sync(request, "pong"))
        await server.sockets[socket.id].request("ping-me")
        await asyncio.sleep(1)
        await socket.end()
        await server.close()

        theirs = {"H50vHbVayD": "SERVER", "WvV6pDxfUw": "CLIENT"}
        for connection, recorder in enumerate(ours, start=1):
            original, mine = set(recorded(connection, theirs)), set(recorder.published)
            assert mine - original == set()
            # Acknowledgements are coalesced, so not each of theirs is among ours.
            assert all("emitted" in payload for _subject, _headers, payload in original - mine)

    in_process(check)


def serve_as_recorded(socket: ServerSocket) -> None:
    def answer(request: Message) -> None:
        if request.data == "many":
            socket.respond_sync(request, 1)
            socket.respond_sync(request, None)
        else:
            socket.respond_sync(request, f"re:{request.data}")

    def answer_data(value: Any, _headers: dict[str, Any]) -> None:
        text = value if isinstance(value, str) else "[object Object]"
        socket.write(f"echo {text}", headers={"h": 1})

    socket.requests.connect(answer)
    socket.data.connect(answer_data)
