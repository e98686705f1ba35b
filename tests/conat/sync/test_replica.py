"""The mirror of a stream: order, keys, repetitions, gaps (conat-sync §3.4, §3.5, §7.5)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.messages import (
    TOMBSTONE_HEADER,
    Deleted,
    Stored,
    StoredMessage,
)
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED, encode
from cocalc_jupyter_ext.conat.sync.replica import Change, Replica


def message(seq: int, value: Any = None, key: str | None = None) -> StoredMessage:
    return StoredMessage(seq=seq, time_ms=seq, raw=encode(value), key=key)


def tombstone(seq: int, key: str) -> StoredMessage:
    return StoredMessage(
        seq=seq, time_ms=seq, raw=encode(None), key=key, headers={TOMBSTONE_HEADER: True}
    )


def stored(seq: int, value: Any = None, key: str | None = None, msg_id: str = "") -> Stored:
    return Stored(message(seq, value, key), msg_id or None)


def told(changes: list[Change]) -> list[tuple[int, str | None, Any, Any]]:
    return [(change.seq, change.key, change.value, change.prev) for change in changes]


def values(replica: Replica) -> list[Any]:
    return [entry.value for entry in replica.entries]


def live(replica: Replica) -> dict[str, Any]:
    return {key: entry.value for key, entry in replica.live.items()}


def loaded(*messages: StoredMessage, start_seq: int | None = None) -> Replica:
    replica = Replica(start_seq)
    replica.load(messages)
    return replica


class TestMessages:
    def test_null_binary_and_date_values_survive_and_values_are_decoded_once(self) -> None:
        replica = loaded(message(1, None), message(2, b"xyz"), message(3, {"a": [1]}))

        assert values(replica) == [None, b"xyz", {"a": [1]}]
        assert replica.entries[2].value is replica.entries[2].value

    def test_bytes_that_are_no_value_read_as_null_and_are_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        replica = loaded(StoredMessage(seq=1, time_ms=1, raw=b"\xc1"), message(2, "good"))

        assert values(replica) == [None, "good"]
        assert "message 1 cannot be decoded" in caplog.text

    def test_live_messages_are_told_with_their_id(self) -> None:
        replica = loaded(message(1, "a"))
        (change,) = replica.apply(stored(2, "b", msg_id="id7"))

        assert (change.seq, change.value, change.prev, change.msg_id) == (2, "b", UNDEFINED, "id7")
        assert values(replica) == ["a", "b"]

    def test_what_was_loaded_is_not_told_again(self) -> None:
        """§1.10: the first load is a watermark; buffered events may repeat it.

        conat-sync §8.4: changefeed first, overlap tolerated.
        """
        replica = loaded(message(1, "a"), message(3, "c"))

        assert [replica.apply(stored(seq)) for seq in (1, 2, 3)] == [[], [], []]
        assert values(replica) == ["a", "c"]

    def test_a_repeated_event_is_not_told_again(self) -> None:
        replica = loaded()
        replica.apply(stored(1, "a"))

        assert replica.apply(stored(1, "a")) == []
        assert len(replica) == 1

    def test_deleted_messages_go_and_each_is_told(self) -> None:
        replica = loaded(message(1, "a"), message(2, "b"), message(3, "c"))

        assert told(replica.apply(Deleted([1, 3, 9]))) == [
            (1, None, UNDEFINED, "a"),
            (3, None, UNDEFINED, "c"),
        ]
        assert values(replica) == ["b"]


class TestKeys:
    def test_repeated_writes_to_one_key_never_grow_the_mirror(self) -> None:
        """conat-sync §7.5: repeated writes never grow the mirror; rapid and alternating writes keep
        one element per key.
        """
        replica = loaded()
        for seq in range(1, 21):
            replica.apply(stored(seq, seq, "a"))

        assert len(replica) == 1
        assert len(replica.entries) == 1
        assert live(replica) == {"a": 20}

    def test_a_write_tells_the_value_before(self) -> None:
        replica = loaded(message(1, "old", "a"))

        assert told(replica.apply(stored(2, "new", "a"))) == [(2, "a", "new", "old")]

    def test_a_tombstone_removes_the_key_and_stays_as_an_element(self) -> None:
        replica = loaded(message(1, "old", "a"))
        (change,) = replica.apply(Stored(tombstone(2, "a")))

        assert (change.key, change.value, change.prev, change.is_removal) == (
            "a",
            None,
            "old",
            True,
        )
        assert live(replica) == {}
        assert values(replica) == [None]

    def test_null_is_a_value_and_no_tombstone(self) -> None:
        """conat-sync §8.4: tombstones by header."""
        replica = loaded(message(1, None, "a"))

        assert live(replica) == {"a": None}

    def test_the_empty_text_is_a_key_like_others(self) -> None:
        """conat-sync §7.5: deleting propagates; the empty key; an unknown key."""
        replica = loaded(message(1, 1, ""))
        replica.apply(Stored(tombstone(2, "")))

        assert live(replica) == {}

    def test_setting_a_key_again_drops_its_tombstone(self) -> None:
        """§3.4 (advice): the server's row is gone, so ours goes."""
        replica = loaded(message(1, "old", "a"))
        replica.apply(Stored(tombstone(2, "a")))
        replica.apply(stored(3, "new", "a"))

        assert values(replica) == ["new"]
        assert len(replica) == 1
        replica.apply(Deleted([3]))
        replica.apply(stored(4, "newest", "a"))
        assert values(replica) == ["newest"]

    def test_an_expired_key_is_told_by_its_name(self) -> None:
        """§3.4: the original leaves the key out, so that maps do not notice expirations."""
        replica = loaded(message(1, "old", "a"))
        (change,) = replica.apply(Deleted([1]))

        assert (change.key, change.value, change.prev, change.is_removal) == (
            "a",
            UNDEFINED,
            "old",
            True,
        )
        assert live(replica) == {}

    def test_an_expired_tombstone_changes_no_key(self) -> None:
        replica = loaded(tombstone(1, "a"))

        assert [change.key for change in replica.apply(Deleted([1]))] == [None]
        assert len(replica) == 0

    def test_an_older_message_of_a_key_does_not_undo_a_newer_one(self) -> None:
        replica = loaded()
        replica.apply(stored(3, "new", "a"))

        assert replica.fill([message(2, "old", "a")], 2) == []
        assert live(replica) == {"a": "new"}


