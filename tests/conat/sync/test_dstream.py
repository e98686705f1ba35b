"""Shared logs (conat-sync §4.1, §7.6, §7.11)."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.dstream import DStream
from cocalc_jupyter_ext.conat.sync.errors import Closed, NothingSelected, UndefinedValue
from tests.support import virtual_time
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


async def test_it_starts_empty_and_a_pushed_object_is_visible_at_once() -> None:
    """conat-sync §7.6: visible at once, unsaved until saved."""
    async with FaultyStream().dstream() as log:
        assert log.get_all() == []
        log.push({"a": 1})

        assert log.get_all() == list(log) == [{"a": 1}]
        assert (len(log), log[0], log[-1], log[:]) == (1, {"a": 1}, {"a": 1}, [{"a": 1}])
        assert log.unsaved_changes() == [{"a": 1}]
        await log.save()
        assert not log.has_unsaved_changes()
        assert log.unsaved_changes() == []


async def test_an_undefined_value_is_refused() -> None:
    """conat-sync §7.5: empty; null, binary, dates; undefined is refused."""
    async with FaultyStream().dstream() as log:
        with pytest.raises(UndefinedValue, match="must not be 'undefined'"):
            log.publish(UNDEFINED)


async def test_after_closing_reading_fails_and_reopening_gives_the_messages() -> None:
    """conat-sync §7.2: a log written, saved, closed and reopened, also without pause.

    conat-sync §7.6: closed; reopened; closing with and without autosave.
    """
    stream = FaultyStream()
    async with stream.dstream(autosave=True) as log:
        log.push("a")
    for read in (log.get_all, log.save, lambda: log.publish("b"), lambda: len(log)):
        with pytest.raises(Closed, match="closed"):
            await read()  # type: ignore[misc]

    async with stream.dstream() as again:
        assert again.get_all() == ["a"]


async def test_closing_without_autosave_loses_unsaved_data() -> None:
    """conat-sync §7.6: closing with and without autosave."""
    stream = FaultyStream()
    async with stream.dstream(autosave=False) as log:
        log.push("a")
    async with stream.dstream() as again:
        assert again.get_all() == []


async def test_nothing_is_visible_to_others_before_save_and_then_it_arrives_with_a_change() -> None:
    """conat-sync §7.6: nothing visible to the other before save, then with a change."""
    stream = FaultyStream()
    async with stream.dstream() as one, stream.dstream() as two:
        told: list[tuple[Any, int]] = []
        two.changes.connect(lambda value, seq: told.append((value, seq)))
        one.push("from one")
        await virtual_time.settle()
        assert two.get_all() == []
        await one.save()
        await until(lambda: len(two) == 1)
        two.push("from two")
        await two.save()
        await until(lambda: len(one) == 2 and one.is_stable())

        assert one.get_all() == two.get_all() == ["from one", "from two"]
        assert told == [("from one", 1), ("from two", 2)]


async def test_simultaneous_saves_end_in_the_same_order_on_both_sides() -> None:
    """conat-sync §7.6: simultaneous saves end in one order."""
    stream = FaultyStream()
    async with stream.dstream() as one, stream.dstream() as two:
        for number in range(50):
            one.push(f"one {number}")
            two.push(f"two {number}")
        await asyncio.gather(one.save(), two.save())
        await until(lambda: one.is_stable() and two.is_stable() and one.seqs() == two.seqs())

        assert len(one) == 100
        assert one.get_all() == two.get_all()


async def test_seq_and_time_are_undefined_before_saving_and_known_right_after() -> None:
    """conat-sync §7.6: seq and time."""
    stream = FaultyStream()
    async with stream.dstream() as log:
        log.push("a", "b")
        assert [log.seq(0), log.time(0), log.seqs()] == [None, None, []]
        stream.hold_echoes()
        await log.save()

        assert [log.seq(0), log.seq(1), log.seq(-1), log.seq(2)] == [1, 2, 2, None]
        assert log.seqs() == [1, 2]
        assert not log.is_stable()
        time = log.time(0)
        assert time is not None
        assert abs((datetime.now(UTC) - time).total_seconds()) < 30
        stream.release()
        await until(log.is_stable)
        assert log.seqs() == [1, 2]
        assert log.times() == [log.time(0), log.time(1)]


async def test_messages_are_read_by_index_wherever_they_are() -> None:
    """§4.1: the original uses a wrong index for what is saved but not yet echoed."""
    stream = FaultyStream()
    async with stream.dstream() as log:
        log.push("confirmed")
        await log.save()
        await until(log.is_stable)
        stream.hold_echoes()
        log.push("saved")
        await log.save()
        log.push("local")

        assert [log.get(n) for n in range(4)] == ["confirmed", "saved", "local", None]
        assert [log[-n] for n in (1, 2, 3)] == ["local", "saved", "confirmed"]
        for index in (3, -4):
            with pytest.raises(IndexError):
                log[index]
        assert log.get(9, "nothing") == "nothing"
        stream.release()


async def test_user_headers_are_invisible_until_acknowledged() -> None:
    """conat-sync §7.6: headers are invisible until acknowledged; those of the system begin with
    CN-.
    """
    stream = FaultyStream()
    async with stream.dstream() as log:
        log.publish("a", headers={"by": "me"})
        assert log.headers(0) is None
        stream.hold_echoes()
        await log.save()
        assert log.headers(0) == {"by": "me"}
        stream.release()
        await until(log.is_stable)
        assert log.headers(0) == {"by": "me"}


async def test_catching_up_waits_for_what_others_stored_before() -> None:
    stream = FaultyStream()
    async with stream.dstream() as log, stream.dstream() as other:
        await log.catch_up()
        stream.hold_echoes()
        other.push("a")
        await other.save()

        catching_up = asyncio.create_task(log.catch_up())
        too_early, _ = await asyncio.wait({catching_up}, timeout=0.02)
        assert not too_early
        stream.release()
        await catching_up

        assert log.get_all() == ["a"]


async def test_only_messages_from_start_seq_on_are_loaded_and_older_ones_on_demand() -> None:
    """conat-sync §7.6: start_seq and load."""
    stream = FaultyStream()
    async with stream.dstream() as log:
        log.push(*range(1, 101))
        await log.save()
    async with stream.dstream(start_seq=95) as log:
        assert log.get_all() == list(range(95, 101))
        assert log.start_seq == 95
        await log.load(50)
        assert (log[0], log.start_seq) == (50, 50)
        await log.load()
        assert log.get_all() == list(range(1, 101))


async def test_2000_pushes_have_their_length_right_before_and_after_a_single_save() -> None:
    """conat-sync §7.6: length before and after one save; deleting 2000 by list."""
    stream = FaultyStream()
    async with stream.dstream() as log:
        log.push(*range(2000))
        assert len(log) == 2000
        await log.save()

        assert len(log) == 2000
        assert len(stream.written) == 4
        assert await log.delete(seqs=log.seqs()) == list(range(1, 2001))
        assert len(log) == 0


class TestDelete:
    @pytest.mark.parametrize(
        ("options", "gone", "left"),
        [
            ({"all": True}, list(range(1, 11)), []),
            ({"last_index": 4}, [1, 2, 3, 4, 5], [5, 6, 7, 8, 9]),
            ({"last_index": 99}, list(range(1, 11)), []),
            ({"last_index": -1}, [], list(range(10))),
            ({"seq": 3}, [3], [0, 1, 3, 4, 5, 6, 7, 8, 9]),
            ({"last_seq": 8}, [1, 2, 3, 4, 5, 6, 7, 8], [8, 9]),
            ({"seqs": [1, 10]}, [1, 10], list(range(1, 9))),
        ],
    )
    async def test_it_returns_the_numbers_and_is_visible_on_both_sides(
        self, options: dict[str, Any], gone: list[int], left: list[int]
    ) -> None:
        """conat-sync §7.6: delete in all its forms."""
        stream = FaultyStream()
        async with stream.dstream() as one, stream.dstream() as two:
            one.push(*range(10))

            assert await one.delete(**options) == gone
            await until(lambda: two.get_all() == left)
            await until(lambda: one.get_all() == left)

    async def test_one_has_to_say_what_goes(self) -> None:
        async with FaultyStream().dstream() as log:
            with pytest.raises(NothingSelected, match="say what to delete"):
                await log.delete()


async def test_deletions_elsewhere_are_seen_but_are_no_change() -> None:
    stream = FaultyStream()
    async with stream.dstream() as one, stream.dstream() as two:
        one.push("a", "b")
        await one.save()
        await until(lambda: len(two) == 2)
        told: list[Any] = []
        two.changes.connect(lambda *change: told.append(change))
        await one.delete(seq=1)
        await until(lambda: two.get_all() == ["b"])

        assert told == []


async def test_stable_is_told_right_after_the_change_that_makes_it_so() -> None:
    stream = FaultyStream()
    async with stream.dstream() as log:
        told: list[str] = []
        log.changes.connect(lambda value, _seq: told.append(value))
        log.stable.connect(lambda: told.append("stable"))
        log.push("a", "b")
        assert not log.is_stable()
        await log.save()
        await until(log.is_stable)

        assert told == ["a", "b", "stable"]


class TestFailures:
    def test_a_message_published_while_the_server_is_down_is_saved_after_it_is_back(self) -> None:
        """conat-sync §7.5: a log keeps and later saves what was published meanwhile; it opens
        during a restart.
        """

        async def check() -> None:
            stream = FaultyStream()
            async with stream.dstream(autosave=True) as log:
                stream.errors = [RequestTimeout("timeout")] * 5
                log.push("a")
                await virtual_time.settle()
                assert log.unsaved_changes() == ["a"]
                await log.save()

                assert not log.has_unsaved_changes()
                assert len({batch[0].msg_id for batch in stream.written}) == 1

        virtual_time.run(check())

    def test_a_lost_answer_does_not_store_a_message_twice(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.dstream() as log:
                stream.loses_replies = 1
                stream.hold_echoes()
                log.push("a")
                await log.save()
                stream.release()
                await virtual_time.settle()

                assert log.get_all() == ["a"]
                assert stream.store.inventory().count == 1

        virtual_time.run(check())

    def test_an_echo_without_an_answer_shows_the_message_once_and_saves_it(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.dstream() as log:
                stream.loses_replies = 1
                log.push("a")
                saving = asyncio.create_task(log.save())
                await virtual_time.settle()

                assert log.get_all() == ["a"]
                assert not log.has_unsaved_changes()
                await saving

        virtual_time.run(check())

    async def test_a_rejected_message_is_dropped_and_told_the_others_stay(self) -> None:
        """conat-sync §7.11: dstream max_msg_size rejects."""
        async with FaultyStream().dstream(config={"max_msg_size": 50}) as log:
            told: list[tuple[Any, Any]] = []
            log.rejects.connect(lambda refusal: told.append((refusal.value, refusal.error.code)))
            log.push("a", "x" * 60, "b")
            await log.save()

            assert told == [("x" * 60, "reject")]
            assert log.get_all() == ["a", "b"]

    async def test_discard_policy_new_rejects_the_fourth_message_and_a_too_big_one(self) -> None:
        """conat-sync §7.11: discard_policy new."""
        config = {"max_msgs": 3, "max_bytes": 300, "discard_policy": "new"}
        async with FaultyStream().dstream(config=config) as log:
            told: list[Any] = []
            log.rejects.connect(lambda refusal: told.append(refusal.value))
            log.push("a", "b", "c", "d")
            await log.save()
            await log.delete(seq=3)
            log.push("x" * 299)
            await log.save()

            assert told == ["d", "x" * 299]
            assert log.get_all() == ["a", "b"]

    async def test_a_reset_brings_what_was_missed_and_forgets_what_began_anew(self) -> None:
        stream = FaultyStream()
        async with stream.dstream() as log:
            log.push("a")
            stream.hold_echoes()
            await log.save()
            stream.lose_echoes()
            assert not log.is_stable()
            stream.reset()
            await until(log.is_stable)
            assert log.get_all() == ["a"]
            stream.restart()
            stream.reset()
            await until(lambda: len(log) == 0)


async def test_max_msgs_takes_the_oldest_message_from_both_clients_until_it_is_lifted() -> None:
    """conat-sync §7.11: dstream max_msgs, lifted by -1."""
    stream = FaultyStream()
    async with stream.dstream(config={"max_msgs": 2}) as one, stream.dstream() as two:
        one.push("a", "b", "c")
        await one.save()
        await until(lambda: one.get_all() == two.get_all() == ["b", "c"])
        assert (await one.config({"max_msgs": -1})).max_msgs == -1
        one.push("d")
        await one.save()
        await until(lambda: two.get_all() == ["b", "c", "d"])


async def test_the_configuration_and_its_description_are_kept() -> None:
    """conat-sync §7.11: the configuration is kept."""
    stream = FaultyStream()
    async with stream.dstream(config={"max_msgs": 9, "desc": {"a": [1]}}) as log:
        first = await log.config()
        assert (await log.inventory()).count == 0
    async with stream.dstream() as log:
        assert await log.config() == first


async def test_a_log_over_a_stream_with_tombstones_reads_them_as_null() -> None:
    stream = FaultyStream()
    async with stream.dkv() as box:
        box["a"] = 1
        await box.save()
        del box["a"]
        await box.save()
    async with stream.dstream() as log:
        assert isinstance(log, DStream)
        assert log.get_all() == [None]
