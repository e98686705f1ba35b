"""Streams against a model: the same calls, the same answers, updates and contents.

The model is conat-sync §2.5 to §2.9 written down as plainly as it can be: a list that is searched
from the beginning each time.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.database.database_store import DatabaseStore
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.errors import Rejected, StoreError, WrongLastSequence
from cocalc_jupyter_ext.conat.persist.messages import (
    Deleted,
    Inventory,
    NewMessage,
    Receipt,
    Stored,
    StoredMessage,
    Update,
)
from cocalc_jupyter_ext.conat.persist.store import Change

from ..contracts.stream_store import SettableClock

KEYS = st.none() | st.sampled_from(["", "a", "b", "é"])
MESSAGES = st.builds(
    NewMessage,
    raw=st.integers(0, 60).map(lambda size: b"x" * size),
    headers=st.none() | st.just({"h": "é"}),
    key=KEYS,
    ttl_ms=st.none() | st.sampled_from([50, 999, 1500, 2000, 2500.5]),
    previous_seq=st.none() | st.integers(0, 12),
    msg_id=st.none() | st.sampled_from(["1", "2", "3"]),
)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_msgs": st.integers(-1, 6),
        "max_age": st.sampled_from([0, 1, 800, 5000]),
        "max_bytes": st.sampled_from([-1, 0, 30, 100, 200]),
        "max_msg_size": st.sampled_from([-1, 10, 40]),
        "max_msgs_per_second": st.sampled_from([-1, 0, 1, 4]),
        "max_bytes_per_second": st.sampled_from([-1, 40]),
        "discard_policy": st.sampled_from(["old", "new"]),
        "allow_msg_ttl": st.booleans(),
    },
)
SEQS = st.integers(-1, 15)


class Row:
    def __init__(self, seq: int, now_ms: int, message: NewMessage) -> None:
        self.seq = seq
        self.time_ms = now_ms
        self.message = message
        self.size = size_of(message)

    def is_expired(self, now_ms: int) -> bool:
        ttl = self.message.ttl_ms
        if ttl is None:
            return False
        seconds = ttl // 1000 if isinstance(ttl, int) else ttl / 1000
        return self.time_ms / 1000 + seconds <= now_ms / 1000

    def stored(self) -> StoredMessage:
        new = self.message
        return StoredMessage(
            seq=self.seq, time_ms=self.time_ms, raw=new.raw, key=new.key, headers=new.headers
        )


def size_of(message: NewMessage) -> int:
    return len(message.raw) + len(message.key or "") + (9 if message.headers else 0)


class Model:
    """A stream as a list."""

    def __init__(self, in_force: Callable[[StreamConfig], StreamConfig]) -> None:
        self.rows: list[Row] = []
        self.last_seq = 0
        self.now_ms = 0
        self.wanted = StreamConfig()
        self.in_force = in_force
        self.ids: dict[str, tuple[int, Receipt]] = {}
        self.updates: list[Update] = []

    def set_many(self, messages: list[NewMessage]) -> list[Receipt | type[StoreError]]:
        answers: list[Receipt | type[StoreError]] = []
        for message in messages:
            rows, updates = self.rows, list(self.updates)
            try:
                answers.append(self.set(message))
            except StoreError as error:
                self.rows, self.updates = rows, updates
                answers.append(type(error))
        return answers

    def set(self, message: NewMessage) -> Receipt:
        then, receipt = self.ids.get(message.msg_id or "", (-(10**9), None))
        if receipt is not None and self.now_ms - then < 120_000:
            return receipt
        current = next((row.seq for row in self.rows if row.message.key == message.key), None)
        demanded = message.previous_seq
        if message.key is not None and demanded is not None and current != demanded:
            raise WrongLastSequence(demanded, current)
        self.enforce(size_of(message))
        if message.key is not None:
            self.rows = [row for row in self.rows if row.message.key != message.key]
        self.last_seq += 1
        row = Row(self.last_seq, self.now_ms, message)
        self.rows = [*self.rows, row]
        self.updates.append(Stored(row.stored(), message.msg_id))
        receipt = Receipt(row.seq, self.now_ms)
        if message.msg_id:
            self.ids[message.msg_id] = (self.now_ms, receipt)
        return receipt

    def enforce(self, size: int) -> None:
        config, now = self.in_force(self.wanted), self.now_ms
        recent = [row.size for row in self.rows if row.time_ms >= now - 1000]
        if size and 0 < config.max_msgs_per_second < len(recent):  # type: ignore[operator]
            raise Rejected("rate")
        if size and 0 < config.max_bytes_per_second < sum(recent):  # type: ignore[operator]
            raise Rejected("rate")
        limit: Any = config.max_msgs
        excess = len(self.rows) + (size > 0) - limit
        if limit > -1 and excess > 0 and self.discards(size):
            self.drop(self.rows[:excess])
        if config.max_age:
            self.drop([row for row in self.rows if row.time_ms <= now - config.max_age])
        self.enforce_bytes(size, config.max_bytes)
        if config.allow_msg_ttl:
            self.drop([row for row in self.rows if row.is_expired(now)])
        if -1 < config.max_msg_size < size:  # type: ignore[operator]
            raise Rejected("size")

    def enforce_bytes(self, size: int, limit: Any) -> None:
        excess = sum(row.size for row in self.rows) + size - limit
        if limit < 0 or excess <= 0 or not self.discards(size):
            return
        count = 0
        while count < len(self.rows) and sum(row.size for row in self.rows[:count]) < excess:
            count += 1
        self.drop(self.rows[:count])

    def discards(self, size: int) -> bool:
        if self.in_force(self.wanted).discard_policy == "new" and size:
            raise Rejected("full")
        return self.in_force(self.wanted).discard_policy == "old"

    def drop(self, rows: list[Row]) -> None:
        if rows:
            self.updates.append(Deleted([row.seq for row in rows]))
            self.rows = [row for row in self.rows if row not in rows]

    def delete(self, selector: str, value: Any) -> list[int]:
        seqs = [row.seq for row in self.rows]
        chosen = {
            "all": seqs,
            "last_seq": [seq for seq in seqs if selector == "last_seq" and seq <= value],
            "seq": [seq for seq in seqs if selector == "seq" and seq == value],
            "seqs": value,
        }[selector]
        existing = [seq for seq in dict.fromkeys(chosen) if seq in seqs]
        self.updates.append(Deleted(existing))
        self.rows = [row for row in self.rows if row.seq not in chosen]
        return list(chosen)


class StoreMachine(RuleBasedStateMachine):
    """Random calls; the file store is also closed and opened again."""

    is_ephemeral: ClassVar[bool] = False

    @initialize()
    def begin(self) -> None:
        self.clock = SettableClock()
        self.model = Model(StreamConfig.for_ephemeral if self.is_ephemeral else lambda c: c)
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.open()

    def open(self) -> DatabaseStore:
        if self.is_ephemeral:
            return MemoryStore(clock=self.clock)
        return SqliteStore.open(Path(self.folder.name) / "stream.db", clock=self.clock)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def compare(self, change: Change[Any], expected: object) -> None:
        assert change.result == expected
        assert list(change.updates) == self.model.updates
        self.model.updates = []

    @rule(passed_ms=st.sampled_from([0, 1, 999, 1000, 1001, 2000, 119_000]))
    def wait(self, passed_ms: int) -> None:
        self.clock.now_ms += passed_ms

    @rule(messages=st.lists(MESSAGES, max_size=6))
    def set_many(self, messages: list[NewMessage]) -> None:
        self.model.now_ms = self.clock.now_ms
        expected = self.model.set_many(messages)
        change = self.store.set_many(messages)
        answers = [a if isinstance(a, Receipt) else type(a) for a in change.result]
        self.compare(Change(answers, change.updates), expected)  # type: ignore[arg-type]

    @rule(wanted=st.none() | LIMITS)
    def config(self, wanted: dict[str, object] | None) -> None:
        self.model.now_ms = self.clock.now_ms
        self.model.wanted = self.model.wanted.changed(wanted or {})
        self.model.enforce(0)
        self.compare(self.store.config(wanted), self.model.in_force(self.model.wanted))

    @rule(
        choice=st.tuples(st.just("all"), st.just(True))
        | st.tuples(st.just("last_seq"), SEQS)
        | st.tuples(st.just("seq"), SEQS)
        | st.tuples(st.just("seqs"), st.lists(SEQS, max_size=3))
    )
    def delete(self, choice: tuple[str, Any]) -> None:
        selector, value = choice
        expected = self.model.delete(selector, value)
        self.compare(self.store.delete(**{selector: value}), expected)

    @precondition(lambda self: not self.is_ephemeral)
    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = self.open()
        self.model.now_ms = self.clock.now_ms
        self.model.enforce(0)
        self.model.updates = []

    @rule(start=st.none() | SEQS, end=st.none() | SEQS, max_bytes=st.integers(1, 200))
    def read_a_range(self, start: int | None, end: int | None, max_bytes: int) -> None:
        expected = [
            row.stored()
            for row in self.model.rows
            if row.seq >= (start or 0) and (end is None or row.seq <= end)
        ]
        batches = list(self.store.batches(start, end, max_bytes=max_bytes))
        assert [message for batch in batches for message in batch] == expected
        for batch in batches:
            assert sum(len(m.raw) for m in batch[:-1]) < max_bytes

    @invariant()
    def holds_the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.model.rows
        assert [m for batch in self.store.batches() for m in batch] == [r.stored() for r in rows]
        assert self.store.keys() == [r.message.key for r in rows if r.message.key is not None]
        assert self.store.inventory() == Inventory(
            bytes=sum(row.size for row in rows),
            count=len(rows),
            seq=max((row.seq for row in rows), default=0),
            limits=self.model.wanted.limits(),
        )
        for row in rows:
            assert self.store.get(seq=row.seq) == row.stored()


class MemoryMachine(StoreMachine):
    is_ephemeral = True


TestFileStore = StoreMachine.TestCase
TestFileStore.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
