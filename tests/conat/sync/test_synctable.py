"""Tables over shared structures (conat-sync §4.9)."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError, RequestTimeout
from cocalc_jupyter_ext.conat.sync.opening import open_akv, open_astream
from cocalc_jupyter_ext.conat.sync.synctable import (
    KvTable,
    RowChange,
    StreamTable,
    open_synctable,
)
from cocalc_jupyter_ext.conat.sync.table_rows import document_id
from tests.support.persist import World
from tests.support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"
ID = document_id(PROJECT, "a.txt")


@pytest.fixture
async def client(world: World) -> Client:
    return await world.client()


async def kv_table(client: Client, table: str = "syncstrings", **options: Any) -> KvTable:
    query = {table: [{"string_id": ID, "project_id": PROJECT}]}
    opened = await open_synctable(client, query, **options)
    assert isinstance(opened, KvTable)
    return opened


async def patches(client: Client, **options: Any) -> StreamTable:
    query = {"patches": [{"project_id": PROJECT, "path": "a.txt"}]}
    opened = await open_synctable(client, query, stream=True, **options)
    assert isinstance(opened, StreamTable)
    return opened


class TestMaps:
    async def test_rows_are_stored_as_given_field_by_field(self, client: Client) -> None:
        async with await kv_table(client) as table:
            row = {"string_id": ID, "doctype": "string", "users": ["me"]}
            table.set(row)
            assert table.has_uncommitted_changes()
            await table.save()

            assert table.get(ID) == table.get({"string_id": ID}) == table.get_one() == row
            assert table.get_all() == {ID: row}
        akv = await open_akv(client, name=f"__dko__syncstrings:{ID}", project_id=PROJECT)
        async with akv:
            assert await akv.get(f'["{ID}","doctype"]') == "string"

    async def test_atomic_rows_are_stored_whole(self, client: Client) -> None:
        async with await kv_table(client, "ipywidgets", atomic=True, ephemeral=True) as table:
            row = {"string_id": ID, "model_id": "m", "type": "value", "data": {"x": 1}}
            table.set(row)
            await table.save()

            key = f'["{ID}","m","value"]'
            assert table.get(key) == row
            akv = await open_akv(
                client, name=f"ipywidgets:{ID}", project_id=PROJECT, ephemeral=True
            )
            async with akv:
                assert await akv.keys() == [key]
            table.delete(row)
            assert table.get_one() is None

    @pytest.mark.parametrize("atomic", [True, False])
    async def test_a_change_tells_key_and_whole_row(self, world: World, atomic: bool) -> None:
        here = await kv_table(await world.client(), atomic=atomic)
        there = await kv_table(await world.client(), atomic=atomic)
        async with here, there:
            told: list[RowChange] = []
            there.changes.connect(told.append)
            row = {"string_id": ID, "a": 1}
            here.set(row)
            await here.save()
            await until(lambda: RowChange(ID, row) in told)
            here.delete(ID)
            await here.save()
            await until(lambda: RowChange(ID, None) in told)

    async def test_one_can_wait_for_something(self, client: Client) -> None:
        async with await kv_table(client) as table:
            waiting = asyncio.create_task(table.wait(lambda t: t.get(ID)))
            await asyncio.sleep(0)
            table.set({"string_id": ID})
            assert await waiting == {"string_id": ID}
            with pytest.raises(RequestTimeout, match="timeout"):
                await table.wait(lambda _: False, timeout_s=0.01)


class TestPatches:
    async def test_own_rows_become_visible_with_the_echo_without_storing_the_id(
        self, client: Client
    ) -> None:
        async with await patches(client) as table:
            told: list[RowChange] = []
            table.changes.connect(told.append)
            for time in (2, 1):
                table.set({"string_id": ID, "time": time, "is_snapshot": False, "patch": "[]"})
            assert table.get_all() == {}
            assert table.has_uncommitted_changes()
            await table.save()
            await until(lambda: len(table.get_all()) == 2)

            key = f'["{ID}",1,false]'
            row = {"string_id": ID, "time": 1, "is_snapshot": False, "patch": "[]"}
            assert told[-1] == RowChange(key, row)
            assert table.get(key) == table.get({"time": 1, "is_snapshot": False}) == row
            assert table.sorted_times() == [1, 2]
            with pytest.raises(ConatError, match="never change"):
                table.set(row)
        async with await open_astream(client, name=f"patches:{ID}", project_id=PROJECT) as log:
            stored = [each.value async for each in log.get_all()]
            assert stored[0] == {"time": 2, "is_snapshot": False, "patch": "[]"}

    async def test_what_is_there_is_read_and_what_is_no_row_is_left_out(
        self, client: Client
    ) -> None:
        async with await open_astream(client, name=f"patches:{ID}", project_id=PROJECT) as log:
            await log.push({"time": 1, "is_snapshot": False}, "no row")
            async with await patches(client) as table:
                assert table.sorted_times() == [1]
                await log.publish("no row either")
                await log.publish({"time": 3, "is_snapshot": True})
                await until(lambda: table.sorted_times() == [1, 3])

    async def test_only_patches_of_a_path_in_a_project_are_a_stream(self, client: Client) -> None:
        for query in ({"patches": [{"path": "a"}]}, {"t": [{"project_id": PROJECT, "path": "a"}]}):
            with pytest.raises(ConatError, match="only patches"):
                await open_synctable(client, query, stream=True)


async def test_an_unknown_table_needs_its_primary_keys(client: Client) -> None:
    query = {"things": [{"id": None}]}
    with pytest.raises(ConatError, match="primary keys of the table 'things'"):
        await open_synctable(client, query)
    table = await open_synctable(client, query, primary_keys=["id"], project_id=PROJECT)
    async with table:
        table.set({"id": 5})
        assert table.get("5") == {"id": 5}
