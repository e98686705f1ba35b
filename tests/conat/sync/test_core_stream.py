"""The mirror of one stream, kept true over whatever happens (conat-sync §3, §7.5)."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.errors import WrongLastSequence
from cocalc_jupyter_ext.conat.persist.messages import Inventory, NewMessage, Receipt
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED, encode
from cocalc_jupyter_ext.conat.sync import core_stream
from cocalc_jupyter_ext.conat.sync.core_stream import CoreStream
from cocalc_jupyter_ext.conat.sync.dkv_state import tombstone
from cocalc_jupyter_ext.conat.sync.errors import Closed
from cocalc_jupyter_ext.conat.sync.stats import stats_of
from tests.support import virtual_time
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


def new(value: Any = None, key: str | None = None, **more: Any) -> NewMessage:
    return NewMessage(raw=encode(value), key=key, **more)


def values(core: CoreStream) -> list[Any]:
    return [entry.value for entry in core.replica.entries]


def live(core: CoreStream) -> dict[str, Any]:
    return {key: entry.value for key, entry in core.replica.live.items()}


def record(core: CoreStream) -> list[tuple[int, Any]]:
    told: list[tuple[int, Any]] = []
    core.changes.connect(lambda change: told.append((change.seq, change.value)))
    return told


async def test_a_new_stream_is_empty_and_null_binary_and_date_values_survive() -> None:
    """conat-core §21, Core streams: values keep their types, headers survive, keys, ids, previous
    numbers, wrong paths.

    conat-sync §7.5: empty; null, binary, dates; undefined is refused.
    """
    date = datetime(2026, 1, 1, tzinfo=UTC)
    async with FaultyStream().core() as core:
        assert values(core) == []
        for value in (None, b"\0\1", date):
            await core.publish(new(value))
        await until(lambda: len(core.replica) == 3)

        assert values(core) == [None, b"\0\1", date]


async def test_a_second_client_sees_the_same_messages_with_headers_and_times() -> None:
    """conat-core §21, Core streams: values keep their types, headers survive, keys, ids, previous
    numbers, wrong paths.

    conat-sync §7.5: a second client sees the same; headers, times, stats.
    """
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        receipt = await one.publish(new("a", headers={"user": {"nested": [1]}}))
        await until(lambda: len(two.replica) == 1)
        (entry,) = two.replica.entries

        assert entry.headers == {"user": {"nested": [1]}}
        assert (entry.seq, entry.time_ms) == (receipt.seq, receipt.time_ms)
    async with stream.core() as late:
        assert values(late) == ["a"]


async def test_100_sequential_publishes_arrive_in_order_and_stats_count_them() -> None:
    """conat-sync §7.5: 100 publishes in order; headers, times, stats."""
    async with FaultyStream().core() as core:
        for number in range(100):
            await core.publish(new(number))
        await until(lambda: len(core.replica) == 100)

        assert values(core) == list(range(100))
        assert stats_of(core.replica).count == 100
        assert stats_of(core.replica).bytes == 100


async def test_deleting_all_empties_the_stream_at_once() -> None:
    """conat-sync §7.5: deleting all."""
    async with FaultyStream().core() as core:
        await core.publish(new("a"))
        await until(lambda: len(core.replica) == 1)
        told = record(core)

        assert await core.delete(all=True) == [1]
        assert values(core) == []
        await virtual_time.settle()
        assert told == [(1, UNDEFINED)]


async def test_a_second_client_sees_the_value_of_a_key_and_changes_reach_the_first() -> None:
    """conat-sync §7.5: changes of a key reach the other client."""
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        await one.publish(new(1, "a"))
        await until(lambda: live(two) == {"a": 1})
        await two.publish(new(2, "a"))
        await until(lambda: live(one) == {"a": 2})

        assert one.replica.live["a"].seq == two.replica.live["a"].seq == 2


async def test_alternating_writers_keep_one_element_per_key() -> None:
    """conat-sync §7.5: rapid and alternating writes keep one element per key."""
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        for number in range(5):
            for key in "abcde":
                await (one if number % 2 else two).publish(new(number, key))
        await until(lambda: one.has_seen(25) and two.has_seen(25))

        assert live(one) == live(two) == dict.fromkeys("abcde", 4)
        assert len(one.replica) == len(two.replica) == 5
        assert len(values(one)) == 5


async def test_a_deleted_key_propagates_and_the_empty_text_is_a_key() -> None:
    """conat-sync §7.5: deleting propagates; the empty key; an unknown key."""
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        for key in ("", "a"):
            await one.publish(new(1, key))
            await one.publish(tombstone(key))
        await until(lambda: two.has_seen(4))

        assert live(one) == live(two) == {}


async def test_previous_seq_guards_a_key_and_means_nothing_without_one() -> None:
    """conat-core §21, Core streams: values keep their types, headers survive, keys, ids, previous
    numbers, wrong paths.

    conat-sync §7.5: previousSeq.
    """
    async with FaultyStream().core() as core:
        await core.publish(new(1, "a"))

        with pytest.raises(WrongLastSequence, match="wrong last sequence"):
            await core.publish(new(2, "a", previous_seq=0))
        await core.publish(new(2, "a", previous_seq=1))
        await core.publish(new(3, previous_seq=99))


async def test_the_same_msg_id_twice_stores_once_also_from_another_client() -> None:
    """conat-core §21, Core streams: values keep their types, headers survive, keys, ids, previous
    numbers, wrong paths.

    conat-sync §7.5: msgID.
    """
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        receipts = [await each.publish(new("a", msg_id="id")) for each in (one, one, two)]
        await until(lambda: len(two.replica) == 1)

        assert {receipt.seq for receipt in receipts} == {1}


async def test_many_messages_go_in_requests_of_at_most_500() -> None:
    stream = FaultyStream()
    async with stream.core() as core:
        messages = [new(number) for number in range(1201)]
        answers = [pair async for pair in core.publish_many(messages)]

        assert [len(batch) for batch in stream.written] == [500, 500, 201]
        assert [message for message, _ in answers] == messages
        assert [r.seq for _, r in answers if isinstance(r, Receipt)] == list(range(1, 1202))


async def test_a_request_is_bounded_in_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_stream, "MAX_BATCH_BYTES", 100)
    stream = FaultyStream()
    async with stream.core() as core:
        messages = [new("x" * size) for size in (300, 40, 40, 40)]
        _ = [pair async for pair in core.publish_many(messages)]

        assert [len(batch) for batch in stream.written] == [1, 2, 1]


async def test_one_refused_message_of_many_does_not_stop_the_others() -> None:
    async with FaultyStream().core({"max_msg_size": 50}) as core:
        answers = [r async for _, r in core.publish_many([new("x" * 60), new("y")])]

        assert [getattr(answer, "code", None) for answer in answers] == ["reject", None]
        assert "max_msg_size" in str(answers[0])


async def test_numbers_that_are_deleted_before_they_exist_do_not_cost_later_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = FaultyStream()
    async with stream.core() as one, stream.core() as two:
        await one.publish(new("a"))
        await until(lambda: len(two.replica) == 1)
        delete = one._access.delete

        async def delete_slowly(**selectors: Any) -> list[int]:
            deleted = await delete(**selectors)
            stream.tell(stream.store.set(new("b")).updates)
            await until(lambda: values(one) == values(two) == ["b"])
            return deleted

        monkeypatch.setattr(one._access, "delete", delete_slowly)

        assert await one.delete(seqs=[1, 2, 3]) == [1, 2, 3]
        assert values(one) == values(two) == ["b"]


class TestOpening:
    def test_it_is_tried_again_until_it_succeeds(self) -> None:
        """conat-sync §8.4: the counter of getAll; 503, 408 again; 403, 429 final."""

        async def check() -> None:
            stream = FaultyStream()
            stream.errors = [RequestTimeout("timeout"), RemoteError("gap", 503), ConatError("disk")]
            async with stream.core():
                assert asyncio.get_running_loop().time() == pytest.approx(2.25 + 3.375 + 5.0625)
            assert not stream.feeds

        virtual_time.run(check())

    @pytest.mark.parametrize("code", [403, 429])
    async def test_no_permission_and_too_many_are_raised(self, code: int) -> None:
        """conat-sync §8.4: the counter of getAll; 503, 408 again; 403, 429 final."""
        stream = FaultyStream()
        stream.errors = [RemoteError("permission denied", code)]

        with pytest.raises(RemoteError, match="permission denied"):
            async with stream.core():
                pass
        assert not stream.feeds

    async def test_what_is_stored_while_loading_is_told_once(self) -> None:
        """conat-sync §8.4: changefeed first, overlap tolerated."""
        stream = FaultyStream()
        core = CoreStream(stream.access(), "box")
        told = record(core)
        stream.tell(stream.store.set(new("before")).updates)
        await core.open()
        stream.tell(stream.store.set(new("after")).updates)
        await until(lambda: len(core.replica) == 2)

        assert told == [(2, "after")]
        await core.close()

    async def test_the_configuration_in_force_is_known(self) -> None:
        async with FaultyStream().core({"max_msgs": 7}) as core:
            assert core.settings.max_msgs == 7
            assert (await core.config({"max_msgs": 8})).max_msgs == 8
            assert (await core.inventory()).limits["max_msgs"] == 8


class TestOlder:
    async def test_only_messages_from_start_seq_on_are_loaded_and_older_ones_on_demand(
        self,
    ) -> None:
        stream = FaultyStream()
        stream.store.set_many([new(number) for number in range(1, 101)])
        async with stream.core(start_seq=90) as core:
            assert values(core) == list(range(90, 101))
            await core.load_older(50)
            assert values(core) == list(range(50, 101))
            assert core.replica.start_seq == 50
            await core.load_older(0, emit=False)
            assert values(core) == list(range(1, 101))

            assert stream.loads == [(90, None), (50, 89), (0, 49)]

    async def test_it_is_told_unless_unwanted(self) -> None:
        stream = FaultyStream()
        stream.store.set_many([new(number) for number in range(1, 5)])
        async with stream.core(start_seq=4) as core:
            told = record(core)
            await core.load_older(3)
            await core.load_older(0, emit=False)

            assert told == [(3, 3)]

    async def test_a_failure_is_raised_and_changes_nothing(self) -> None:
        stream = FaultyStream()
        stream.store.set_many([new(1), new(2)])
        async with stream.core(start_seq=2) as core:
            stream.errors = [RequestTimeout("timeout")]

            with pytest.raises(RequestTimeout):
                await core.load_older()
            assert values(core) == [2]
            assert core.replica.start_seq == 2

    async def test_what_is_deleted_meanwhile_does_not_come_back(self) -> None:
        stream = FaultyStream()
        stream.store.set_many([new(number) for number in range(1, 5)])
        async with stream.core(start_seq=4) as core:
            stream.on_read = lambda: stream.tell(stream.store.delete(seq=2).updates)
            await core.load_older()
            await virtual_time.settle()

            assert values(core) == [1, 3, 4]


class TestRecovery:
    async def test_after_a_reset_only_the_difference_is_told(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            for value, key in (("a", None), ("b", None), (1, "k"), (2, "l")):
                await core.publish(new(value, key))
            await until(lambda: len(core.replica) == 4)
            told = record(core)
            stream.hold_echoes()
            stream.store.delete(seqs=[1, 3])
            stream.store.set(new("c"))
            stream.lose_echoes()
            stream.reset()
            await until(lambda: len(core.replica) == 3)

            assert told == [(1, UNDEFINED), (3, UNDEFINED), (5, "c")]
            assert values(core) == ["b", 2, "c"]

    async def test_what_is_deleted_while_it_is_loaded_again_does_not_come_back(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            await core.publish(new("a"))
            await core.publish(new("b"))
            await until(lambda: len(core.replica) == 2)
            told = record(core)
            deletions: list[asyncio.Task[list[int]]] = []

            def delete() -> None:
                deletions.append(asyncio.create_task(core.delete(seq=1)))

            stream.on_read = delete
            stream.reset()
            await until(lambda: core.epoch == 1 and bool(told))
            await asyncio.gather(*deletions)

            assert told == [(1, UNDEFINED)]
            assert values(core) == ["b"]

    async def test_own_deletions_hide_no_lost_ones_behind_an_equal_count(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            for value in "abc":
                await core.publish(new(value))
            await until(lambda: len(core.replica) == 3)
            stream.store.delete(seq=1)
            told_late = Reset(stream.store.inventory())
            await core.delete(seq=2)
            stream.reset(told_late)
            await until(lambda: values(core) == ["c"])

    async def test_nothing_is_loaded_after_a_reset_that_cannot_concern_us(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            await core.publish(new("a"))
            await until(lambda: len(core.replica) == 1)
            stream.reset(Reset(Inventory(bytes=2, count=1, seq=1)))
            await until(lambda: core.epoch == 1)

            assert len(stream.loads) == 1

    async def test_an_ephemeral_stream_that_began_anew_is_followed(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            for number in range(5):
                await core.publish(new(number))
            await until(lambda: len(core.replica) == 5)
            stream.restart()
            stream.reset()
            await core.publish(new("first"))
            await until(lambda: len(core.replica) == 1)
            await core.publish(new("second"))
            await until(lambda: len(core.replica) == 2)

            assert values(core) == ["first", "second"]

    def test_loading_again_is_tried_until_it_succeeds(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.core() as core:
                stream.errors = [RequestTimeout("timeout")]
                stream.store.set(new("a"))
                stream.reset()
                await asyncio.sleep(3)

                assert values(core) == ["a"]

        virtual_time.run(check())

    def test_a_feed_that_ends_is_replaced_and_what_it_missed_is_told(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.core() as core:
                told = record(core)
                for feed in list(stream.feeds):
                    feed.close()
                stream.store.set(new("missed"))
                await asyncio.sleep(5)
                await core.publish(new("live"))
                await asyncio.sleep(0.01)

                assert told == [(1, "missed"), (2, "live")]
                assert len(stream.feeds) == 1

        virtual_time.run(check())

    async def test_repeated_resets_keep_exactly_one_changefeed_the_original_one(self) -> None:
        """conat-core §21, Core streams: publishing without a server fails with a timeout,
        everything recovers with one changefeed.

        conat-sync §7.5: restarts keep one changefeed, the original one.
        """
        stream = FaultyStream()
        async with stream.core() as core:
            feeds = set(stream.feeds)
            for number in range(3):
                stream.reset()
                await core.publish(new(number))
            await until(lambda: core.epoch == 3)

            assert stream.feeds == feeds
            assert stream.opened == 1

    async def test_skipped_numbers_are_fetched(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            told = record(core)
            stream.store.set_many([new(number) for number in range(1, 10)])
            await core.publish(new(10))
            await until(lambda: len(core.replica) == 10)

            assert stream.loads[1:] == [(1, 9)]
            assert values(core) == list(range(1, 11))
            assert sorted(told) == [(number, number) for number in range(1, 11)]

    async def test_numbers_that_are_gone_are_asked_for_once(self) -> None:
        stream = FaultyStream()
        async with stream.core() as core:
            stream.store.set_many([new(1), new(2)])
            stream.store.delete(all=True)
            await core.publish(new(3))
            await until(lambda: core.has_seen(2))
            await core.publish(new(4))
            await until(lambda: len(core.replica) == 2)

            assert stream.loads[1:] == [(1, 2)]

    def test_fetching_what_was_skipped_is_tried_until_it_succeeds(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.core() as core:
                stream.store.set(new(1))
                stream.tell(stream.store.set(new(2)).updates)
                stream.errors = [RequestTimeout("timeout")]
                await asyncio.sleep(3)

                assert values(core) == [1, 2]

        virtual_time.run(check())


async def test_a_failure_of_its_own_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = FaultyStream()
    async with stream.core() as core:
        monkeypatch.setattr(core.replica, "apply", lambda _update: 1 / 0)
        await core.publish(new("a"))
        await virtual_time.settle()

    assert "a task of stream-box has failed: changes" in caplog.text


async def test_closing_ends_everything_and_clears_the_state() -> None:
    """conat-sync §7.5: keys: values, numbers over reopening, state cleared on close."""
    stream = FaultyStream()
    async with stream.core() as core:
        await core.publish(new(1, "a"))
        await until(lambda: live(core) == {"a": 1})
    await core.close()

    assert not stream.feeds
    assert live(core) == {}
    with pytest.raises(Closed, match="closed"):
        await core.publish(new(2))
    with pytest.raises(Closed):
        await core.load_older()
