"""Writes on their way: what they cover, when they end, who wins (conat-sync §4.2, §7.7, §7.8)."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import CodecError, ConatError, LimitExceeded, RequestTimeout
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import Rejected, WrongLastSequence
from cocalc_jupyter_ext.conat.persist.messages import TOMBSTONE_HEADER, NewMessage, Receipt, Update
from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED, decode
from cocalc_jupyter_ext.conat.sync import dkv_state
from cocalc_jupyter_ext.conat.sync.dkv_state import DkvState, KeyChange, Rejection, tombstone
from cocalc_jupyter_ext.conat.sync.merge import TOMBSTONE, Conflict, Merge
from cocalc_jupyter_ext.conat.sync.message_ids import MessageIds
from cocalc_jupyter_ext.conat.sync.replica import Replica


@dataclass
class Server:
    """A real store, and the updates that each writer has not heard of yet."""

    store: MemoryStore = field(default_factory=MemoryStore)
    writers: "list[Writer]" = field(default_factory=list)

    def writer(self, name: str = "me", merge: Merge | None = None) -> "Writer":
        writer = Writer(self, name, merge)
        self.writers.append(writer)
        return writer

    def apply(self, messages: list[NewMessage]) -> list[Receipt | ConatError]:
        change = self.store.set_many(messages)
        for writer in self.writers:
            writer.feed.extend(change.updates)
        return list(change.result)

    def delete(self, seq: int) -> None:
        for writer in self.writers:
            writer.feed.extend(self.store.delete(seq=seq).updates)


class Writer:
    """A mirror with writes over it, and the two directions of its network, moved by hand."""

    def __init__(self, server: Server, name: str, merge: Merge | None) -> None:
        self.server = server
        self.replica = Replica()
        for batch in server.store.batches():
            self.replica.load(batch)
        self.state = DkvState(lambda: self.replica.live, MessageIds(lambda: f"{name}:"), merge)
        self.feed: list[Update] = []
        self.requests: list[NewMessage] = []
        self.answers: list[tuple[NewMessage, Receipt | ConatError]] = []
        self.told: list[KeyChange] = []
        self.rejections: list[Rejection] = []
        self.epoch = 0

    def ask(self) -> list[NewMessage]:
        self.requests = self.state.batch()
        return self.requests

    def serve(self) -> None:
        """Let the server take what was asked."""
        requests, self.requests = self.requests, []
        self.answers += zip(requests, self.server.apply(requests), strict=True)

    def answer(self, error: ConatError | None = None) -> None:
        answers, self.answers = self.answers, []
        for message, result in answers:
            rejection = self.state.result(
                message, error or result, self.replica.has_seen, self.epoch
            )
            if rejection is not None:
                self.rejections.append(rejection)

    def hear(self, count: int | None = None) -> None:
        updates, self.feed = self.feed[:count], self.feed[len(self.feed[:count]) :]
        for update in updates:
            for change in self.replica.apply(update):
                if change.key is not None:
                    self.told.append(self.state.incoming(change, change.key))
        self.state.settle(self.replica.has_seen, self.epoch)

    def save(self) -> None:
        self.ask()
        self.serve()
        self.answer()
        self.hear()

    def get(self, key: str) -> Any:
        return self.state.value(key)

    def all(self) -> dict[str, Any]:
        return {key: self.get(key) for key in list(self.state.keys())}


def two_writers(merge: Merge | None = None) -> tuple[Writer, Writer]:
    server = Server()
    return server.writer("one", merge), server.writer("two", merge)


class TestReading:
    def test_set_has_and_delete_before_save_behave_locally(self) -> None:
        """conat-sync §7.7: before save; dates; long keys; equal times."""
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.state.set("b", None)
        writer.state.delete("a")

        assert writer.all() == {"b": None}
        assert [writer.state.has(key) for key in ("a", "b", "c")] == [False, True, False]
        assert len(writer.state) == 1

    def test_a_deleted_key_is_not_listed_although_its_deletion_has_not_come_back(self) -> None:
        """§4.2: in the original it still shows until the echo."""
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.save()
        writer.state.delete("a")

        assert list(writer.state.keys()) == []
        assert len(writer.state) == 0

    def test_unsaved_changes_list_exactly_the_unsaved_keys(self) -> None:
        """conat-sync §7.7: exactly the unsaved keys."""
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.save()
        writer.state.set("b", 2)
        writer.state.delete("a")

        assert sorted(writer.state.unsaved) == ["a", "b"]
        writer.save()
        assert writer.state.unsaved == []

    def test_what_cannot_be_sent_fails_where_it_is_written(self) -> None:
        writer = Server().writer()

        with pytest.raises(CodecError):
            writer.state.set("a", object())
        assert writer.all() == {}

    def test_what_waits_to_be_saved_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dkv_state, "MAX_UNSAVED_BYTES", 100)
        writer = Server().writer()
        writer.state.set("a", b"x" * 90)

        with pytest.raises(LimitExceeded, match="await save"):
            writer.state.set("b", b"x" * 90)
        writer.save()
        writer.state.set("b", b"x" * 90)


class TestSending:
    def test_a_tombstone_goes_by_itself_after_a_day(self) -> None:
        """conat-sync §8.4: deletes as tombstones of one day, allow_msg_ttl on."""
        assert tombstone("a") == NewMessage(
            raw=b"\xc0", headers={TOMBSTONE_HEADER: True}, key="a", ttl_ms=86_400_000
        )

    def test_deletions_go_first_and_never_expect_a_number(self) -> None:
        writer = Server().writer(merge=lambda _: None)
        writer.state.set("a", 1)
        writer.state.set("b", 1)
        writer.save()
        writer.state.set("b", 2)
        writer.state.delete("a")

        assert [(m.key, m.previous_seq) for m in writer.ask()] == [("a", None), ("b", 2)]

    def test_without_a_merge_function_no_number_is_expected(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.save()
        writer.state.set("a", 2)

        assert [m.previous_seq for m in writer.ask()] == [None]

    def test_the_deletion_of_an_unknown_key_is_done_without_the_server(self) -> None:
        """conat-sync §7.5: deleting propagates; the empty key; an unknown key."""
        writer = Server().writer()
        writer.state.delete("a")

        assert writer.ask() == []
        assert not writer.state.writes

    def test_a_deletion_is_sent_when_a_write_may_have_been(self) -> None:
        """§4.2: the original takes it for nothing to do, and the deletion is lost."""
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.ask()
        writer.serve()
        writer.answer()
        writer.state.delete("a")
        assert [m.key for m in writer.ask()] == ["a"]
        writer.serve()
        writer.answer()
        writer.hear()

        assert writer.all() == {}
        assert not writer.state.writes
        assert writer.server.store.get(key="a").is_tombstone  # type: ignore[union-attr]

    def test_a_deletion_is_sent_when_a_write_is_still_on_its_way(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.ask()
        writer.state.delete("a")
        writer.serve()
        writer.answer()
        writer.hear()

        assert writer.all() == {}
        assert [m.key for m in writer.ask()] == ["a"]

    def test_what_is_acknowledged_is_not_sent_again(self) -> None:
        """§4.2 (advice): a slow echo must not make another message."""
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.ask()
        writer.serve()
        writer.answer()

        assert writer.ask() == []
        assert not writer.state.has_unsaved
        assert writer.state.writes.keys() == {"a"}

    def test_what_was_not_answered_is_sent_again_under_the_same_id(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        first = writer.ask()
        writer.serve()
        writer.answer(RequestTimeout("timeout"))
        again = writer.ask()
        writer.serve()
        writer.answer()
        writer.hear()

        assert [m.msg_id for m in again] == [m.msg_id for m in first]
        assert writer.server.store.inventory().seq == 1
        assert not writer.state.writes

    def test_a_write_during_a_save_stays_unsaved(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.ask()
        writer.state.set("a", 2)
        writer.serve()
        writer.answer()
        writer.hear()

        assert writer.get("a") == 2
        assert writer.state.unsaved == ["a"]
        writer.save()
        assert writer.replica.live["a"].value == 2

    def test_writing_the_first_of_three_values_again_is_not_mistaken_for_its_old_echo(self) -> None:
        writer = Server().writer()
        for value in (1, 2):
            writer.state.set("a", value)
            writer.ask()
            writer.serve()
            writer.answer()
        writer.state.set("a", 1)
        writer.hear(1)

        assert writer.state.unsaved == ["a"]
        writer.save()
        assert writer.replica.live["a"].value == 1

    def test_reply_and_echo_come_in_either_order(self) -> None:
        """conat-sync §8.4: reply and echo in either order."""
        for steps in (("answer", "hear"), ("hear", "answer")):
            writer = Server().writer()
            writer.state.set("a", 1)
            writer.ask()
            writer.serve()
            for step in steps:
                getattr(writer, step)()

            assert not writer.state.writes
            assert writer.all() == {"a": 1}

    def test_a_write_ends_with_its_answer_when_its_number_is_behind_us(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        (message,) = writer.ask()
        writer.state.result(message, Receipt(1, 1), lambda _: True, 0)

        assert not writer.state.writes

    def test_a_rejected_write_is_dropped_and_told_once(self) -> None:
        server = Server()
        server.store.config({"max_msg_size": 100})
        writer = server.writer()
        writer.state.set("big", "x" * 200)
        writer.state.set("small", 1)
        writer.save()

        assert [(r.key, r.value, r.error.code) for r in writer.rejections] == [
            ("big", "x" * 200, "reject")
        ]
        assert writer.all() == {"small": 1}

    def test_a_rejection_of_an_earlier_write_leaves_the_newer_one(self) -> None:
        writer = Server().writer()
        writer.state.set("a", "old")
        (message,) = writer.ask()
        writer.state.set("a", "new")
        rejection = writer.state.result(message, Rejected("max_bytes"), lambda _: False, 0)

        assert rejection is not None
        assert (rejection.key, rejection.value) == ("a", "old")
        assert writer.get("a") == "new"
        writer.state.delete("a")
        assert writer.ask() == []

    def test_an_acknowledged_write_ends_when_the_mirror_began_anew(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.ask()
        writer.serve()
        writer.answer()
        writer.state.settle(lambda _: False, epoch=1)

        assert not writer.state.writes


class TestConflicts:
    @pytest.mark.parametrize("first", ["one", "two"])
    def test_the_later_saver_wins_in_either_order_of_writing(self, first: str) -> None:
        """§7.8: the first writer's pending value beats the remote one."""
        one, two = two_writers()
        for writer in (one, two) if first == "one" else (two, one):
            writer.state.set("a", "one" if writer is one else "two")
        two.save()
        one.hear()
        assert one.get("a") == "one"
        one.save()
        two.hear()

        assert one.all() == two.all() == {"a": "one"}

    def test_a_constant_merge_function_s_value_ends_up_on_both_sides(self) -> None:
        """conat-sync §7.8: a constant."""
        one, two = two_writers(lambda _: "agreed")
        one.state.set("a", "one")
        two.state.set("a", "two")
        for _ in range(3):
            one.save()
            two.save()
        one.hear()

        assert one.all() == two.all() == {"a": "agreed"}
        assert not one.state.writes
        assert not two.state.writes

    def test_an_object_merging_function_combines_fields_with_local_precedence(self) -> None:
        """conat-sync §7.8: objects."""
        one, two = two_writers(lambda conflict: {**conflict.remote, **conflict.local})
        one.state.set("a", {"x": 1, "both": "one"})
        two.state.set("a", {"y": 2, "both": "two"})
        two.save()
        one.save()
        one.save()
        two.hear()

        assert one.all() == two.all() == {"a": {"x": 1, "y": 2, "both": "one"}}

    def test_the_merged_value_is_written_also_when_mine_has_overwritten_theirs_already(
        self,
    ) -> None:
        """Without a value of the key nothing keeps the second writer from overwriting the first."""
        one, two = two_writers(lambda conflict: conflict.remote)
        one.state.set("a", "one")
        two.state.set("a", "two")
        two.save()
        one.ask()
        one.serve()
        one.hear(1)
        one.answer()
        one.save()
        one.save()
        two.hear()

        assert one.all() == two.all() == {"a": "two"}

    def test_a_three_way_text_merge_combines_edits_at_both_ends(self) -> None:
        """conat-sync §7.8: three-way text."""

        def merge(conflict: Conflict) -> str:
            before = conflict.prev
            return str(conflict.local.replace(before, conflict.remote))

        one, two = two_writers(merge)
        one.state.set("a", "text")
        one.save()
        two.hear()
        one.state.set("a", "start text")
        two.state.set("a", "text end")
        one.save()
        two.save()
        two.save()
        one.hear()

        assert one.all() == two.all() == {"a": "start text end"}

    def test_a_refused_number_is_not_expected_again_until_the_server_told_more(self) -> None:
        one, two = two_writers(lambda conflict: conflict.local)
        one.state.set("a", 0)
        one.save()
        two.hear()
        one.state.set("a", 1)
        two.state.set("a", 2)
        two.save()
        one.ask()
        one.serve()
        one.answer()

        assert one.state.is_blocked
        assert one.ask() == []
        one.hear()
        assert not one.state.is_blocked
        one.save()
        assert one.replica.live["a"].value == 1

    def test_a_refused_number_blocks_its_own_key_and_no_other(self) -> None:
        """§4.2: the original marks the following item."""
        writer = Server().writer(merge=lambda _: None)
        for key in ("a", "b"):
            writer.state.set(key, 0)
        writer.save()
        for key in ("a", "b"):
            writer.state.set(key, 1)
        first, second = writer.ask()
        writer.state.result(first, WrongLastSequence(1, 9), lambda _: False, 0)
        writer.state.result(second, RequestTimeout("timeout"), lambda _: False, 0)

        assert [m.key for m in writer.ask()] == ["b"]

    def test_a_merge_function_may_delete_the_key(self) -> None:
        one, two = two_writers(lambda _: TOMBSTONE)
        one.state.set("a", 1)
        two.state.set("a", 2)
        two.save()
        one.hear()
        assert one.all() == {}
        one.save()
        two.hear()

        assert two.all() == {}

    def test_a_merge_function_learns_of_a_deletion_as_null(self) -> None:
        seen: list[Conflict] = []
        one, two = two_writers(seen.append)
        one.state.set("a", 1)
        one.save()
        two.hear()
        one.state.set("a", 2)
        two.state.delete("a")
        two.save()
        one.hear()

        assert seen == [Conflict("a", 2, None, 1)]

    def test_a_merged_value_that_cannot_be_sent_is_logged_and_my_write_wins(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        one, two = two_writers(lambda _: object())
        one.state.set("a", 1)
        two.state.set("a", 2)
        two.save()
        one.hear()

        assert one.get("a") == 1
        assert "cannot be sent" in caplog.text

    def test_a_pending_deletion_is_no_conflict_and_wins(self) -> None:
        one, two = two_writers(lambda _: pytest.fail("not a conflict"))
        one.state.set("a", 1)
        one.save()
        two.hear()
        one.state.delete("a")
        two.state.set("a", 2)
        two.save()
        one.hear()
        assert one.told[-1] == KeyChange("a", None, 1, is_deleted=True)
        one.save()
        two.hear()

        assert one.all() == two.all() == {}

    def test_null_written_here_is_not_mistaken_for_a_deletion_elsewhere(self) -> None:
        one, two = two_writers()
        one.state.set("a", 1)
        one.save()
        two.hear()
        one.state.set("a", None)
        two.state.delete("a")
        two.save()
        one.hear()
        one.save()
        two.hear()

        assert one.all() == two.all() == {"a": None}

    def test_the_same_value_written_elsewhere_ends_a_write(self) -> None:
        one, two = two_writers()
        one.state.set("a", {"x": 1})
        two.state.set("a", {"x": 1.0})
        two.save()
        one.hear()

        assert not one.state.writes
        assert one.ask() == []

    def test_it_does_not_while_an_earlier_write_is_still_on_its_way(self) -> None:
        one, two = two_writers()
        one.state.set("a", "first")
        one.ask()
        one.state.set("a", "second")
        two.state.set("a", "second")
        two.save()
        one.hear()
        one.serve()
        one.answer()
        one.hear()
        one.save()
        two.hear()

        assert one.all() == two.all() == {"a": "second"}

    def test_a_change_that_is_older_than_an_acknowledged_write_does_not_undo_it(self) -> None:
        one, two = two_writers()
        two.state.set("a", "old")
        two.save()
        one.state.set("a", "new")
        one.ask()
        one.serve()
        one.answer()
        one.hear(1)

        assert one.get("a") == "new"
        assert one.told == [KeyChange("a", "new", UNDEFINED, is_deleted=False)]

    def test_a_local_value_that_was_told_and_did_not_last_is_corrected(self) -> None:
        """The answer is lost, another writer is later, and the repeated write is recognised."""
        one, two = two_writers()
        one.state.set("a", "one")
        one.ask()
        one.serve()
        one.answer(RequestTimeout("timeout"))
        two.state.set("a", "two")
        two.save()
        one.feed = one.feed[1:]  # After a recovery only the newest message of a key is told.
        one.hear()
        one.replica.fill([], 1)
        assert one.told[-1].value == "one"
        one.save()

        assert one.get("a") == "two"
        assert one.state.take_corrections() == [KeyChange("a", "two", "one", is_deleted=False)]
        assert one.state.take_corrections() == []

    def test_an_expired_key_is_told_as_deleted(self) -> None:
        writer = Server().writer()
        writer.state.set("a", 1)
        writer.save()
        writer.server.delete(1)
        writer.hear()

        assert writer.told[-1] == KeyChange("a", None, 1, is_deleted=True)

    def test_own_changes_are_told_after_the_echo_with_what_was_before(self) -> None:
        writer = Server().writer()
        writer.state.set("a", None)
        assert writer.told == []
        writer.save()
        writer.state.delete("a")
        writer.save()

        assert writer.told == [
            KeyChange("a", None, UNDEFINED, is_deleted=False),
            KeyChange("a", None, None, is_deleted=True),
        ]


KEYS = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(
            st.tuples(st.just("set"), KEYS, st.integers(0, 2)),
            st.tuples(st.just("delete"), KEYS),
            st.tuples(st.just("ask")),
            st.tuples(st.just("serve")),
            st.tuples(st.just("answer")),
            st.tuples(st.just("lose_answer")),
            st.tuples(st.just("lose_request")),
            st.tuples(st.just("hear"), st.integers(1, 3)),
        ),
    ),
    max_size=40,
)


