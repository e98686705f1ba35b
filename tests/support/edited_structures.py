"""Replicas of shared structures that are edited at random, and what has to hold for them."""

import asyncio
import contextlib
import random
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.messages import StoredMessage
from cocalc_jupyter_ext.conat.protocol.codec import decode
from cocalc_jupyter_ext.conat.sync.core_stream import CoreStream
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.dkv_state import KeyChange
from cocalc_jupyter_ext.conat.sync.dstream import DStream
from cocalc_jupyter_ext.conat.sync.merge import Conflict
from cocalc_jupyter_ext.conat.sync.replica import Change

from .rough_fabric import Journal

__all__ = [
    "SHARED_KEYS",
    "LogReplica",
    "MapReplica",
    "MergingReplica",
    "ObjectsReplica",
    "Plan",
    "Replica",
    "union",
]

SHARED_KEYS = ("a", "b", "c", "")


@dataclass(frozen=True)
class Plan:
    """What one seed does; drawn first, so that a failure can be told in one line."""

    kind: str
    writers: int
    edits: int
    faults: int
    ephemeral: bool
    clears: bool
    limited: bool
    badness: float
    latency_s: float
    inventory: bool

    @classmethod
    def draw(cls, rng: random.Random) -> "Plan":
        return cls(
            kind=rng.choice(["map", "merging map", "objects", "log"]),
            writers=rng.randint(2, 4),
            edits=rng.randint(5, 25),
            faults=rng.choice([0, 2, 5, 8]),
            ephemeral=rng.random() < 0.2,
            clears=rng.random() < 0.3,
            limited=rng.random() < 0.15,
            badness=rng.choice([0, 0, 0.05, 0.3]),
            latency_s=rng.choice([0, 0.05, 0.5, 3]),
            inventory=rng.random() < 0.1,
        )


class Told:
    """What the mirror of one replica told: each message once, and only what was stored."""

    def __init__(self, core: CoreStream) -> None:
        self._initial = {entry.seq for entry in core.replica.entries}
        self._arrivals: list[tuple[int, bytes]] = []
        self._removed: list[int] = []
        core.changes.connect(self._note)

    def _note(self, change: Change) -> None:
        if change.entry is None:
            self._removed.append(change.seq)
        else:
            self._arrivals.append((change.seq, change.entry.message.raw))

    def check(self, journal: Journal) -> None:
        """For a stream that never began anew."""
        stored = {each.message.seq: each.message.raw for each in journal.stored}
        counts = Counter(seq for seq, _ in self._arrivals)
        assert [seq for seq, count in counts.items() if count > 1] == []
        assert [seq for seq in counts if seq in self._initial] == []
        assert [seq for seq, raw in self._arrivals if stored.get(seq) != raw] == []
        assert [seq for seq, count in Counter(self._removed).items() if count > 1] == []


class Replica(ABC):
    """One client's copy of the structure, and what it did to it."""

    def __init__(self, name: str, plan: Plan, structure: Any, core: CoreStream) -> None:
        self.name = name
        self.plan = plan
        self.structure = structure
        self.told = Told(core)
        self.count = 0
        self.rejects: list[object] = []
        structure.rejects.connect(self.rejects.append)

    @abstractmethod
    def edit(self, rng: random.Random) -> None:
        """Do one random edit."""

    @abstractmethod
    def shown(self) -> Any:
        """Return what one reads."""

    @abstractmethod
    def folded(self) -> Any:
        """Return what the changes that were told say that one reads."""

    @staticmethod
    @abstractmethod
    def expected(content: list[StoredMessage]) -> Any:
        """Return what one should read, given what the stream holds."""

    @abstractmethod
    def check_kept(self, journal: Journal) -> None:
        """Check that nothing this replica saved is lost; for a stream that kept its content."""

    def next_value(self) -> str:
        self.count += 1
        return f"{self.name}{self.count}"


