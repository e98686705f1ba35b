"""The list of an owner's stores (conat-sync §4.7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cocalc_jupyter_ext.conat.persist.messages import Inventory as Totals
from cocalc_jupyter_ext.conat.sync.inventory import Inventory, StoreEntry
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until

TOTALS = Totals(bytes=12, count=3, seq=7, limits={"max_msgs": 9})


@asynccontextmanager
async def opened(stream: FaultyStream | None = None) -> AsyncIterator[Inventory]:
    async with (stream or FaultyStream()).dkv() as dkv, Inventory(dkv) as inventory:
        yield inventory


async def test_an_entry_says_what_a_store_holds_and_others_see_it() -> None:
    stream = FaultyStream()
    async with opened(stream) as one, opened(stream) as two:
        one.set("log", "stream", TOTALS, now_ms=5, desc={"path": "a.txt"})
        await one.save()
        await until(lambda: two.get("log") is not None)

        assert two.get("log") == StoreEntry(
            "log", "stream", 5, 5, 12, 3, 7, {"max_msgs": 9}, {"path": "a.txt"}
        )


async def test_the_row_is_what_other_clients_expect() -> None:
    async with FaultyStream().dkv() as dkv:
        Inventory(dkv).set("log", "stream", TOTALS, now_ms=5)

        assert dict(dkv) == {
            '{"name":"log","type":"stream"}': {
                "desc": None,
                "last": 5,
                "created": 5,
                "bytes": 12,
                "count": 3,
                "limits": {"max_msgs": 9},
                "seq": 7,
            }
        }


async def test_when_it_was_created_and_its_description_survive_updates() -> None:
    async with opened() as inventory:
        inventory.set("log", "stream", TOTALS, now_ms=5, desc="mine")
        inventory.set("log", "stream", TOTALS, now_ms=9)
        entry = inventory.get("log", "stream")

        assert entry is not None
        assert (entry.created, entry.last, entry.desc) == (5, 9, "mine")


async def test_without_a_kind_the_map_is_found_before_the_stream() -> None:
    async with opened() as inventory:
        inventory.set("x", "stream", TOTALS, now_ms=1)
        inventory.set("x", "kv", TOTALS, now_ms=2)
        assert getattr(inventory.get("x"), "kind", "") == "kv"
        inventory.delete("x", "kv")
        assert getattr(inventory.get("x"), "kind", "") == "stream"
        assert inventory.get("y") is None


async def test_entries_are_filtered_by_name_and_description_and_sorted() -> None:
    async with opened() as inventory:
        inventory.set("Apple", "kv", TOTALS, now_ms=3)
        inventory.set("pear", "kv", TOTALS, now_ms=1, desc={"like": "APPLE"})
        inventory.set("plum", "stream", TOTALS, now_ms=2)

        assert [e.name for e in inventory.get_all(text="apple")] == ["Apple", "pear"]
        assert [e.name for e in inventory.get_all()] == ["Apple", "plum", "pear"]
        assert [e.name for e in inventory.get_all(sort="name")] == ["Apple", "pear", "plum"]
        assert next(e.name for e in inventory.get_all(sort="-kind")) == "plum"
        with pytest.raises(ValueError, match="cannot sort by 'colour'"):
            inventory.get_all(sort="colour")


async def test_what_others_wrote_in_another_form_is_left_out() -> None:
    async with FaultyStream().dkv() as dkv:
        dkv.update({"no json": {}, '["a"]': {}, '{"name":"x","type":"kv"}': 5})
        dkv['{"name":"y","type":"kv"}'] = {"count": "many"}

        assert Inventory(dkv).get_all() == [StoreEntry("y", "kv")]


async def test_the_table_has_a_line_for_each_store() -> None:
    async with opened() as inventory:
        inventory.set("log", "stream", TOTALS, now_ms=5)
        title, line = inventory.table().splitlines()

        assert title.split() == ["type", "count", "bytes", "name"]
        assert line.split() == ["stream", "3", "12", "log"]
