"""Shared maps (conat-sync §4.2, §7.7, §7.8, §7.11, §7.12)."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import StoreFull
from cocalc_jupyter_ext.conat.persist.messages import Inventory
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.dkv_state import KeyChange, tombstone
from cocalc_jupyter_ext.conat.sync.errors import Closed
from tests.support import virtual_time
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


async def test_new_is_empty_and_a_value_survives_save_close_and_reopening() -> None:
    """conat-sync §7.7: write, read, save, reopen, closed."""
    stream = FaultyStream()
    async with stream.dkv() as box:
        assert box.get_all() == {}
        box["a"] = 10
        assert box["a"] == 10
        await box.save()
    for read in (box.get_all, box.save, lambda: box["a"], lambda: len(box), lambda: "a" in box):
        with pytest.raises(Closed, match="closed"):
            await read()  # type: ignore[misc]
    async with stream.dkv() as again:
        assert dict(again) == {"a": 10}


async def test_it_behaves_like_a_dictionary() -> None:
    async with FaultyStream().dkv() as box:
        box.update({"a": 1, "b": 2})
        box.set_many({"c": 3})

        assert list(box) == ["a", "b", "c"]
        assert (box.pop("b"), box.get("b"), box.get("b", 7)) == (2, None, 7)
        with pytest.raises(KeyError):
            box["b"]
        with pytest.raises(KeyError):
            del box["b"]
        del box["a"]
        assert box.get_all() == {"c": 3}
        assert 5 not in box
        assert box == box  # noqa: PLR0124 - two maps are equal only if they are the same
        assert box != {"c": 3}
        assert len({box}) == 1


async def test_nothing_is_visible_to_others_until_save() -> None:
    """conat-sync §7.7: not visible to others until save."""
    stream = FaultyStream()
    async with stream.dkv() as one, stream.dkv() as two:
        one["a"] = 1
        await virtual_time.settle()
        assert two.get_all() == {}
        await one.save()
        await until(lambda: two.get_all() == {"a": 1})


async def test_a_second_reading_agrees_right_after_save() -> None:
    """conat-sync §7.7: times; headers before saving and after the echo; stats; two saves differ by
    exactly 1.
    """
    async with FaultyStream().dkv() as box:
        box.set("a", 1, headers={"by": "me"})
        assert (box.seq("a"), box.time("a"), box.times()) == (None, None, {})
        assert box.headers("a") == {"by": "me"}
        await box.save()

        time = box.time("a")
        assert time is not None
        assert abs((datetime.now(UTC) - time).total_seconds()) < 30
        assert box.times() == {"a": time}
        assert box.headers("a") == {"by": "me"}
        assert box.headers("b") is None
        assert box.stats().count == 1
        assert box.stats().bytes > 0
        assert box.is_stable()
        assert not box.has_unsaved_changes()


async def test_two_consecutive_saves_of_one_key_differ_by_exactly_1_in_seq() -> None:
    """conat-sync §7.7: stats; two saves differ by exactly 1."""
    async with FaultyStream().dkv(autosave=True) as box:
        box["a"] = 1
        await box.save()
        first = box.seq("a")
        box["a"] = 2
        await box.save()

        assert first is not None
        assert box.seq("a") == first + 1


async def test_deletion_propagates_and_has_and_get_agree() -> None:
    """conat-sync §7.7: delete and clear."""
    stream = FaultyStream()
    async with stream.dkv() as one, stream.dkv() as two:
        one["a"] = 1
        await one.save()
        await until(lambda: "a" in two)
        two.delete("a")
        assert "a" not in two
        assert two.headers("a") is None
        await two.save()
        await until(lambda: "a" not in one)

        assert one.get("a", "none") == two.get("a", "none") == "none"


async def test_a_clear_elsewhere_does_not_touch_unsaved_keys_and_one_s_own_does() -> None:
    """conat-sync §7.7: delete and clear."""
    stream = FaultyStream()
    async with stream.dkv() as one, stream.dkv() as two:
        one["a"] = 1
        await one.save()
        await until(lambda: "a" in two)
        two["mine"] = 2
        one.clear()
        await one.save()
        await until(lambda: "a" not in two)
        assert two.get_all() == {"mine": 2}
        two.clear()
        await two.save()

        assert two.get_all() == one.get_all() == {}


async def test_25_inserts_save_clear_save_end_empty() -> None:
    """conat-sync §7.7: 25 inserts, save, clear, save: empty."""
    async with FaultyStream().dkv() as box:
        for number in range(25):
            box[str(number)] = number
        await box.save()
        box.clear()
        await box.save()

        assert len(box) == 0
        assert (await box.inventory()).count == 25  # The tombstones.


async def test_four_clients_that_write_different_keys_converge_to_the_union() -> None:
    """conat-sync §7.7: four clients converge."""
    stream = FaultyStream()
    async with stream.dkv() as a, stream.dkv() as b, stream.dkv() as c, stream.dkv() as d:
        boxes = [a, b, c, d]
        for number, box in enumerate(boxes):
            box[str(number)] = number
        await asyncio.gather(*(box.save() for box in boxes))
        await until(lambda: all(len(box) == 4 for box in boxes))

        assert all(box.get_all() == {str(n): n for n in range(4)} for box in boxes)


async def test_null_is_a_value_undefined_deletes_and_the_empty_text_is_a_key() -> None:
    """conat-sync §7.7: null, undefined, the empty key."""
    stream = FaultyStream()
    async with stream.dkv() as one, stream.dkv() as two:
        one["null"] = None
        one[""] = 1
        one["gone"] = 1
        one.set("gone", UNDEFINED)
        await one.save()
        await until(lambda: len(two) == 2)

        assert "null" in two
        assert two["null"] is None
        assert two.get_all() == {"null": None, "": 1}


async def test_dates_and_binary_survive() -> None:
    """conat-sync §7.7: before save; dates; long keys; equal times; binary, small and beyond the
    payload limit.
    """
    stream = FaultyStream()
    values = {"date": datetime(2026, 1, 1, tzinfo=UTC), "bytes": b"\0" * 1000}
    async with stream.dkv() as one, stream.dkv() as two:
        one.update(values)
        await one.save()
        await until(lambda: two.get_all() == values)


async def test_changes_are_told_after_the_echo_and_stable_when_nothing_is_on_its_way() -> None:
    stream = FaultyStream()
    async with stream.dkv() as box:
        told: list[object] = []
        box.changes.connect(told.append)
        box.stable.connect(lambda: told.append("stable"))
        box["a"] = 1
        await virtual_time.settle()
        assert told == []
        assert not box.is_stable()
        await box.save()

        assert told == [KeyChange("a", 1, UNDEFINED, is_deleted=False), "stable"]


class TestSaving:
    async def test_without_autosave_exactly_one_pass_is_made_and_its_error_raised(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box["a"] = 1
            stream.errors = [RequestTimeout("timeout")]

            with pytest.raises(RequestTimeout):
                await box.save()
            assert box.unsaved_changes() == ["a"]
            await box.save()
            assert box.unsaved_changes() == []

    async def test_without_autosave_the_failure_of_one_write_is_raised_too(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box.update({"a": 1, "b": 2})
            stream.failing_keys = {"a"}
            with pytest.raises(StoreFull, match="disk"):
                await box.save()
            assert box.unsaved_changes() == ["a"]

    def test_with_autosave_failures_are_tried_again(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.dkv(autosave=True) as box:
                stream.errors = [RequestTimeout("timeout")] * 3
                box["a"] = 1
                await box.save()

                assert box.unsaved_changes() == []

        virtual_time.run(check())

    async def test_autosave_sends_what_is_written_at_once_in_one_request(self) -> None:
        """conat-sync §7.7: 50 sets at once."""
        stream = FaultyStream()
        async with stream.dkv(autosave=True) as box:
            for number in range(50):
                box[str(number)] = number
            await until(box.is_stable)

            assert [len(batch) for batch in stream.written] == [50]

    async def test_closing_saves_what_is_unsaved(self) -> None:
        stream = FaultyStream()
        async with stream.dkv(autosave=True) as box:
            box["a"] = 1
        async with stream.dkv() as again:
            assert again.get_all() == {"a": 1}

    def test_a_slow_echo_does_not_send_a_value_twice(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            async with stream.dkv(autosave=True) as box:
                stream.hold_echoes()
                box["a"] = 1
                await asyncio.sleep(5)
                assert not box.has_unsaved_changes()
                assert not box.is_stable()
                stream.release()
                await box.save()

                assert len(stream.written) == 1
                assert box.is_stable()

        virtual_time.run(check())

    async def test_a_deletion_before_the_echo_of_a_write_is_not_lost(self) -> None:
        stream = FaultyStream()
        async with stream.dkv(autosave=True) as box:
            stream.hold_echoes()
            box["a"] = 1
            await until(lambda: not box.has_unsaved_changes())
            box.delete("a")
            await until(lambda: not box.has_unsaved_changes())
            stream.release()
            await box.save()
        async with stream.dkv() as again:
            assert again.get_all() == {}

    async def test_a_rejected_write_is_told_once_save_completes_and_the_key_is_absent(
        self,
    ) -> None:
        """conat-sync §7.11: dkv max_msg_size."""
        async with FaultyStream().dkv(autosave=True, config={"max_msg_size": 100}) as box:
            told: list[tuple[str, Any]] = []
            box.rejects.connect(lambda rejection: told.append((rejection.key, rejection.value)))
            box["small"] = "x"
            box["big"] = "x" * 200
            await box.save()

            assert told == [("big", "x" * 200)]
            assert box.get_all() == {"small": "x"}

    async def test_save_waits_no_longer_than_until_the_mirror_is_closed(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box["a"] = 1
            stream.hold_echoes()
            saving = asyncio.create_task(box.save())
            await until(lambda: not box.has_unsaved_changes())
        await saving


class TestConflicts:
    async def test_by_default_the_later_saver_wins(self) -> None:
        """conat-sync §7.8: the later saver wins."""
        stream = FaultyStream()
        async with stream.dkv() as one, stream.dkv() as two:
            one["a"] = "one"
            two["a"] = "two"
            await two.save()
            await until(lambda: len(one.times()) == 1)
            assert one["a"] == "one"
            await one.save()
            await until(lambda: two["a"] == "one")

    @pytest.mark.parametrize("autosave", [True, False])
    async def test_merged_values_end_up_on_both_sides(self, autosave: bool) -> None:
        def merge(conflict: Any) -> Any:
            return sorted({*conflict.local, *(conflict.remote or [])})

        stream = FaultyStream()
        one_, two_ = (stream.dkv(merge=merge, autosave=autosave) for _ in "12")
        async with one_ as one, two_ as two:
            for number in range(10):
                one["a"] = sorted({*one.get("a", []), number})
                two["a"] = sorted({*two.get("a", []), 100 + number})
                if not autosave:
                    await asyncio.gather(one.save(), two.save())
            while one.has_unsaved_changes() or two.has_unsaved_changes():
                await asyncio.gather(one.save(), two.save())
                await virtual_time.settle()
            await until(lambda: one.get_all() == two.get_all())

            assert one["a"] == [*range(10), *range(100, 110)]

    def test_a_refused_write_is_merged_as_soon_as_the_newer_value_is_told(self) -> None:
        async def check() -> None:
            stream = FaultyStream()
            one_ = stream.dkv(merge=lambda c: c.remote + c.local, autosave=True)
            async with one_ as one, stream.dkv() as two:
                one["a"] = "0"
                await one.save()
                stream.hold_echoes()
                two["a"] = "1"
                saving = asyncio.create_task(two.save())
                one["a"] = "2"
                await virtual_time.settle()
                stream.release()
                await one.save()
                await saving

                assert one["a"] == "12"
                assert asyncio.get_running_loop().time() < 0.1

        virtual_time.run(check())

    async def test_what_merging_wrote_is_saved_by_itself(self) -> None:
        stream = FaultyStream()
        one_, two_ = (stream.dkv(merge=lambda c: c.remote, autosave=True) for _ in "12")
        async with one_ as one, two_ as two:
            stream.hold_echoes()
            two["a"] = "two"
            await until(lambda: not two.has_unsaved_changes())
            one["a"] = "one"
            await until(lambda: not one.has_unsaved_changes())
            stream.release()
            await until(lambda: one.is_stable() and two.is_stable())
            await until(lambda: one.get_all() == two.get_all() == {"a": "two"})


class TestRecovery:
    async def test_a_deletion_missed_while_disconnected_is_told(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as one, stream.dkv() as two:
            one.update({"a": 1, "b": 2})
            await one.save()
            await until(lambda: len(two) == 2)
            told: list[KeyChange] = []
            two.changes.connect(told.append)
            stream.hold_echoes()
            stream.store.set(tombstone("a"))
            stream.store.delete(seqs=[2])
            stream.lose_echoes()
            stream.reset()
            await until(lambda: len(two) == 0)

            assert sorted((c.key, c.value, c.prev, c.is_deleted) for c in told) == [
                ("a", None, 1, True),
                ("b", None, 2, True),
            ]

    async def test_a_lost_echo_is_settled_by_the_reset_that_follows(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box["a"] = 1
            stream.hold_echoes()
            saving = asyncio.create_task(box.save())
            await until(lambda: not box.has_unsaved_changes())
            stream.lose_echoes()
            stream.reset()
            await saving

            assert box.is_stable()
            assert box.get_all() == {"a": 1}

    async def test_a_lost_echo_of_what_is_gone_again_is_settled_too(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box["a"] = 1
            stream.hold_echoes()
            saving = asyncio.create_task(box.save())
            await until(lambda: not box.has_unsaved_changes())
            stream.store.delete(all=True)
            stream.lose_echoes()
            stream.reset(Reset(Inventory(bytes=0, count=0, seq=0)))
            await saving

            assert box.get_all() == {}

    async def test_a_value_that_was_told_and_is_gone_with_its_echo_is_told_as_deleted(self) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box:
            box["a"] = "old"
            await box.save()
            told: list[tuple[Any, bool]] = []
            box.changes.connect(lambda change: told.append((change.value, change.is_deleted)))
            box["a"] = "new"
            stream.hold_echoes()
            saving = asyncio.create_task(box.save())
            await until(lambda: not box.has_unsaved_changes())
            stream.store.delete(all=True)
            stream.lose_echoes()
            stream.reset(Reset(Inventory(bytes=0, count=0, seq=0)))
            await saving

            assert box.get_all() == {}
            assert told[-1] == (None, True)

    async def test_a_correction_is_told_before_what_happened_after_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = FaultyStream()
        async with stream.dkv() as box, stream.dkv() as other:
            box["a"] = "old"
            await box.save()
            await until(lambda: "a" in other)
            told: list[Any] = []
            box.changes.connect(lambda change: told.append(change.value))
            box["a"] = "mine"
            del other["a"]
            await other.save()
            await until(lambda: told == ["mine"])
            del box["a"]
            box["b"] = "more"
            set_many = box._core._access.set_many

            async def set_many_slowly(*messages: Any, **options: Any) -> Any:
                other["a"] = "theirs"
                await other.save()
                await until(lambda: box.get("a") == "theirs")
                return await set_many(*messages, **options)

            monkeypatch.setattr(box._core._access, "set_many", set_many_slowly)
            await box.save()

            assert told == ["mine", None, "theirs", "more"]


class TestLimits:
    async def test_max_msgs_2_takes_the_first_of_three_keys(self) -> None:
        """conat-sync §7.11: dkv max_msgs."""
        async with FaultyStream().dkv(autosave=True, config={"max_msgs": 2}) as box:
            box.update({"a": 1, "b": 2, "c": 3})
            await box.save()
            await until(lambda: box.get_all() == {"b": 2, "c": 3})

    async def test_max_age_takes_keys_when_the_configuration_is_asked_for(self) -> None:
        """conat-sync §7.11: dkv max_age."""
        now_s = [1000.0]
        stream = _aging(now_s)
        async with stream.dkv(config={"max_age": 50}) as box:
            told: list[KeyChange] = []
            box["a"] = 1
            await box.save()
            box.changes.connect(told.append)
            now_s[0] += 1
            await box.config()
            await until(lambda: box.get_all() == {})

            assert told == [KeyChange("a", None, 1, is_deleted=True)]

    async def test_max_bytes_100_takes_the_older_of_two_values(self) -> None:
        """conat-sync §7.11: dkv max_bytes."""
        async with FaultyStream().dkv(config={"max_bytes": 100}) as box:
            box["a"] = "x" * 50
            await box.save()
            box["b"] = "x" * 55
            await box.save()
            await until(lambda: list(box) == ["b"])

    async def test_inventory_numbers_of_a_map(self) -> None:
        """§7.12."""
        async with FaultyStream().dkv() as box:
            empty = await box.inventory()
            assert (empty.bytes, empty.count, empty.seq) == (0, 0, 0)
            assert empty.limits == {"allow_msg_ttl": True}
            box["a"] = 5
            await box.save()
            assert await box.inventory() == Inventory(2, 1, 1, {"allow_msg_ttl": True})
            del box["a"]
            await box.save()
            assert await box.inventory() == Inventory(23, 1, 2, {"allow_msg_ttl": True})


def _aging(now_s: list[float]) -> FaultyStream:
    return FaultyStream(MemoryStore(clock=lambda: now_s[0]))
