"""Maps without a mirror (conat-sync §4.4, §7.10)."""

from datetime import datetime

import pytest

from cocalc_jupyter_ext.conat.persist.errors import WrongLastSequence
from cocalc_jupyter_ext.conat.sync.akv import AKV
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


async def test_missing_gives_the_default_null_gives_null_and_delete_makes_it_missing() -> None:
    """conat-sync §7.10: akv: get, set, null, keys, delete."""
    async with AKV(FaultyStream().access(), "box") as box:
        await box.set("a", {"x": 1})
        await box.set("null", None)

        assert await box.get("a") == {"x": 1}
        assert await box.get("null", "default") is None
        assert await box.get("missing", "default") == "default"
        await box.delete("a")
        await box.delete("never there")
        assert await box.get("a", "default") == "default"


async def test_keys_are_listed_in_the_order_of_writing_deleted_ones_included() -> None:
    """conat-sync §7.10: akv: get, set, null, keys, delete."""
    async with AKV(FaultyStream().access(), "box") as box:
        for key in ("b", "a", "c"):
            await box.set(key, 1)
        await box.delete("a")

        assert await box.keys() == ["b", "c", "a"]


async def test_headers_time_and_seq_come_from_the_message() -> None:
    async with AKV(FaultyStream().access(), "box") as box:
        receipt = await box.set("a", 1, headers={"by": "me"})
        time = await box.time("a")

        assert await box.headers("a") == {"by": "me"}
        assert await box.seq("a") == receipt.seq
        assert isinstance(time, datetime)
        assert round(time.timestamp() * 1000) == receipt.time_ms
        assert [await box.headers("b"), await box.time("b"), await box.seq("b")] == [None] * 3


async def test_a_key_is_only_written_when_it_has_the_expected_number() -> None:
    async with AKV(FaultyStream().access(), "box") as box:
        first = await box.set("a", 1)
        await box.set("a", 2, previous_seq=first.seq)

        with pytest.raises(WrongLastSequence):
            await box.set("a", 3, previous_seq=first.seq)


async def test_maps_with_and_without_a_mirror_see_each_other_s_writes_and_headers() -> None:
    """conat-sync §7.7: headers before saving and after the echo.

    conat-sync §7.10: akv and dkv see each other; beyond the limit; SQL is refused by the server.
    """
    stream = FaultyStream()
    async with AKV(stream.access(), "box") as akv, stream.dkv() as dkv:
        await akv.set("a", 1, headers={"by": "akv"})
        await until(lambda: dkv.get("a") == 1)
        assert dkv.headers("a") == {"by": "akv"}
        dkv.set("b", 2, headers={"by": "dkv"})
        await dkv.save()
        assert await akv.get("b") == 2
        assert await akv.headers("b") == {"by": "dkv"}
        await akv.delete("b")
        await until(lambda: "b" not in dkv)
        await dkv.close()