class MapReplica(Replica):
    """A replica of a map. The key of its own name is written by nobody else."""

    def __init__(self, name: str, plan: Plan, structure: Any, dkv: DKV) -> None:
        super().__init__(name, plan, structure, dkv._core)
        self.dkv = dkv
        self._fold: dict[str, Any] = dkv.get_all()
        self._own: Any = dkv.get(name)
        dkv.changes.connect(self._on_change)

    def _on_change(self, change: KeyChange) -> None:
        if change.is_deleted:
            self._fold.pop(change.key, None)
        else:
            self._fold[change.key] = change.value

    def edit(self, rng: random.Random) -> None:
        key = rng.choice((*SHARED_KEYS, self.name, self.name))
        action = rng.random()
        if action < 0.25:
            self._delete(key)
        elif action < 0.3 and self.plan.clears:
            self.structure.clear()
        else:
            self._set(key, rng)

    def _set(self, key: str, rng: random.Random) -> None:
        value = rng.choice([None, self.next_value(), self.next_value()])
        self._note(key, value)
        self.structure.set(key, value)

    def _delete(self, key: str) -> None:
        self._note(key, None)
        self.structure.delete(key)

    def _note(self, key: str, value: Any) -> None:
        if key == self.name:
            self._own = value

    def shown(self) -> Any:
        return self.dkv.get_all()

    def folded(self) -> Any:
        return self._fold

    @staticmethod
    def expected(content: list[StoredMessage]) -> Any:
        return {
            each.key: decode(each.raw)
            for each in content
            if each.key is not None and not each.is_tombstone
        }

    def check_kept(self, journal: Journal) -> None:
        if not self.plan.clears and not self.plan.limited:
            assert self.structure.get(self.name) == self._own


def union(conflict: Conflict) -> Any:
    """Merge lists of words, of which none is ever taken out."""
    remote = conflict.remote if isinstance(conflict.remote, list) else []
    return sorted({*conflict.local, *remote})


class MergingReplica(MapReplica):
    """A replica of a map of growing lists; all keys exist from the beginning."""

    def __init__(self, name: str, plan: Plan, structure: Any, dkv: DKV) -> None:
        super().__init__(name, plan, structure, dkv)
        self._added: dict[str, set[str]] = {}

    def edit(self, rng: random.Random) -> None:
        key = rng.choice(SHARED_KEYS)
        word = self.next_value()
        self._added.setdefault(key, set()).add(word)
        self.structure.set(key, sorted({*(self.structure.get(key) or []), word}))

    def check_kept(self, journal: Journal) -> None:
        if self.plan.limited:
            return
        lost = {key: added - set(self.structure[key]) for key, added in self._added.items()}
        assert {key: words for key, words in lost.items() if words} == {}


class ObjectsReplica(MapReplica):
    """A replica of a map of objects, each field a row."""

    def _set(self, key: str, rng: random.Random) -> None:
        fields = rng.sample(["x", "y", "z"], rng.randint(0, 3))
        value = {each: self.next_value() for each in fields}
        self._note(key, value)
        self.structure.set(key, value)


class LogReplica(Replica):
    """A replica of a log."""

    def __init__(self, name: str, plan: Plan, structure: DStream) -> None:
        super().__init__(name, plan, structure, structure._core)
        self._published: list[str] = []
        self._seqs = set(structure.seqs())
        self.changes: list[tuple[Any, int]] = []
        structure.changes.connect(lambda value, seq: self.changes.append((value, seq)))
        self.deleting: set[asyncio.Task[Any]] = set()

    def edit(self, rng: random.Random) -> None:
        if self.plan.clears and rng.random() < 0.15:
            self.deleting.add(asyncio.create_task(self._delete(rng)))
            return
        for _ in range(rng.choice([1, 1, 1, 5])):
            value = self.next_value()
            self._published.append(value)
            self.structure.publish(value)

    async def _delete(self, rng: random.Random) -> None:
        seqs = self.structure.seqs() or [1]
        selector: dict[str, Any] = rng.choice(
            [{"seq": rng.choice(seqs)}, {"last_seq": rng.choice(seqs)}, {"seqs": seqs[::2]}]
        )
        # Deleting is not tried again: whoever asks for it hears that it failed.
        with contextlib.suppress(ConatError):
            await self.structure.delete(**selector)

    def shown(self) -> Any:
        return self.structure.get_all()

    def folded(self) -> Any:
        """Return the final values, as far as they were loaded or told."""
        known = self._seqs | {seq for _, seq in self.changes}
        pairs = zip(self.structure.seqs(), self.structure.get_all(), strict=True)
        return [value for seq, value in pairs if seq in known]

    @staticmethod
    def expected(content: list[StoredMessage]) -> Any:
        return [decode(each.raw) for each in content]

    def check_kept(self, journal: Journal) -> None:
        mine = [
            value
            for each in journal.stored
            if (value := decode(each.message.raw)) in self._published
        ]
        assert mine == self._published
