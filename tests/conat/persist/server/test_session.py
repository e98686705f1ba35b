"""One socket of a persist server, as a bare socket sees it (conat-sync §1.4 to §1.9)."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import StoreFull
from cocalc_jupyter_ext.conat.persist.server import session
from cocalc_jupyter_ext.conat.persist.server.admission import UsageLimits
from cocalc_jupyter_ext.conat.persist.server.service import PersistSettings
from cocalc_jupyter_ext.conat.sockets.client_socket import ClientSocket
from cocalc_jupyter_ext.conat.sockets.errors import SocketFull
from cocalc_jupyter_ext.conat.sockets.states import SocketState

from ....support.persist import World, open_socket, persist_world
from ....support.waiting import until

ID = "00000000-0000-4000-8000-000000000001"
DEMO = {"storage": {"path": "hub/demo"}}


@pytest.fixture
async def socket(world: World) -> ClientSocket:
    return await open_socket(world, DEMO)


async def ask(socket: ClientSocket, command: str, value: object = None, **headers: Any) -> Message:
    return await socket.request(value, headers={"cmd": command, **headers}, timeout_s=10)


def listen(socket: ClientSocket) -> list[tuple[Any, dict[str, Any]]]:
    heard: list[tuple[Any, dict[str, Any]]] = []
    socket.data.connect(lambda value, headers: heard.append((value, headers)))
    return heard


async def test_a_miss_has_no_headers_and_a_hit_has_number_and_time(socket: ClientSocket) -> None:
    """conat-sync §8.3 line 4.

    conat-sync §7.2: number, time, headers, key.
    """
    await ask(socket, "set", None)

    hit, miss = await ask(socket, "get", seq=1), await ask(socket, "get", seq=2)

    assert (hit.raw, set(hit.headers or {})) == (b"\xc0", {"seq", "time"})
    assert (miss.raw, miss.headers) == (b"\xc0", None)


async def test_an_empty_stream_is_only_an_end(socket: ClientSocket) -> None:
    """conat-sync §8.3: getAll: counter from 0, nil at the end."""
    replies = socket.request_many(headers={"cmd": "getAll"})

    end = await anext(replies)

    assert (end.data, end.headers) == (None, {"seq": 0})
    await replies.aclose()


@pytest.mark.parametrize(
    ("command", "error", "code"),
    [
        ("nonsense", "unknown command 'nonsense'", 404),
        ("sqlite", "sqlite command not currently supported", None),
        ("setMany", "the payload of setMany must be a list", None),
    ],
)
async def test_what_cannot_be_done_is_answered(
    socket: ClientSocket, command: str, error: str, code: int | None
) -> None:
    """conat-sync §7.10: akv and dkv see each other; beyond the limit; the server refuses SQL."""
    reply = await ask(socket, command)

    assert reply.data is None
    assert error in reply.headers["error"]  # type: ignore[index, call-overload, operator]
    assert reply.headers.get("code") == code  # type: ignore[union-attr]


async def test_commands_before_the_selection_wait_for_it_and_keep_their_order(
    world: World,
) -> None:
    """conat-sync §1.4 point 6."""
    socket = await open_socket(world, None)
    early = [asyncio.create_task(ask(socket, "set", n)) for n in range(5)]
    await until(lambda: len(sessions(world)[0]._early) == 5)
    socket.write(DEMO)

    assert [(await each).data["seq"] for each in early] == [1, 2, 3, 4, 5]


def sessions(world: World) -> list[session.Session]:
    return list(world.services[0]._sessions)


async def test_a_command_waits_as_long_as_it_says_and_then_fails(world: World) -> None:
    socket = await open_socket(world, None)

    reply = await ask(socket, "keys", timeout=10)

    assert reply.headers == {"error": "Error: timeout - the stream is not open yet", "code": 408}


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        ({"storage": {"path": f"accounts/{ID}/x"}}, 403),
        ({"storage": {"path": "projects/x/"}}, 403),
        ({"storage": {}}, None),
        ("nonsense", None),
    ],
)
async def test_a_refused_selection_is_told_once_and_answers_every_command(
    world: World, selection: Any, code: int | None
) -> None:
    """conat-sync §8.3: the selection; failures as nil with headers."""
    project = "persist.project-00000000-0000-4000-8000-000000000000"
    socket = await open_socket(world, None, project)
    heard = listen(socket)
    early = asyncio.create_task(ask(socket, "keys"))
    socket.write(selection)

    error = (await early).headers
    await until(lambda: bool(heard))

    assert heard == [(None, error)]
    assert error.get("code") == code  # type: ignore[union-attr]
    assert (await ask(socket, "set", 1)).headers == error


async def test_later_selections_are_ignored(world: World, socket: ClientSocket) -> None:
    socket.write({"storage": {"path": "hub/other"}})
    await ask(socket, "set", 1)

    assert world.services[0].open_streams == 1
    other = await open_socket(world, {"storage": {"path": "hub/other"}})
    assert (await ask(other, "inventory")).data["count"] == 0


async def test_only_so_many_sockets_of_one_owner_are_served(tmp_path: Path) -> None:
    """conat-sync §1.9: also a socket that was refused counts until it closes."""
    settings = PersistSettings(UsageLimits(per_scope=1))
    async with persist_world(tmp_path, settings=settings) as world:
        first = await open_socket(world, {"storage": {"path": "../x"}})
        await ask(first, "keys")
        second = await open_socket(world, DEMO)
        refusal = (await ask(second, "keys")).headers
        assert refusal["code"] == 429  # type: ignore[index, call-overload]

        await first.close()
        await until(lambda: len(world.services[0]._sessions) == 1)
        third = await open_socket(world, DEMO)

        assert (await ask(third, "keys")).data == []


async def test_sockets_of_clients_that_left_without_a_word_make_room(tmp_path: Path) -> None:
    """conat-sync §1.9, §1.10: a page that is reloaded comes back with new sockets."""
    settings = PersistSettings(UsageLimits(per_scope=4))
    async with persist_world(tmp_path, settings=settings) as world:
        (service,) = world.services
        stays = await open_socket(world, DEMO)
        await ask(stays, "set", 1)
        for _reload in range(3):
            pages = [await open_socket(world, DEMO) for _ in range(3)]
            for page in pages:
                assert (await ask(page, "inventory")).data["count"] == 1
            for peer in list(world.broker.peers.values())[-3:]:
                peer.close(may_return=False)
        assert service.open_sockets == 4

        pages = await asyncio.gather(*(open_socket(world, DEMO) for _ in range(3)))
        for page in [stays, *pages]:
            assert (await ask(page, "inventory")).data["count"] == 1
        late = await open_socket(world, DEMO)
        assert (await ask(late, "keys")).headers["code"] == 429  # type: ignore[index, call-overload]


async def test_the_changefeed_is_on_before_it_is_confirmed(
    world: World, socket: ClientSocket
) -> None:
    """conat-sync §1.6; asking twice changes nothing.

    conat-sync §8.3: changefeed on before it is confirmed; msgID; no deletion for overwrites.
    """
    heard = listen(socket)
    assert [(await ask(socket, "changefeed")).data for _ in range(2)] == ["created", "created"]

    other = await open_socket(world, DEMO)
    await ask(other, "set", 5, msgID="m")
    await until(lambda: bool(heard))

    ((events, headers),) = heard
    assert headers == {"seq": 0}
    assert [(event["seq"], event["raw"], event["msgID"]) for event in events] == [(1, b"\x05", "m")]


async def test_the_selection_may_ask_for_the_changefeed(world: World) -> None:
    socket = await open_socket(world, {**DEMO, "changefeed": True})
    heard = listen(socket)

    await ask(socket, "set", 5)

    await until(lambda: len(heard) == 1)


async def test_a_subscriber_that_does_not_read_is_closed_and_nobody_else_notices(
    world: World, socket: ClientSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """conat-sync §1.6, the advice on its last quirk."""
    lazy = await open_socket(world, {**DEMO, "changefeed": True})
    await ask(lazy, "keys")
    full = world.services[0]._sockets.sockets[lazy.id]
    monkeypatch.setattr(full, "write", overflow)

    reply = await ask(socket, "set", 1)

    assert reply.data["seq"] == 1
    await until(lambda: full.state is SocketState.CLOSED)
    assert (await ask(socket, "set", 2)).data["seq"] == 2


def overflow(*_: object, **__: object) -> None:
    raise SocketFull(1000)


async def test_reading_much_ends_with_the_socket(
    world: World, socket: ClientSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC H10: nobody waits for a client that is gone."""
    await ask(socket, "set", 1)
    (served,) = sessions(world)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(served._server.client, "respond", never)
    replies = socket.request_many(headers={"cmd": "getAll"})
    reading = asyncio.create_task(anext(replies))
    await until(lambda: bool(served._reading))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)

    await socket.close()

    await until(lambda: world.services[0].open_streams == 0)


