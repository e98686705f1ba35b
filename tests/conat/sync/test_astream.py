"""Logs without a mirror (conat-sync §4.5, §7.10)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.messages import Deleted, Receipt
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.astream import AStream, StreamChanges, StreamMessage
from cocalc_jupyter_ext.conat.sync.errors import NothingSelected, UndefinedValue
from tests.support.sync_streams import FaultyStream


def open_log(stream: FaultyStream) -> AStream:
    return AStream(stream.access(), "log")


async def take(changes: StreamChanges, count: int) -> list[Any]:
    return [await anext(changes) for _ in range(count)]


async def test_the_first_message_has_seq_1_and_others_read_it_also_after_reopening() -> None:
    """conat-sync §7.10: astream: first seq 1, headers, reopening."""
    stream = FaultyStream()
    async with open_log(stream) as one, open_log(stream) as two:
        receipt = await one.publish({"x": 1}, headers={"by": "me"})

        assert receipt.seq == 1
        assert await one.get(1) == await two.get(1) == {"x": 1}
        assert await two.headers(1) == {"by": "me"}
        assert await two.get(2, "default") == "default"
        assert await two.headers(2) is None
    async with open_log(stream) as again:
        assert await again.get_message(1) == StreamMessage(
            1, receipt.time_ms, {"x": 1}, {"by": "me"}
        )


async def test_messages_are_read_by_number_and_by_key_and_other_types_raise() -> None:
    """conat-sync §7.10: by seq and by key; equal msgID, equal seq."""
    async with open_log(FaultyStream()) as log:
        first = await log.publish("a", key="k", msg_id="id")
        again = await log.publish("a", key="k", msg_id="id")

        assert first == again
        assert await log.get(first.seq) == await log.get("k") == "a"
        for wrong in (1.5, None, True):
            with pytest.raises(TypeError, match="neither a number nor a key"):
                await log.get(wrong)  # type: ignore[arg-type]


async def test_undefined_is_refused() -> None:
    """conat-sync §7.5: empty; null, binary, dates; undefined is refused."""
    async with open_log(FaultyStream()) as log:
        with pytest.raises(UndefinedValue):
            await log.publish(UNDEFINED)


async def test_get_all_iterates_in_order_and_honours_both_ends_inclusively() -> None:
    """conat-sync §7.10: getAll in order, both ends included; 1000 values at once."""
    async with open_log(FaultyStream()) as log:
        results = await log.push(*range(1, 1001))

        assert [each.seq for each in results if isinstance(each, Receipt)] == list(range(1, 1001))
        found = [each async for each in log.get_all(start_seq=10, end_seq=12)]
        assert [(each.seq, each.value, each.headers) for each in found] == [
            (10, 10, None),
            (11, 11, None),
            (12, 12, None),
        ]
        assert len([each async for each in log.get_all()]) == 1000


async def test_several_changefeeds_get_every_message_once_and_independently() -> None:
    """conat-sync §7.10: several changefeeds are independent."""
    stream = FaultyStream()
    async with open_log(stream) as one, open_log(stream) as two:
        feeds = [await one.changefeed(), await one.changefeed(), await two.changefeed()]
        await one.push(*range(1000))
        feeds[1].close()
        first, third = await take(feeds[0], 1000), await take(feeds[2], 1000)

        assert [each.value for each in first] == list(range(1000))
        assert first == third


async def test_a_changefeed_tells_deletions_and_possible_gaps_and_ends_with_the_log() -> None:
    stream = FaultyStream()
    async with open_log(stream) as log:
        changes = await log.changefeed()
        await log.publish("a", key="k", headers={"by": "me"})
        await log.delete(all=True)
        stream.reset()
        message, deleted, reset = await take(changes, 3)

        assert (message.seq, message.value, message.key, message.headers) == (
            1,
            "a",
            "k",
            {"by": "me"},
        )
        assert deleted == Deleted([1])
        assert reset == Reset()
    assert [each async for each in changes] == []


async def test_one_has_to_say_what_to_delete() -> None:
    async with open_log(FaultyStream()) as log:
        with pytest.raises(NothingSelected):
            await log.delete()


async def test_a_keyed_message_with_a_ttl_is_gone_by_key_and_by_number_after_it() -> None:
    """conat-sync §7.10: a ttl of 25 ms."""
    now_s = [1000.0]
    async with open_log(FaultyStream(MemoryStore(clock=lambda: now_s[0]))) as log:
        await log.config({"allow_msg_ttl": True})
        receipt = await log.publish("a", key="k", ttl_ms=25)
        assert await log.get("k") == "a"
        now_s[0] += 1
        await log.config()

        assert await log.get("k") is None
        assert await log.get(receipt.seq) is None
        assert (await log.inventory()).count == 0
