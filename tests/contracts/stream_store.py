"""What every stream store does (conat-sync §2), as tests to inherit.

A test module subclasses ``StreamStoreContract`` and gives it a fixture ``store``: an empty
stream whose clock is the fixture ``clock``. Whoever answers remotely wraps itself into the
synchronous ``StreamStore``; ``updates`` are those of its changefeed.
"""

from collections.abc import Sequence

import pytest

from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.errors import (
    Rejected,
    StoreClosed,
    StoreError,
    WrongLastSequence,
)
from cocalc_jupyter_ext.conat.persist.messages import (
    Deleted,
    Inventory,
    NewMessage,
    Receipt,
    Stored,
    StoredMessage,
)
from cocalc_jupyter_ext.conat.persist.store import Change, StreamStore
from cocalc_jupyter_ext.conat.types import JsonObject

__all__ = ["START_MS", "SettableClock", "StreamStoreContract", "contents", "message", "stored"]

START_MS = 1_795_238_542_462


class SettableClock:
    """Unix time in seconds that passes only when told to."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms / 1000


def message(
    raw: bytes = b"\x05",
    *,
    key: str | None = None,
    headers: JsonObject | None = None,
    ttl_ms: float | None = None,
    previous_seq: int | None = None,
    msg_id: str | None = None,
) -> NewMessage:
    """Return a message; its size is 1 unless something is given."""
    return NewMessage(
        raw=raw,
        key=key,
        headers=headers,
        ttl_ms=ttl_ms,
        previous_seq=previous_seq,
        msg_id=msg_id,
    )


def contents(store: StreamStore, start_seq: int | None = None) -> list[StoredMessage]:
    """Return all messages from a number on."""
    return [message for batch in store.batches(start_seq) for message in batch]


def seqs(store: StreamStore) -> list[int]:
    """Return the numbers of all messages."""
    return [message.seq for message in contents(store)]


def stored(change: Change[list[Receipt | StoreError]]) -> list[int]:
    """Return the numbers of the messages that were stored."""
    return [receipt.seq for receipt in change.result if isinstance(receipt, Receipt)]


def deleted(change: Change[object]) -> list[Sequence[int]]:
    """Return the numbers in each deletion among the updates."""
    return [update.seqs for update in change.updates if isinstance(update, Deleted)]


class StreamStoreContract:
    """The contract; see the module."""

    @pytest.fixture
    def clock(self) -> SettableClock:
        return SettableClock()

    def test_messages_come_back_as_they_were_stored(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        headers = {"who": "Ann Ü \u2028 \U0001f600", "null": None, "nested": {"a": [1, 2.5]}}
        new = NewMessage(raw=b"\x00\xff", encoding=1, headers=headers, key="clé")
        change = store.set(new)

        expected = StoredMessage(
            seq=1, time_ms=START_MS, raw=b"\x00\xff", encoding=1, key="clé", headers=headers
        )
        assert change == Change(Receipt(1, START_MS), (Stored(expected),))
        assert contents(store) == [expected]
        assert store.get(seq=1) == store.get(key="clé") == expected

    @pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 300_000])
    def test_payloads_of_any_size_come_back_and_count_with_their_own_size(
        self, store: StreamStore, size: int
    ) -> None:
        store.set(message(b"ab" * (size // 2) + b"c" * (size % 2)))

        (back,) = contents(store)
        assert back.raw == b"ab" * (size // 2) + b"c" * (size % 2)
        assert store.inventory().bytes == size

    def test_what_was_not_given_does_not_come_back(self, store: StreamStore) -> None:
        store.set(message(b"a"))

        (back,) = contents(store)
        assert (back.key, back.headers, back.encoding) == (None, None, 0)

    def test_sequence_numbers_are_never_used_again(self, store: StreamStore) -> None:
        """conat-sync §8.3: numbers are never used again."""
        assert stored(store.set_many([message(), message()])) == [1, 2]
        store.delete(all=True)

        assert store.set(message()).result.seq == 3

    def test_a_key_keeps_only_its_last_message_and_tells_no_deletion(
        self, store: StreamStore
    ) -> None:
        store.set_many([message(b"old", key="k"), message(b"other")])

        change = store.set(message(b"new", key="k"))

        assert len(change.updates) == 1
        assert isinstance(change.updates[0], Stored)
        assert [m.raw for m in contents(store)] == [b"other", b"new"]
        assert store.keys() == ["k"]

    @pytest.mark.parametrize("key", ["", "\0", "a\0b", "'; --", "ключ", "\U0001f600" * 100])
    def test_any_text_is_a_key(self, store: StreamStore, key: str) -> None:
        store.set(message(b"1", key=key))
        store.set(message(b"2", key=key))

        assert store.keys() == [key]
        back = store.get(key=key)
        assert back is not None
        assert (back.key, back.raw) == (key, b"2")

    def test_what_no_stream_can_hold_is_rejected_and_finds_nothing(
        self, store: StreamStore
    ) -> None:
        with pytest.raises(Rejected):
            store.set(message(key="\ud800"))
        with pytest.raises(Rejected):
            store.set(message(headers={"bytes": b"x"}))
        assert store.get(key="\ud800") is None
        assert contents(store) == []

    @pytest.mark.parametrize("seq", [0, -1, 2, 2**70, -(2**70)])
    def test_numbers_that_do_not_exist_find_nothing(self, store: StreamStore, seq: int) -> None:
        store.set(message())

        assert store.get(seq=seq) is None
        assert store.delete(seq=seq) == Change([], (Deleted([]),))
        assert seqs(store) == [1]

    def test_getting_prefers_a_number_to_a_key(self, store: StreamStore) -> None:
        store.set_many([message(b"1"), message(b"2", key="k")])

        by_seq, by_key = store.get(seq=1, key="k"), store.get(seq=0, key="k")

        assert by_seq is not None
        assert by_key is not None
        assert (by_seq.seq, by_key.seq) == (1, 2)
        assert store.get() is None

    # Ranges (§1.5)

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (None, None, [1, 2, 3, 5]),
            (2, None, [2, 3, 5]),
            (4, None, [5]),
            (None, 3, [1, 2, 3]),
            (2, 3, [2, 3]),
            (6, None, []),
            (3, 2, []),
            (-5, 2**70, [1, 2, 3, 5]),
            (2**70, None, []),
        ],
    )
    def test_ranges_include_both_ends(
        self, store: StreamStore, start: int | None, end: int | None, expected: list[int]
    ) -> None:
        store.set_many([message() for _ in range(5)])
        store.delete(seq=4)

        found = [m.seq for batch in store.batches(start, end) for m in batch]

        assert found == expected

    def test_a_batch_ends_with_the_message_that_fills_it(self, store: StreamStore) -> None:
        store.set_many([message(b"x" * size) for size in (10, 9, 1, 50, 5)])

        sizes = [[len(m.raw) for m in batch] for batch in store.batches(max_bytes=20)]

        assert sizes == [[10, 9, 1], [50], [5]]

    def test_what_is_stored_while_batches_are_read_is_not_part_of_them(
        self, store: StreamStore
    ) -> None:
        store.set_many([message(key="a"), message(key="b"), message(key="c")])

        found = []
        for batch in store.batches(max_bytes=1):
            found += [m.seq for m in batch]
            store.set(message(key="b"))

        assert found == [1, 3]

    # previousSeq (§2.5)

    def test_a_writer_may_demand_what_a_key_has(self, store: StreamStore) -> None:
        store.set_many([message(key="k"), message(key="other")])

        assert store.set(message(key="k", previous_seq=1)).result.seq == 3
        with pytest.raises(WrongLastSequence, match="wrong last sequence"):
            store.set(message(key="k", previous_seq=1))
        with pytest.raises(WrongLastSequence):
            store.set(message(key="k", previous_seq=0))
        assert seqs(store) == [2, 3]

    def test_a_missing_key_has_no_number(self, store: StreamStore) -> None:
        with pytest.raises(WrongLastSequence):
            store.set(message(key="k", previous_seq=0))

    def test_without_a_key_there_is_no_number_to_demand(self, store: StreamStore) -> None:
        assert store.set(message(previous_seq=99)).result.seq == 1

    def test_items_of_one_call_see_each_other(self, store: StreamStore) -> None:
        change = store.set_many([message(key="k"), message(key="k", previous_seq=1)])

        assert stored(change) == [1, 2]

    # msgID (§2.5)

    def test_a_repeated_attempt_is_answered_again_and_stores_nothing(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        first = store.set(message(b"1", msg_id="id"))
        clock.now_ms += 119_999

        again = store.set(message(b"2", msg_id="id"))

        assert again == Change(first.result)
        assert isinstance(first.updates[0], Stored)
        assert first.updates[0].msg_id == "id"
        assert [m.raw for m in contents(store)] == [b"1"]

    def test_message_ids_are_forgotten_after_two_minutes(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        """conat-sync §8.3: msgID is known for 2 minutes."""
        store.set(message(msg_id="id"))
        clock.now_ms += 120_000

        assert store.set(message(msg_id="id")).result.seq == 2

    def test_a_repetition_in_one_call_is_recognised(self, store: StreamStore) -> None:
        change = store.set_many([message(msg_id="id"), message(msg_id="id")])

        assert stored(change) == [1, 1]
        assert len(change.updates) == 1

    def test_refused_messages_are_not_remembered(self, store: StreamStore) -> None:
        with pytest.raises(WrongLastSequence):
            store.set(message(key="k", previous_seq=7, msg_id="id"))

        assert store.set(message(key="k", msg_id="id")).result.seq == 1

    def test_a_repetition_is_recognised_before_anything_else(self, store: StreamStore) -> None:
        store.set(message(key="k"))
        store.set(message(key="k", previous_seq=1, msg_id="id"))
        store.config({"max_msg_size": 0})

        assert store.set(message(key="k", previous_seq=1, msg_id="id")).result.seq == 2

    # setMany (§1.5)

    def test_a_failing_item_does_not_stop_the_others(self, store: StreamStore) -> None:
        store.config({"max_msg_size": 10})

        change = store.set_many(
            [message(), message(b"x" * 11), message(key="k", previous_seq=3), message()]
        )

        first, too_big, wrong, last = change.result
        assert isinstance(too_big, Rejected)
        assert isinstance(wrong, WrongLastSequence)
        assert (first, last) == (Receipt(1, START_MS), Receipt(2, START_MS))
        assert seqs(store) == [1, 2]

    def test_nothing_is_stored_of_nothing(self, store: StreamStore) -> None:
        assert store.set_many([]) == Change([])

    # delete (§1.5)

    @pytest.mark.parametrize(
        ("selector", "result", "left"),
        [
            ({"all": True}, [1, 2, 4], []),
            ({"last_seq": 2}, [1, 2], [4]),
            ({"last_seq": 3}, [1, 2], [4]),
            ({"last_seq": 2**70}, [1, 2, 4], []),
            ({"last_seq": 0}, [], [1, 2, 4]),
            ({"seq": 2}, [2], [1, 4]),
            ({"seq": 3}, [], [1, 2, 4]),
            ({"seqs": [4, 3, 1]}, [4, 3, 1], [2]),
            ({"seqs": [2**70]}, [2**70], [1, 2, 4]),
            ({"seqs": []}, [], [1, 2, 4]),
            ({}, [], [1, 2, 4]),
            ({"all": True, "last_seq": 1, "seq": 2}, [1, 2, 4], []),
            ({"last_seq": 1, "seq": 2, "seqs": [4]}, [1], [2, 4]),
            ({"seq": 2, "seqs": [4]}, [2], [1, 4]),
        ],
    )
    def test_deleting_returns_and_tells_the_numbers(
        self, store: StreamStore, selector: dict[str, object], result: list[int], left: list[int]
    ) -> None:
        store.set_many([message() for _ in range(4)])
        store.delete(seq=3)

        change = store.delete(**selector)  # type: ignore[arg-type]

        told = [seq for seq in result if seq in (1, 2, 4)]
        assert change == Change(result, (Deleted(told),))
        assert seqs(store) == left
        assert store.inventory().count == len(left)

    # Settings (§2.6)

    def test_settings_are_complete_and_change_one_by_one(self, store: StreamStore) -> None:
        """conat-sync §8.3: config returns nine fields and enforces."""
        store.config({"max_msgs": 100, "allow_msg_ttl": True, "no_such_field": 1})
        change = store.config({"max_age": "2500.9", "max_msgs": None, "desc": {"a": [None]}})

        assert change.updates == ()
        assert change.result == store.config().result
        assert change.result.max_age == 2500
        assert change.result.max_msgs == 100
        assert change.result.desc == {"a": [None]}
        assert change.result.discard_policy == "old"
        assert set(change.result.to_wire()) == set(StreamConfig().to_wire())

    def test_a_number_that_is_none_lifts_its_limit(self, store: StreamStore) -> None:
        store.config({"max_msgs": 1})
        store.config({"max_msgs": "many"})

        store.set_many([message(), message()])

        assert seqs(store) == [1, 2]

    def test_a_description_that_is_no_json_is_rejected(self, store: StreamStore) -> None:
        with pytest.raises(Rejected):
            store.config({"desc": b"bytes", "max_msgs": 1})

        assert store.config().result.max_msgs == -1

    # Limits (§2.8, §7.11)

    def test_the_oldest_go_when_there_are_too_many(self, store: StreamStore) -> None:
        store.config({"max_msgs": 2})
        store.set_many([message(), message()])

        change = store.set(message())

        assert deleted(change) == [[1]]
        assert isinstance(change.updates[-1], Stored)
        assert seqs(store) == [2, 3]

    def test_overwriting_a_key_at_the_limit_evicts_the_oldest(self, store: StreamStore) -> None:
        store.config({"max_msgs": 2})
        store.set_many([message(key="a"), message(key="b")])

        change = store.set(message(key="b"))

        assert deleted(change) == [[1]]
        assert store.keys() == ["b"]

    def test_new_messages_are_refused_when_old_ones_stay(self, store: StreamStore) -> None:
        store.config({"max_msgs": 3, "max_bytes": 300, "discard_policy": "new"})
        store.set_many([message(b"x" * 10), message(), message()])

        with pytest.raises(Rejected, match="max_msgs"):
            store.set(message())
        store.config({"max_msgs": -1})
        with pytest.raises(Rejected, match="max_bytes"):
            store.set(message(b"x" * 299))
        assert seqs(store) == [1, 2, 3]

    def test_old_messages_make_room_for_bytes(self, store: StreamStore) -> None:
        store.config({"max_bytes": 60})
        store.set_many([message(b"x" * 40)])

        assert deleted(store.set(message(b"x" * 45))) == [[1]]
        assert deleted(store.set(message(b"x"))) == []
        assert seqs(store) == [2, 3]

    def test_a_message_beyond_all_bytes_is_stored_and_goes_next(self, store: StreamStore) -> None:
        store.config({"max_bytes": 100})
        store.set(message())

        assert deleted(store.set(message(b"x" * 1000))) == [[1]]
        assert seqs(store) == [2]
        assert deleted(store.config()) == [[2]]
        assert seqs(store) == []

    def test_aged_messages_go_with_the_next_write_or_config(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        store.config({"max_age": 1000, "discard_policy": "new"})
        store.set(message())
        clock.now_ms += 999
        assert store.config().updates == ()
        clock.now_ms += 1

        assert seqs(store) == [1]
        assert deleted(store.set(message())) == [[1]]
        store.config({"max_age": -1})
        clock.now_ms += 10_000
        assert store.config().updates == ()

    @pytest.mark.parametrize(
        ("ttl_ms", "life_ms"),
        [(25, 0), (50, 0), (999, 0), (1500, 1000), (86_400_000, 86_400_000), (1500.5, 1500.5)],
    )
    def test_own_lifetimes_end_at_whole_seconds(
        self, store: StreamStore, clock: SettableClock, ttl_ms: float, life_ms: float
    ) -> None:
        store.config({"allow_msg_ttl": True})
        store.set_many([message(), message(ttl_ms=ttl_ms)])

        clock.now_ms += int(life_ms) - 2
        if life_ms > 2:
            assert store.config().updates == ()
        clock.now_ms += 4
        assert deleted(store.config()) == [[2]]

    def test_own_lifetimes_do_not_count_unless_allowed(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        store.set(message(ttl_ms=50))
        clock.now_ms += 5000

        assert store.config().updates == ()
        assert deleted(store.config({"allow_msg_ttl": True})) == [[1]]

    def test_a_message_that_is_too_big_is_refused(self, store: StreamStore) -> None:
        store.config({"max_msg_size": 50})

        with pytest.raises(Rejected, match="max_msg_size of 50 bytes exceeded") as caught:
            store.set(message(b"x" * 51))
        assert caught.value.code == "reject"
        store.config({"max_msg_size": -1})
        store.set(message(b"x" * 51))

    def test_a_refused_message_leaves_everything_as_it_was(self, store: StreamStore) -> None:
        store.config({"max_msgs": 1, "max_bytes": 5, "max_msg_size": 5})
        store.set(message())

        with pytest.raises(Rejected):
            store.set(message(b"x" * 6))

        assert seqs(store) == [1]

    def test_rates_count_what_is_stored_already(
        self, store: StreamStore, clock: SettableClock
    ) -> None:
        store.config({"max_msgs_per_second": 2})
        store.set_many([message(), message(), message()])

        with pytest.raises(Rejected, match="max_msgs_per_second"):
            store.set(message())
        clock.now_ms += 1000
        with pytest.raises(Rejected):
            store.set(message())
        clock.now_ms += 1
        store.set(message())

    def test_rates_of_bytes_count_what_is_stored_already(self, store: StreamStore) -> None:
        store.config({"max_bytes_per_second": 10})
        store.set(message(b"x" * 11))

        with pytest.raises(Rejected, match="max_bytes_per_second"):
            store.set(message())

    # Inventory (§7.12)

    def test_inventory_of_a_key_that_is_set_and_deleted(self, store: StreamStore) -> None:
        store.config({"allow_msg_ttl": True})
        limits = {"allow_msg_ttl": True}
        assert store.inventory() == Inventory(0, 0, 0, limits)

        store.set(message(b"\x05", key="a"))
        assert store.inventory() == Inventory(2, 1, 1, limits)

        tombstone = message(b"\xc0", key="a", headers={"CN-Tombstone": True}, ttl_ms=86_400_000)
        store.set(tombstone)
        assert store.inventory() == Inventory(23, 1, 2, limits)
        back = store.get(key="a")
        assert back is not None
        assert back.is_tombstone
        assert store.keys() == ["a"]

    def test_inventory_of_a_list(self, store: StreamStore) -> None:
        assert store.inventory() == Inventory(0, 0, 0, {})
        store.set(message())
        assert store.inventory() == Inventory(1, 1, 1, {})
        store.set_many([message() for _ in range(4)])
        assert store.inventory() == Inventory(5, 5, 5, {})

    def test_sizes_count_as_in_javascript(self, store: StreamStore) -> None:
        store.set(message(b"ab", key="é\U0001f600", headers={"h": "ü\U0001f600"}))

        assert store.inventory().bytes == 2 + 3 + len('{"h":"ü??"}')

    def test_inventory_tells_the_limits_that_were_wanted(self, store: StreamStore) -> None:
        store.config({"max_bytes": 10**9, "max_msgs": 5, "discard_policy": "new"})

        limits = {"max_bytes": 10**9, "max_msgs": 5, "discard_policy": "new"}
        assert store.inventory().limits == limits

    def test_a_closed_stream_says_so(self, store: StreamStore) -> None:
        store.close()
        store.close()

        for call in (
            store.keys,
            store.inventory,
            store.config,
            store.get,
            store.delete,
            lambda: store.set(message()),
            lambda: list(store.batches()),
        ):
            with pytest.raises(StoreClosed, match="closed"):
                call()