def do(writer: Writer, name: str, *args: Any) -> None:
    if name in ("set", "delete"):
        getattr(writer.state, name)(*args)
    elif name == "ask":
        if not writer.requests and not writer.answers:
            writer.ask()
    elif name == "lose_answer":
        writer.answer(RequestTimeout("timeout"))
    elif name == "lose_request":
        writer.requests = []
    else:
        getattr(writer, name)(*args)


def newest_of(conflict: Conflict) -> Any:
    return max(conflict.local, conflict.remote or 0) + 0.5


@settings(max_examples=400, deadline=None)
@given(STEPS, st.sampled_from([None, newest_of]))
def test_writers_converge_whatever_the_network_does(steps: list[Any], merge: Merge | None) -> None:
    """§4.2: everybody ends with what the server has, and with nothing unsaved."""
    server = Server()
    writers = [server.writer(name, merge) for name in ("one", "two", "three")]
    for number, (name, *args) in steps:
        do(writers[number], name, *args)
    for _ in range(6):
        for writer in writers:
            writer.serve()
            writer.answer()
            writer.hear()
            writer.save()
    for writer in writers:
        writer.hear()

    on_server = {
        each.key: decode(each.raw)
        for batch in server.store.batches()
        for each in batch
        if not each.is_tombstone
    }
    assert [writer.state.unsaved for writer in writers] == [[], [], []]
    assert [dict(writer.state.writes) for writer in writers] == [{}, {}, {}]
    assert [writer.all() for writer in writers] == [on_server] * 3
    for writer in writers:
        last = {told.key: told for told in writer.told}
        assert {key: told.value for key, told in last.items() if not told.is_deleted} == on_server


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_a_lone_writer_ends_with_what_it_wrote_last(steps: list[Any]) -> None:
    """§4.2: neither a lost answer nor an old echo undoes a later write."""
    server = Server()
    writer = server.writer()
    wanted: dict[str, int] = {}
    for _, (name, *args) in steps:
        do(writer, name, *args)
        if name == "set":
            wanted[args[0]] = args[1]
        elif name == "delete":
            wanted.pop(args[0], None)
        assert writer.all() == wanted
    for _ in range(3):
        writer.serve()
        writer.answer()
        writer.save()

    assert writer.all() == wanted
    assert not writer.state.writes
