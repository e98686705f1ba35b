"""Clients of a persist service (conat-sync §1.10), held to the contract of streams."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.remote import acquire
from cocalc_jupyter_ext.conat.persist.errors import PathDenied, StoreClosed, WrongLastSequence
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, Receipt
from cocalc_jupyter_ext.conat.types import User

from ....contracts.stream_store import SettableClock, StreamStoreContract
from ....support.persist import QUICK, World, message, read
from ....support.remote_store import RemoteStore, remote_store
from ....support.waiting import until

ID = "00000000-0000-4000-8000-000000000001"
PROJECT = "00000000-0000-4000-8000-000000000000"


class TestAStreamBehindAService(StreamStoreContract):
    """What a store does is what its clients see."""

    @pytest.fixture
    def store(
        self, tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[RemoteStore]:
        with remote_store(tmp_path, clock, monkeypatch) as store:
            yield store

    # How large batches are is the server's business.
    test_a_batch_ends_with_the_message_that_fills_it = None  # type: ignore[assignment]
    test_what_is_stored_while_batches_are_read_is_not_part_of_them = None  # type: ignore[assignment]


async def test_users_of_one_client_share_a_socket_until_the_last_one_leaves(world: World) -> None:
    client = await world.client()
    first = await world.stream(client=client)
    second = await world.stream(client=client)
    service = world.services[0]
    await asyncio.gather(first.keys(), second.keys())
    assert service.open_sockets == 1

    await first.close()
    await first.close()
    assert await second.keys() == []

    await second.close()
    await until(lambda: service.open_sockets == 0 and service.open_streams == 0)


async def test_other_options_and_other_clients_have_sockets_of_their_own(world: World) -> None:
    client = await world.client()
    streams = [
        await world.stream(client=client),
        await world.stream(client=client, sync=True),
        await world.stream(),
    ]
    await asyncio.gather(*(stream.keys() for stream in streams))
    service = world.services[0]

    assert (service.open_sockets, service.open_streams) == (3, 1)


async def test_a_handle_that_was_closed_does_nothing_any_more(world: World) -> None:
    client = await world.client()
    stream, other = await world.stream(client=client), await world.stream(client=client)
    feed = await stream.changefeed()
    await stream.close()

    with pytest.raises(StoreClosed):
        await stream.keys()
    with pytest.raises(StoreClosed):
        await stream.changefeed()
    assert [events async for events in feed] == []
    assert await other.keys() == []


async def test_a_stream_can_be_written_closed_and_opened_again_without_pause(world: World) -> None:
    """conat-sync §7.2, last line."""
    client = await world.client()
    for count in range(3):
        stream = await world.stream(client=client)
        await stream.set(message(count))
        assert [m.seq async for b in stream.get_all() for m in b] == list(range(1, count + 2))
        await stream.close()


@pytest.mark.parametrize(
    "path", [f"projects/{PROJECT}/x", "../x", "hub/", "accounts/00000000-0000-4000-8000-x/x"]
)
async def test_a_foreign_path_is_refused_before_anything_is_sent(world: World, path: str) -> None:
    """conat-sync §7.1."""
    with pytest.raises(PathDenied, match="permission denied"):
        await acquire(await world.client(), Owner(account_id=ID), StorageOptions(path))


async def test_readers_of_one_socket_are_independent(world: World) -> None:
    client = await world.client()
    stream, other = await world.stream(client=client), await world.stream(client=client)
    first, second = await stream.changefeed(), await other.changefeed()
    await stream.set(message(1))
    assert await read(first, 1) == [1]
    first.close()

    await stream.set(message(2))

    assert await read(second, 2) == [1, 2]


async def test_a_changefeed_tells_numbers_keys_headers_and_ids_of_all_writers(world: World) -> None:
    """conat-sync §7.2: own writes, and those of a second client."""
    stream, other = await world.stream(), await world.stream()
    feed = await stream.changefeed()
    await stream.set(message(1, key="k", headers={"h": "x"}, msg_id="m"))
    await other.set(message(2))

    events = [update for _ in range(2) for update in await anext(feed)]  # type: ignore[union-attr]

    assert [(e.message.seq, e.message.key, e.message.headers, e.msg_id) for e in events] == [
        (1, "k", {"h": "x"}, "m"),
        (2, None, None, None),
    ]


async def test_what_is_not_there_is_none_and_nil_is_a_value(world: World) -> None:
    """conat-sync §7.2: ephemeral data is gone after a restart; a missing key reads as nothing."""
    stream = await world.stream()
    await stream.set(message(None, key="nil"))

    assert await stream.get(seq=99) is None
    assert await stream.get(key="absent") is None
    found = await stream.get(key="nil")
    assert found is not None
    assert found.raw == b"\xc0"


async def test_headers_of_the_user_may_be_called_error(world: World) -> None:
    stream = await world.stream()
    await stream.set(message(1, headers={"error": "mine", "code": 5}))

    found = await stream.get(seq=1)

    assert found is not None
    assert found.headers == {"error": "mine", "code": 5}


async def test_payloads_are_not_touched_on_the_way(world: World) -> None:
    """conat-sync §8.3: bytes and encoding untouched."""
    stream = await world.stream()
    raw = b'{"not": "messagepack"}'

    await stream.set(NewMessage(raw=raw, encoding=1, key="j"))

    found = await stream.get(key="j")
    assert found is not None
    assert (found.raw, found.encoding) == (raw, 1)


async def test_refusals_are_the_errors_of_streams(world: World) -> None:
    """conat-sync §8.3: errors of items with code."""
    stream = await world.stream()
    await stream.set(message(1, key="k"))

    with pytest.raises(WrongLastSequence, match="wrong last sequence"):
        await stream.set(message(2, key="k", previous_seq=7))
    first, second = await stream.set_many([message(2, key="k", previous_seq=7), message(3)])
    assert isinstance(first, WrongLastSequence)
    assert isinstance(second, Receipt)


async def test_without_a_server_calls_time_out(world: World) -> None:
    """conat-sync §7.2: a stream is made without waiting for a server (acquire; opening a structure
    loads it).
    """
    stream = await world.stream(service="nobody")

    with pytest.raises(RequestTimeout) as timeout:
        await stream.keys(timeout_s=0.1)

    assert timeout.value.code == 408


async def test_a_refused_stream_is_refused_for_good_and_ends_its_readers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """conat-sync §7.1: with the check of the client disabled, the server refuses."""
    monkeypatch.setattr(
        "cocalc_jupyter_ext.conat.persist.client.remote.check_path", lambda *_, **__: None
    )
    client = await world.client(User("account", ID))
    options = StorageOptions(f"projects/{PROJECT}/x")
    stream = await acquire(client, Owner(account_id=ID), options, settings=QUICK)

    for _ in range(2):
        with pytest.raises(RemoteError, match="permission denied") as refusal:
            await stream.changefeed()
        assert refusal.value.code == 403
    with pytest.raises(RemoteError, match="permission denied"):
        await stream.keys()
    await stream.close()
