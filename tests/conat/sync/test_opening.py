"""Shared structures over the real service: names, owners, sharing, recovery (conat-sync §4, §7)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.persist.errors import PathDenied
from cocalc_jupyter_ext.conat.sync import inventory_updates
from cocalc_jupyter_ext.conat.sync.errors import Closed
from cocalc_jupyter_ext.conat.sync.opening import (
    open_akv,
    open_astream,
    open_core_stream,
    open_dko,
    open_dkv,
    open_dstream,
    open_inventory,
)
from tests.support.conat_peers import FlakyTransport
from tests.support.persist import World, persist_world
from tests.support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"
ACCOUNT = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
async def client(world: World) -> Client:
    return await world.client()


class TestPlaces:
    @pytest.mark.parametrize(
        ("owner", "path"),
        [
            ({"project_id": PROJECT}, f"projects/{PROJECT}/box.db"),
            ({"account_id": ACCOUNT}, f"accounts/{ACCOUNT}/box.db"),
            ({"account_id": ACCOUNT, "project_id": PROJECT}, f"accounts/{ACCOUNT}/box.db"),
            ({}, "hub/box.db"),
        ],
    )
    async def test_data_are_kept_in_the_place_of_their_owner(
        self, world: World, client: Client, owner: dict[str, str], path: str
    ) -> None:
        """conat-sync §7.1: a stream of a project has its path and its owner."""
        async with await open_dkv(client, name="box", **owner) as box:
            box["a"] = 1
            await box.save()

            assert (world.root / path).exists()

    @pytest.mark.parametrize("name", ["../x", "a//../../../b", "x/"])
    async def test_a_path_that_is_not_the_owner_s_is_refused_at_once(
        self, client: Client, name: str
    ) -> None:
        """conat-core §21, Core streams: values keep their types, headers survive, keys, ids,
        previous numbers, wrong paths.

        conat-sync §7.1: a foreign path fails on the client.
        """
        for open_it in (open_dkv, open_dstream, open_akv, open_astream, open_core_stream):
            with pytest.raises(PathDenied, match="permission denied"):
                await open_it(client, name=name, project_id=PROJECT)  # type: ignore[operator]

    async def test_ephemeral_data_leave_no_file_and_end_with_the_last_user(
        self, world: World, client: Client
    ) -> None:
        """conat-sync §7.5: closed everywhere, an ephemeral stream is empty again.

        conat-sync §7.6: closed; reopened.
        """
        async with await open_dstream(client, name="log", ephemeral=True) as log:
            log.push("a")
            await log.save()
            assert (await log.config()).max_bytes == 64_000_000
        async with await open_dstream(client, name="log", ephemeral=True) as log:
            await until(lambda: log.get_all() == [])

        assert not (world.root / "hub/log.db").exists()

    async def test_structures_of_one_name_see_the_same_data(self, client: Client) -> None:
        akv = await open_akv(client, name="box")
        astream = await open_astream(client, name="box")
        async with akv, astream, await open_dkv(client, name="box") as box:
            await akv.set("a", 1)
            await until(lambda: box.get("a") == 1)
            box["b"] = b"x" * 1_500_000
            await box.save()

            assert await akv.get("b") == b"x" * 1_500_000
            assert [each.key async for each in astream.get_all()] == ["a", "b"]

    async def test_a_map_of_objects_has_a_store_of_its_own(
        self, world: World, client: Client
    ) -> None:
        """conat-sync §8.4: rows of objects and their prefix."""
        async with (
            await open_dko(client, name="box", project_id=PROJECT) as objects,
            await open_dkv(client, name="box", project_id=PROJECT) as box,
        ):
            objects["a"] = {"x": 1, "y": 2}
            await objects.save()

            assert box.get_all() == {}
            assert len(objects.dkv) == 3
        assert (world.root / f"projects/{PROJECT}/__dko__box.db").exists()


class TestSharing:
    async def test_one_client_has_one_object_for_each_store_until_the_last_close(
        self, world: World, client: Client
    ) -> None:
        """conat-sync §7.7: the cache counts references."""
        one = await open_dkv(client, name="box")
        two = await open_dkv(client, name="box")
        other = await open_dkv(await world.client(), name="box")
        assert one is two
        assert one is not other
        await one.close()
        two["a"] = 1
        await two.close()
        with pytest.raises(Closed):
            two.get("a")
        again = await open_dkv(client, name="box")
        assert again is not one
        assert again["a"] == 1
        await again.close()
        await other.close()

    async def test_different_owners_services_and_kinds_are_not_shared(self, client: Client) -> None:
        boxes: list[Any] = [
            await open_dkv(client, name="box"),
            await open_dkv(client, name="box", project_id=PROJECT),
            await open_dkv(client, name="box", account_id=PROJECT),
            await open_dko(client, name="box"),
            await open_dkv(client, name="box", cached=False),
        ]

        assert len({id(box) for box in boxes}) == len(boxes)
        for box in boxes:
            await box.close()

    async def test_objects_are_shared_too_and_end_while_others_hold_their_rows(
        self, client: Client
    ) -> None:
        rows = await open_dkv(client, name="__dko__box")
        one, two = await open_dko(client, name="box"), await open_dko(client, name="box")
        assert one is two
        assert one.dkv is rows
        await one.close()
        await two.close()

        assert rows.get_all() == {}
        again = await open_dko(client, name="box")
        assert again is not one
        await again.close()
        await rows.close()

    async def test_opening_writing_and_closing_100_streams_leaks_nothing(
        self, world: World, client: Client
    ) -> None:
        """conat-sync §7.6: 100 streams leak nothing."""
        await (await open_dkv(client, name="first")).close()
        await until(lambda: not world.broker.stats() or subscriptions(world) <= 6)
        before = subscriptions(world)
        for number in range(100):
            async with await open_dstream(client, name=f"log{number}") as log:
                if number % 2:
                    log.push(number)
        await until(lambda: subscriptions(world) == before)

        tasks = {task.get_name() for task in asyncio.all_tasks()}
        assert not {
            name for name in tasks if name.startswith(("stream-", "saver-", "inventory-", "open-"))
        }

    async def test_a_failed_opening_leaves_nothing_behind(self, client: Client) -> None:
        with pytest.raises(PathDenied):
            await open_dkv(client, name="../x", project_id=PROJECT)
        async with await open_dkv(client, name="x", project_id=PROJECT) as box:
            assert box.get_all() == {}


def subscriptions(world: World) -> int:
    return sum(each.subscriptions for each in world.broker.stats().values())


class TestInventory:
    async def test_stores_that_were_written_to_are_listed_the_list_itself_is_not(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """conat-sync §8.4: deletes as tombstones of one day, allow_msg_ttl on."""
        monkeypatch.setattr(inventory_updates, "DELAY_S", 0.01)
        async with (
            await open_dkv(client, name="box", project_id=PROJECT, desc="a box") as box,
            await open_dstream(client, name="log", project_id=PROJECT) as log,
            await open_dkv(client, name="no", project_id=PROJECT, no_inventory=True) as no,
            await open_dko(client, name="objects", project_id=PROJECT) as objects,
            await open_inventory(client, project_id=PROJECT) as inventory,
        ):
            box["a"] = 5
            log.push("a")
            no["a"] = 1
            objects["a"] = {"x": 1}
            await until(lambda: len(inventory.get_all()) == 3)

            assert sorted((e.kind, e.name, e.count) for e in inventory.get_all()) == [
                ("kv", "__dko__objects", 2),
                ("kv", "box", 1),
                ("stream", "log", 1),
            ]
            entry = inventory.get("box")
            assert entry is not None
            assert entry.desc == "a box"
            assert entry.limits == {"allow_msg_ttl": True}


class TestRecovery:
    async def test_a_store_can_be_opened_before_the_service_runs(self, tmp_path: Path) -> None:
        """conat-sync §7.2: a stream is made without waiting for a server (acquire; opening a
        structure loads it).

        conat-sync §7.5: opened before the service runs.
        """
        async with persist_world(tmp_path) as world:
            client = await world.client()
            opening = asyncio.create_task(open_dkv(client, name="box", service="later"))
            await asyncio.sleep(0)
            await world.service(service="later")
            async with asyncio.timeout(30), await opening as box:
                assert box.get_all() == {}

    async def test_writes_survive_restarts_of_the_service(self, world: World) -> None:
        """§7.7: each following save ends with nothing unsaved; no deletion is lost.

        conat-sync §7.5: a log keeps and later saves what was published meanwhile; it opens during
        a restart.
        """
        service = await world.service(service="other")
        one = await open_dkv(await world.client(), name="box", service="other")
        two = await open_dkv(await world.client(), name="box", service="other")
        log = await open_dstream(await world.client(), name="log", service="other")
        async with asyncio.timeout(60), one, two, log:
            for number in range(2):
                one.update({"keep": number, f"gone{number}": 1})
                await one.save()
                await until(lambda: two.get_all() == one.get_all())
                told: list[Any] = []
                disconnect = two.changes.connect(told.append)
                await service.close()
                log.push(number)
                one["keep"] = f"again {number}"
                one.delete(f"gone{number}")
                assert log.has_unsaved_changes()
                service = await world.service(service="other")
                await one.save()
                await log.save()
                await until(lambda: two.get_all() == one.get_all())
                disconnect()

                assert not one.has_unsaved_changes()
                assert two.get_all() == {"keep": f"again {number}"}
                assert sorted(change.key for change in told) == [f"gone{number}", "keep"]
            assert log.get_all() == [0, 1]

    async def test_an_ephemeral_map_begins_anew_after_a_restart_of_the_service(
        self, world: World
    ) -> None:
        service = await world.service(service="other")
        client = await world.client()
        options: dict[str, Any] = {"name": "box", "service": "other", "ephemeral": True}
        async with asyncio.timeout(60), await open_dkv(client, **options) as box:
            for number in range(5):
                box[f"old{number}"] = 1
                await box.save()
            await service.close()
            service = await world.service(service="other")
            await until(lambda: box.get_all() == {})
            box["new"] = 1
            await box.save()

            assert box.get_all() == {"new": 1}
            assert box.seq("new") == 1

    async def test_a_lost_connection_loses_neither_writes_nor_deletions(self, world: World) -> None:
        """conat-sync §7.7: two nodes."""
        transport = FlakyTransport(world.broker)
        async with (
            asyncio.timeout(60),
            Client(transport) as client,
            await open_dkv(client, name="box") as far,
            await open_dkv(await world.client(), name="box") as near,
        ):
            near.update({"a": 1, "b": 2})
            await near.save()
            await until(lambda: len(far) == 2)
            transport.refusals = 2
            await transport.cut()
            del near["a"]
            near["c"] = 3
            await near.save()
            far["d"] = 4
            await far.save()
            await until(lambda: far.get_all() == near.get_all() == {"b": 2, "c": 3, "d": 4})