async def test_a_socket_that_closes_gives_its_stream_up(world: World, socket: ClientSocket) -> None:
    await ask(socket, "keys")

    await socket.close()

    await until(lambda: world.services[0].open_streams == 0)


async def test_too_many_commands_at_once_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_WAITING", 2)
    socket = await open_socket(world, None)
    waiting = [asyncio.create_task(ask(socket, "keys")) for _ in range(2)]
    await until(lambda: len(sessions(world)[0]._early) == 2)

    reply = await ask(socket, "keys")

    assert reply.headers["code"] == 429  # type: ignore[index, call-overload]
    socket.write(DEMO)
    assert [(await each).data for each in waiting] == [[], []]


class BrokenStore(MemoryStore):
    """A store with a bug."""

    def keys(self) -> list[str]:
        raise ZeroDivisionError("a bug")


async def test_a_bug_is_answered_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with persist_world(tmp_path, open_store=lambda _options: BrokenStore()) as world:
        socket = await open_socket(world, DEMO)

        reply = await ask(socket, "keys")

    assert reply.headers == {"error": "Error: a command failed: a bug"}
    assert "ZeroDivisionError" in caplog.text


async def test_what_was_asked_before_the_service_ends_is_done(tmp_path: Path) -> None:
    may_go = threading.Event()

    class SlowStore(MemoryStore):
        def keys(self) -> list[str]:
            may_go.wait(10)
            return super().keys()

    async with persist_world(tmp_path, open_store=lambda _options: SlowStore()) as world:
        socket = await open_socket(world, DEMO)
        await ask(socket, "set", 1, key="k")
        asking = asyncio.create_task(ask(socket, "keys"))
        await until(lambda: bool(sessions(world)[0]._tasks))
        closing = asyncio.create_task(world.services[0].close())
        await asyncio.sleep(0)
        may_go.set()

        assert (await asking).data == ["k"]
        await closing