class TestGaps:
    def test_skipped_numbers_are_missing(self) -> None:
        replica = loaded(message(1))
        replica.apply(stored(5))

        assert replica.missing == (2, 4)
        assert [replica.has_seen(seq) for seq in (1, 2, 4, 5, 6)] == [
            True,
            False,
            False,
            True,
            False,
        ]

    def test_what_was_found_is_put_in_its_place_and_the_rest_is_forgotten(self) -> None:
        replica = loaded(message(1, "a"))
        replica.apply(stored(5, "e"))

        assert told(replica.fill([message(3, "c")], 4)) == [(3, None, "c", UNDEFINED)]
        assert values(replica) == ["a", "c", "e"]
        assert replica.missing is None

    def test_a_missing_message_that_comes_by_itself_is_taken(self) -> None:
        replica = loaded(message(1, "a"))
        replica.apply(stored(3, "c"))

        assert told(replica.apply(stored(2, "b"))) == [(2, None, "b", UNDEFINED)]
        assert replica.missing is None

    def test_a_message_deleted_while_it_was_asked_for_does_not_come_back(self) -> None:
        replica = loaded(message(1))
        replica.apply(stored(3))
        replica.apply(Deleted([2]))

        assert replica.fill([message(2)], 2) == []

    def test_a_stream_loaded_from_beyond_its_end_does_not_fetch_its_past(self) -> None:
        """§3.5 (advice): the largest number begins at start_seq - 1."""
        replica = loaded(start_seq=100)
        replica.apply(stored(100))

        assert replica.missing is None

    def test_numbers_skipped_after_start_seq_are_missing(self) -> None:
        replica = loaded(start_seq=100)
        replica.apply(stored(102))

        assert replica.missing == (100, 101)


class TestOlder:
    def test_older_messages_come_in_front_and_are_told(self) -> None:
        replica = loaded(message(3, "c"), start_seq=3)
        changes = replica.add_older([message(1, "a"), message(2, "b")], 0)

        assert told(changes) == [(1, None, "a", UNDEFINED), (2, None, "b", UNDEFINED)]
        assert values(replica) == ["a", "b", "c"]
        assert replica.start_seq == 0


class TestReplace:
    def test_only_the_difference_is_told(self) -> None:
        replica = loaded(message(1, "a"), message(2, "b"), message(3, 1, "k"), message(4, 2, "l"))
        changes = replica.replace([message(2, "b"), message(4, 2, "l"), message(6, "f")])

        assert told(changes) == [
            (1, None, UNDEFINED, "a"),
            (3, "k", UNDEFINED, 1),
            (6, None, "f", UNDEFINED),
        ]
        assert values(replica) == ["b", 2, "f"]
        assert live(replica) == {"l": 2}

    def test_a_key_written_again_is_told_once(self) -> None:
        replica = loaded(message(1, "old", "a"))

        assert told(replica.replace([message(5, "new", "a")])) == [(5, "a", "new", "old")]

    def test_a_key_deleted_meanwhile_is_told_once(self) -> None:
        replica = loaded(message(1, "old", "a"))
        changes = replica.replace([tombstone(5, "a")])

        assert told(changes) == [(5, "a", None, "old")]
        assert [change.is_removal for change in changes] == [True]

    def test_nothing_is_told_when_nothing_is_different(self) -> None:
        replica = loaded(message(1, "a"), tombstone(2, "k"), message(3, 1, "l"))

        assert replica.replace([message(1, "a"), tombstone(2, "k"), message(3, 1, "l")]) == []

    def test_long_messages_whose_payloads_were_let_go_are_still_known(self) -> None:
        replica = loaded(message(1, "a" * 5_000), message(2, "b" * 5_000))
        assert values(replica) == ["a" * 5_000, "b" * 5_000]

        changes = replica.replace([message(1, "a" * 5_000), message(2, "c" * 5_000)])

        assert told(changes) == [
            (2, None, UNDEFINED, "b" * 5_000),
            (2, None, "c" * 5_000, UNDEFINED),
        ]

    def test_numbers_may_begin_anew(self) -> None:
        """§1.10: an ephemeral stream restarts at 1."""
        replica = loaded(message(7, "a"))
        changes = replica.replace([StoredMessage(seq=1, time_ms=99, raw=encode("b"))])

        assert told(changes) == [(7, None, UNDEFINED, "a"), (1, None, "b", UNDEFINED)]
        assert told(replica.apply(stored(2, "c"))) == [(2, None, "c", UNDEFINED)]
        assert replica.missing is None

    def test_another_message_under_the_same_number_is_told(self) -> None:
        replica = loaded(message(1, "a"))
        changes = replica.replace([StoredMessage(seq=1, time_ms=99, raw=encode("b"))])

        assert told(changes) == [(1, None, UNDEFINED, "a"), (1, None, "b", UNDEFINED)]

    def test_the_largest_number_held_is_known(self) -> None:
        assert loaded().newest_seq == 0
        assert loaded(message(3), message(8)).newest_seq == 8
