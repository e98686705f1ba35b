"""The way to a stream, while servers and brokers come and go (conat-sync §1.10, §7.2)."""

import asyncio
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ClientClosed, ConatError, RemoteError
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.client.calls import Calls
from cocalc_jupyter_ext.conat.persist.client.connection import Connection
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient
from cocalc_jupyter_ext.conat.persist.messages import Inventory
from cocalc_jupyter_ext.conat.persist.server.service import PersistService

from ....support.conat_peers import FlakyTransport
from ....support.persist import World, message, persist_world, read
from ....support.waiting import until


async def restart(world: World) -> PersistService:
    await world.services[-1].close()
    return await world.service()


async def succeeds(stream: PersistClient, value: object) -> None:
    """Store a message; calls may fail for a while."""
    async with asyncio.timeout(60):
        while True:
            try:
                await stream.set(message(value, msg_id=str(value)), timeout_s=0.5)
            except ConatError:
                await asyncio.sleep(0.01)
            else:
                return


async def seqs(stream: PersistClient) -> list[int]:
    return [m.seq async for batch in stream.get_all() for m in batch]


async def lose_socket(stream: PersistClient) -> None:
    """Take the socket away; the next one is made at once."""
    connection = stream._connection
    assert connection._socket is not None
    await connection._socket.close()
    await until(lambda: connection._socket is None)


async def test_a_stream_works_again_after_its_server_was_restarted(world: World) -> None:
    """conat-sync §7.2: after a restart of the service reading works again without reopening."""
    stream = await world.stream()
    await stream.set(message(1))

    await restart(world)
    await succeeds(stream, 2)

    assert await seqs(stream) == [1, 2]


async def test_ephemeral_data_is_gone_after_its_server_was_restarted(world: World) -> None:
    """conat-sync §7.2: ephemeral data is gone after a restart; a missing key reads as nothing."""
    stream = await world.stream(ephemeral=True)
    await stream.set(message(1, key="k"))

    await restart(world)
    await succeeds(stream, 2)

    assert await stream.get(key="k") is None


async def test_readers_learn_what_others_stored_while_they_were_away(world: World) -> None:
    """conat-sync §7.2: missed and new writes in order, the missed ones grouped.

    conat-sync §8.4: a new socket after a disconnect, recovery from the watermark.
    """
    stream, other = await world.stream(), await world.stream()
    feed = await stream.changefeed()
    await other.set(message(1))
    assert await read(feed, 1) == [1]
    await lose_socket(stream)
    await other.set_many([message(2), message(3)])

    assert await read(feed, 3) == [2, 3, Reset(Inventory(bytes=3, count=3, seq=3))]
    await other.set(message(4))
    assert await read(feed, 1) == [4]


async def test_a_replica_learns_that_something_was_deleted_while_it_was_away(
    world: World,
) -> None:
    stream, other = await world.stream(), await world.stream()
    feed = await stream.changefeed()
    await other.set_many([message(n) for n in range(3)])
    assert await read(feed, 3) == [1, 2, 3]
    await lose_socket(stream)
    await other.delete(seq=2)

    (reset,) = await read(feed, 1)

    assert isinstance(reset, Reset)
    assert reset.concerns(count=3, last_seq=3)
    assert not reset.concerns(count=2, last_seq=3)


async def test_readers_of_an_ephemeral_stream_start_over_when_it_may_have_begun_anew(
    world: World,
) -> None:
    stream = await world.stream(ephemeral=True)
    feed = await stream.changefeed()
    await stream.set_many([message(n) for n in range(5)])
    assert await read(feed, 5) == [1, 2, 3, 4, 5]

    await restart(world)
    await succeeds(stream, "new")

    assert (await read(feed, 1))[0] == Reset()
    assert await seqs(stream) == [1]


async def test_what_was_loaded_before_the_first_reader_came_is_not_told_again(
    world: World,
) -> None:
    stream, other = await world.stream(), await world.stream()
    await other.set_many([message(n) for n in range(3)])
    feed = await stream.changefeed()
    await lose_socket(stream)

    assert await read(feed, 1) == [Reset(Inventory(bytes=3, count=3, seq=3))]


async def test_a_new_reader_after_a_time_without_any_begins_from_now(world: World) -> None:
    stream, other = await world.stream(), await world.stream()
    (await stream.changefeed()).close()
    await lose_socket(stream)
    await other.set(message(1))
    feed = await stream.changefeed()

    await other.set(message(2))

    assert await read(feed, 1) == [2]


async def test_a_restarted_broker_is_survived_by_streams_and_readers(tmp_path: Path) -> None:
    """conat-sync §7.2: after a router restart reads work again and data is still there."""
    async with persist_world(tmp_path) as world:
        transport = FlakyTransport(world.broker)
        client = await world.stack.enter_async_context(Client(transport, rng=lambda: 0.0))
        stream = await world.stream(client=client)
        feed = await stream.changefeed()
        await stream.set(message(1))
        assert await read(feed, 1) == [1]

        await transport.cut()
        await succeeds(stream, 2)

        assert [each for each in await read(feed, 2) if isinstance(each, int)] == [2]
        assert await seqs(stream) == [1, 2]


async def test_the_end_of_the_client_is_the_end_of_its_streams(world: World) -> None:
    client = await world.client()
    stream = await world.stream(client=client)
    feed = await stream.changefeed()

    await client.close()

    with pytest.raises(ClientClosed):
        await anext(feed)
    with pytest.raises(ClientClosed):
        await stream.keys()


async def test_fetching_what_was_missed_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, other = await world.stream(), await world.stream()
    feed = await stream.changefeed()
    await other.set(message(1))
    assert await read(feed, 1) == [1]
    failures = fail_twice(monkeypatch)
    await lose_socket(stream)
    await other.set(message(2))

    assert [each for each in await read(feed, 2) if isinstance(each, int)] == [2]
    assert failures == [503, 503]


def fail_twice(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    failures: list[int] = []
    inventory = Calls.inventory

    async def failing(calls: Calls, *, timeout_s: float | None = None) -> Inventory:
        if len(failures) < 2:
            failures.append(503)
            raise RemoteError("a part of the answer is missing", 503)
        return await inventory(calls, timeout_s=timeout_s)

    monkeypatch.setattr(Calls, "inventory", failing)
    return failures


async def test_readers_that_come_at_once_begin_together(world: World) -> None:
    stream = await world.stream()
    feeds = await asyncio.gather(*(stream.changefeed() for _ in range(3)))

    await stream.set(message(1))

    assert [await read(feed, 1) for feed in feeds] == [[1]] * 3


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        ("nonsense", {}),
        ([{"seq": "x"}], {}),
        (None, {}),
        (None, {"error": "Error: later", "code": 503}),
    ],
)
async def test_what_makes_no_sense_and_what_may_be_tried_again_costs_only_the_socket(
    world: World, value: object, headers: dict[str, object]
) -> None:
    stream = await world.stream()
    feed = await stream.changefeed()
    (socket,) = world.services[0]._sockets.sockets.values()

    socket.write(value, headers=headers)

    assert isinstance((await read(feed, 1))[0], Reset)
    assert await stream.keys() == []


async def test_a_defect_ends_the_stream_with_a_word(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_connection: Connection) -> float:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Connection, "_use_socket", broken)
    client = await world.client()
    stream = await world.stream(client=client)

    with pytest.raises(ConatError, match="has failed: a bug"):
        await stream.keys()

    monkeypatch.undo()
    again = await world.stream(client=client)
    assert await again.keys() == []
