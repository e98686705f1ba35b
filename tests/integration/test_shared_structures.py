"""Shared structures over real sockets, a router and a persist service that come and go.

What the checklists of conat-core §21 ("Core streams") and conat-sync §7 demand of the whole.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.persist.server.service import PersistService
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.sync.opening import (
    open_akv,
    open_astream,
    open_core_stream,
    open_dko,
    open_dkv,
    open_dstream,
)
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_server import RestartableServer
from ..support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"
LIMIT_S = 60.0
BEYOND_ONE_CHUNK = 12_000_000


class Fabric:
    """A router on a real socket and a persist service behind it, either of which can end."""

    def __init__(self, root: Path, stack: AsyncExitStack) -> None:
        self.server = RestartableServer()
        self._root = root
        self._stack = stack
        self._service: PersistService | None = None

    async def client(self) -> Client:
        """Return a client that comes back quickly."""
        client = Client(TornadoTransport(self.server.address), rng=lambda: 0.0)
        return await self._stack.enter_async_context(client)

    async def start_service(self) -> None:
        self._service = PersistService(await self.client(), self._root)
        await self._service.start()

    async def stop_service(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            await service.close()

    async def restart_router(self) -> None:
        await self.server.stop()
        await self.server.start()

    async def restart_service(self) -> None:
        await self.stop_service()
        await self.start_service()

    async def restart_both(self) -> None:
        await self.stop_service()
        await self.restart_router()
        await self.start_service()

    async def cut_clients(self) -> None:
        for peer in list(self.server.broker.peers.values()):
            peer.close("cut")


@pytest.fixture
async def fabric(tmp_path: Path) -> AsyncIterator[Fabric]:
    async with asyncio.timeout(LIMIT_S), AsyncExitStack() as stack:
        fabric = Fabric(tmp_path, stack)
        stack.push_async_callback(fabric.server.stop)
        await fabric.server.start()
        stack.push_async_callback(fabric.stop_service)
        await fabric.start_service()
        yield fabric


async def eventually(call: Callable[[], Awaitable[Any]]) -> Any:
    """Repeat a call until it succeeds: calls may fail until the socket is there again."""
    while True:
        try:
            return await call()
        except ConatError:
            await asyncio.sleep(0.02)


def new(value: Any, key: str | None = None, **options: Any) -> NewMessage:
    return NewMessage(raw=encode(value), key=key, **options)


# What is lost, cut and restarted


@pytest.mark.parametrize(
    "event", ["restart_router", "restart_service", "restart_both", "cut_clients"]
)
async def test_the_same_objects_go_on_after_the_router_the_service_or_both_were_restarted(
    fabric: Fabric, event: str
) -> None:
    """conat-sync §7.2: router, service or both restarted: get and set succeed again on the same
    object.

    conat-sync §7.7: survives restarts of router, service, both.
    """
    options: dict[str, Any] = {"project_id": PROJECT, "no_inventory": True}
    async with (
        await open_dkv(await fabric.client(), name="box", **options) as box,
        await open_dkv(await fabric.client(), name="box", **options) as other,
        await open_dstream(await fabric.client(), name="log", **options) as log,
        await open_akv(await fabric.client(), name="box", project_id=PROJECT) as akv,
    ):
        box["before"] = 1
        log.push("before")
        await asyncio.gather(box.save(), log.save())
        for number in range(2):
            await getattr(fabric, event)()
            box[f"after {number}"] = number
            log.push(number)
            await asyncio.gather(box.save(), log.save())
            assert not box.has_unsaved_changes()
            assert not log.has_unsaved_changes()
            await eventually(lambda: akv.set("short", 1, timeout_s=0.5))
            assert await eventually(lambda: akv.get("before", timeout_s=0.5)) == 1
        await until(lambda: other.get_all() == box.get_all())

        assert other.get_all() == {"before": 1, "after 0": 0, "after 1": 1, "short": 1}
        assert log.get_all() == ["before", 0, 1]


async def test_publishing_fails_with_a_timeout_while_nobody_serves_and_recovers_with_one_feed(
    fabric: Fabric,
) -> None:
    """conat-core §21, Core streams: publishing without a server fails with a timeout, everything
    recovers with one changefeed.

    conat-sync §7.5: while stopped, publish fails with a timeout, then succeeds again.
    """
    client = await fabric.client()
    core = await open_core_stream(client, name="log")
    told: list[Any] = []
    core.changes.connect(lambda change: told.append(change.value))
    for number in range(2):
        await core.publish(new(number))
        await fabric.stop_service()
        await until(lambda: not core_is_reachable(fabric))
        with pytest.raises(ConatError, match="time"):
            await core.publish(new("lost"), timeout_s=0.2)
        await fabric.start_service()
        # An attempt may be too slow to be answered in time and be stored all the same.
        back = new(f"back {number}", msg_id=f"back {number}")
        await eventually(partial(core.publish, back, timeout_s=0.5))
    await until(lambda: len(told) == 4)

    assert told == [0, "back 0", 1, "back 1"]
    assert [entry.value for entry in core.replica.entries] == told
    await core.close()


def core_is_reachable(fabric: Fabric) -> bool:
    patterns = (fabric.server.broker.subscriptions(each) for each in fabric.server.broker.peers)
    return any(".client." in pattern for found in patterns for pattern in found)


async def test_a_log_can_be_opened_while_the_service_is_restarted(fabric: Fabric) -> None:
    """conat-sync §7.5: opened before the service runs; a log keeps and later saves what was
    published meanwhile; it opens during a restart.
    """
    async with await open_dstream(await fabric.client(), name="log") as log:
        log.push("kept")
        await log.save()
    client = await fabric.client()
    await fabric.stop_service()
    opening = asyncio.create_task(open_dstream(client, name="log"))
    await asyncio.sleep(0)
    await fabric.start_service()

    async with await opening as again:
        assert again.get_all() == ["kept"]


# What it costs


async def test_one_open_stream_costs_one_subscription_besides_the_inbox(fabric: Fabric) -> None:
    """conat-core §21, Core streams: one stream uses one subscription besides the inbox.

    conat-sync §7.5: one subscription.
    """
    client = await fabric.client()
    await client.request("persist.hub.id")
    assert client.stats.subs == 1
    before = all_subscriptions(fabric)
    core = await open_core_stream(client, name="log")
    assert client.stats.subs == 2
    assert all_subscriptions(fabric) == before + 1
    await core.close()
    await until(lambda: client.stats.subs == 1 and all_subscriptions(fabric) == before)


async def test_opening_writing_and_closing_10_maps_leaves_no_subscription(fabric: Fabric) -> None:
    """conat-sync §7.7: 10 stores leak no subscription."""
    client = await fabric.client()
    await client.request("persist.hub.id")
    before = all_subscriptions(fabric)
    for number in range(10):
        async with await open_dkv(client, name=f"box{number}", no_inventory=True) as box:
            box["a"] = number
            await box.save()

    await until(lambda: client.stats.subs == 1 and all_subscriptions(fabric) == before)


def all_subscriptions(fabric: Fabric) -> int:
    """Return how many subscriptions the router holds besides inboxes."""
    broker = fabric.server.broker
    found = [pattern for each in broker.peers for pattern in broker.subscriptions(each)]
    return sum(not pattern.startswith("_INBOX") for pattern in found)


# What is kept


async def test_values_beyond_the_payload_limit_come_back_whole_everywhere(fabric: Fabric) -> None:
    """conat-sync §7.6: binary beyond the payload limit.

    conat-sync §7.7: binary, small and beyond the payload limit.
    conat-sync §7.9: punctuation; values beyond the payload limit.
    conat-sync §7.10: akv and dkv see each other; beyond the limit; SQL is refused by the server.
    """
    big = bytes(range(256)) * (BEYOND_ONE_CHUNK // 256)
    one, two = await fabric.client(), await fabric.client()
    async with (
        await open_dkv(one, name="box") as box,
        await open_dko(one, name="objects") as objects,
        await open_dstream(one, name="log") as log,
    ):
        box["big"] = big
        objects["a"] = {"big": big}
        log.push(big)
        await asyncio.gather(box.save(), objects.save(), log.save())
    async with (
        await open_akv(two, name="box") as akv,
        await open_dko(two, name="objects") as objects,
        await open_dstream(two, name="log") as log,
    ):
        assert await akv.get("big") == big
        assert objects["a"]["big"] == big
        assert log[0] == big


async def test_a_key_written_twice_with_a_large_value_is_one_element(fabric: Fabric) -> None:
    """conat-sync §7.5: keys: values, numbers over reopening, state cleared on close; a value of
    more than 10,000,000 bytes twice under one key; after reopening one element with the same
    number.
    """
    big = "x" * 10_100_000
    core = await open_core_stream(await fabric.client(), name="box")
    for number in range(2):
        await core.publish(new(f"{number}{big}", "big"))
    await until(lambda: core.has_seen(2))
    assert [entry.seq for entry in core.replica.entries] == [2]
    await core.close()

    again = await open_core_stream(await fabric.client(), name="box")
    assert [(entry.seq, entry.value[:1]) for entry in again.replica.entries] == [(2, "1")]
    assert list(again.replica.live) == ["big"]
    await again.close()


async def test_a_stored_value_is_read_by_number_and_by_key_with_its_headers_and_time(
    fabric: Fabric,
) -> None:
    """conat-sync §7.2: number, time, headers, key."""
    async with await open_astream(await fabric.client(), name="log") as log:
        first = await log.publish("a", headers={"by": {"whom": 5}})
        await log.publish("b", key="k", headers={"by": "you"})
        found = await log.get_message(first.seq)

        assert found is not None
        assert abs(found.time_ms / 1000 - time.time()) < 30
        assert (found.value, found.headers) == ("a", {"by": {"whom": 5}})
        assert await log.get("k") == "b"
        assert await log.headers("k") == {"by": "you"}


async def test_times_of_long_keys_are_equal_for_all(fabric: Fabric) -> None:
    """conat-sync §7.7: times; before save; dates; long keys; equal times."""
    key = "k" * 1_000
    async with (
        await open_dkv(await fabric.client(), name="box") as one,
        await open_dkv(await fabric.client(), name="box") as two,
    ):
        one.update({key: 1, "other": 2})
        await one.save()
        await until(lambda: two.times() == one.times())

        assert set(two.times()) == {key, "other"}
        first = one.time(key)
        one[key] = 3
        await one.save()
        assert first is not None
        assert one.time(key) != first or one.seq(key) == 3


@pytest.mark.parametrize("name", ["a|b (c) [d].txt", "ünï ✓", '["x","y"]', "patches:abc/def"])
async def test_names_of_stores_and_keys_may_hold_odd_characters(fabric: Fabric, name: str) -> None:
    """conat-sync §7.9: brackets, malformed text, odd names of stores."""
    keys = ["a|b", "(", "[", "[1", '["a"]', '["no","pe"', "a.b c"]
    one, two = await fabric.client(), await fabric.client()
    async with (
        await open_dko(one, name=name, project_id=PROJECT) as here,
        await open_dko(two, name=name, project_id=PROJECT) as there,
    ):
        for key in keys:
            here[key] = {key: key}
        await here.save()
        await until(lambda: there.get_all() == {key: {key: key} for key in keys})

        assert all(key in there and there[key] == {key: key} for key in keys)


async def test_inventory_numbers_of_a_log(fabric: Fabric) -> None:
    """conat-sync §7.12: a log."""
    async with await open_dstream(await fabric.client(), name="log") as log:
        numbers = []
        for values in ([], [5], [1, 2, 3, 4]):
            log.push(*values)
            await log.save()
            inventory = await log.inventory()
            numbers.append((inventory.bytes, inventory.count, inventory.seq, inventory.limits))

        assert numbers == [(0, 0, 0, {}), (1, 1, 1, {}), (5, 5, 5, {})]


async def test_headers_of_the_system_are_the_only_ones_that_nobody_wrote(fabric: Fabric) -> None:
    """conat-sync §7.6: headers are invisible until acknowledged; those of the system begin with
    CN-.
    """
    async with await open_dstream(await fabric.client(), name="log") as log:
        log.publish("a", headers={"mine": 1})
        await log.save()
    async with await open_dstream(await fabric.client(), name="log") as again:
        assert {k for k in again.headers(0) or {} if not k.startswith("CN-")} == {"mine"}


# Limits


@pytest.mark.parametrize(
    ("config", "values", "left"),
    [
        ({"max_bytes": 100}, ["x" * 1_000], []),
        ({"max_bytes": 100}, ["x" * 75, "y" * 90], ["y" * 90]),
        ({"max_bytes": 60}, ["a" * 38, "b" * 43, "c"], ["b" * 43, "c"]),
        ({"max_msgs": 2}, [1, 2, 3], [2, 3]),
    ],
)
async def test_limits_hold_once_a_log_is_stable(
    fabric: Fabric, config: dict[str, int], values: list[Any], left: list[Any]
) -> None:
    """conat-sync §7.11: max_bytes 100; dstream max_age 50, max_bytes 60."""
    async with await open_dstream(await fabric.client(), name="log", config=config) as log:
        for value in values:
            log.push(value)
            await log.save()
        await log.config()

        await until(lambda: log.is_stable() and log.get_all() == left)


async def test_the_greatest_size_of_a_message_can_be_raised_and_lifted(fabric: Fabric) -> None:
    """conat-sync §7.11: max_msg_size raised and lifted."""
    core = await open_core_stream(await fabric.client(), name="log", config={"max_msg_size": 50})
    big = new("x" * 60)
    with pytest.raises(ConatError, match="max_msg_size"):
        await core.publish(big)
    await core.config({"max_msg_size": 100})
    await core.publish(big)
    assert (await core.config({"max_msg_size": -1})).max_msg_size == -1
    await core.close()


async def test_messages_have_a_lifetime_of_their_own_once_it_is_allowed(fabric: Fabric) -> None:
    """conat-sync §7.11: allow_msg_ttl."""
    async with await open_astream(await fabric.client(), name="log") as log:
        assert (await log.config()).allow_msg_ttl is False
        assert (await log.config({"allow_msg_ttl": True})).allow_msg_ttl is True
        await log.publish("short", ttl_ms=50)
        await log.publish("long")
        async with asyncio.timeout(60):
            while [each.value async for each in log.get_all()] != ["long"]:
                await log.config()


async def test_old_messages_go_with_the_configuration_until_the_age_is_lifted(
    fabric: Fabric,
) -> None:
    """conat-sync §7.11: dstream max_age, lifted by a negative value; dstream max_age 50, max_bytes
    60.
    """
    config = {"max_age": 50}
    async with await open_dstream(await fabric.client(), name="log", config=config) as log:
        log.push("old")
        await log.save()
        while log.get_all():
            await log.config()
        await log.config({"max_age": -1})
        log.push("stays")
        await log.save()
        await asyncio.sleep(0.1)
        await log.config()

        assert log.get_all() == ["stays"]


async def test_a_stream_may_limit_its_rates(fabric: Fabric) -> None:
    """conat-sync §7.11: rate limits."""
    config = {"max_msgs_per_second": 1, "max_bytes_per_second": 100}
    async with await open_dstream(await fabric.client(), name="log", config=config) as log:
        settings = await log.config()

        assert (settings.max_msgs_per_second, settings.max_bytes_per_second) == (1, 100)


async def test_memory_is_always_limited_and_files_are_not(fabric: Fabric) -> None:
    """conat-sync §7.11: max_bytes of files and of memory."""
    client = await fabric.client()
    found = []
    for ephemeral, wanted in ((False, None), (True, None), (True, 10**9), (True, 1_000)):
        options: dict[str, Any] = {} if wanted is None else {"config": {"max_bytes": wanted}}
        name = f"log-{ephemeral}-{wanted}"
        async with await open_dstream(client, name=name, ephemeral=ephemeral, **options) as log:
            found.append((await log.config()).max_bytes)

    assert found == [-1, 64_000_000, 64_000_000, 1_000]