async def test_a_service_that_ends_asks_to_try_again(world: World, socket: ClientSocket) -> None:
    await ask(socket, "keys")
    await sessions(world)[0].close()

    reply = await ask(socket, "keys")

    assert reply.headers["code"] == 503  # type: ignore[index, call-overload]


class SlowOpening:
    """Opens streams when it is told to, and can fail."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.error: Exception | None = None
        self.stores: list[MemoryStore] = []

    def __call__(self, _options: object) -> MemoryStore:
        self.may_go.wait(10)
        if self.error is not None:
            raise self.error
        self.stores.append(MemoryStore())
        return self.stores[-1]


@pytest.mark.parametrize("error", [None, StoreFull("the disk is full")])
async def test_a_socket_that_closes_while_its_stream_is_opened_leaves_nothing_open(
    tmp_path: Path, error: Exception | None
) -> None:
    opening = SlowOpening()
    opening.error = error
    async with persist_world(tmp_path, open_store=opening) as world:
        socket = await open_socket(world, DEMO)
        await until(lambda: world.services[0].open_streams == 1)
        (served,) = sessions(world)
        await socket.close()
        await until(lambda: served._closing is not None)
        opening.may_go.set()

        await until(lambda: not sessions(world))

        assert world.services[0].open_streams == 0
        assert served._server.admission.total == 0


async def test_a_stream_that_cannot_be_opened_is_told_with_its_reason(tmp_path: Path) -> None:
    opening = SlowOpening()
    opening.error = StoreFull("the disk is full")
    opening.may_go.set()
    async with persist_world(tmp_path, open_store=opening) as world:
        socket = await open_socket(world, DEMO)

        assert (await ask(socket, "keys")).headers == {"error": "Error: the disk is full"}
