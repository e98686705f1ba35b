"""Which value a set of patches has (syncdoc-jupyter §1.8).

Patches come in any order, more than once, some before what they build on. Everybody who knows
the same messages computes the same value: patches whose ancestry is complete are live, and the
value is what all live patches that the heads reach make of the empty document, in the order of
their times. This class does no I/O and reads no clock.
"""

from bisect import insort
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Final, Generic, TypeVar

from .patches import Patch, Snapshot
from .replay import Replay
from .values import Kind

__all__ = ["NO_TIME", "HistoryMissing", "PatchGraph", "UnknownVersion"]

Value = TypeVar("Value")

NO_TIME: Final = 0
"""The time of the empty document, before the first patch."""


class UnknownVersion(LookupError):  # noqa: N818 - named like the errors of conat
    """There is no patch with this time."""

    def __init__(self, time: int) -> None:
        super().__init__(time)
        self.time = time

    def __str__(self) -> str:
        return f"there is no version with the time {self.time}"


class HistoryMissing(LookupError):  # noqa: N818 - named like the errors of conat
    """Older patches must be loaded before this value can be computed."""

    def __init__(self, times: Collection[int]) -> None:
        super().__init__(times)
        self.times = frozenset(times)

    def __str__(self) -> str:
        return "load more history: patches before this version are not loaded"


class PatchGraph(Generic[Value]):
    """The patches of one document."""

    def __init__(self, kind: Kind[Value]) -> None:
        self.newest_time = NO_TIME
        self._kind = kind
        self._live: dict[int, Patch] = {}
        self._staged: dict[int, Patch] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._has_child: set[int] = set()
        self._heads: set[int] = set()
        self._times: list[int] = []
        self._replay = Replay(kind)
        self._history = Replay(kind)
        self._reached: set[int] | None = set()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, time: int) -> bool:
        return time in self._live

    def add(self, items: Iterable[Patch | Snapshot]) -> list[Patch]:
        """Take messages; return the patches that have become live, in order."""
        for item in items:
            self.newest_time = max(self.newest_time, item.time)
            if isinstance(item, Snapshot):
                self._hold(item)
            elif item.time not in self._live and item.time not in self._staged:
                self._staged[item.time] = item
        return self._settle()

    def replace(self, patch: Patch) -> None:
        """Put another patch in the place of the one that has its time."""
        patches = {**self._live, **self._staged, patch.time: patch}
        self._live, self._staged = {}, patches
        self._has_child, self._heads, self._times, self._reached = set(), set(), [], set()
        self._replay, self._history = Replay(self._kind), Replay(self._kind)
        self._settle()

    def patch(self, time: int) -> Patch:
        """Return a live patch; raises UnknownVersion."""
        try:
            return self._live[time]
        except KeyError:
            raise UnknownVersion(time) from None

    def snapshot(self, time: int) -> Snapshot | None:
        """Return the snapshot of a live patch."""
        return self._snapshots.get(time) if time in self._live else None

    @property
    def times(self) -> list[int]:
        """The times of all live patches, in order; no two of them have the same."""
        return self._times.copy()

    @property
    def heads(self) -> list[int]:
        """The live times that nobody builds on, in order."""
        return sorted(self._heads)

    @property
    def staged(self) -> list[Patch]:
        """The patches that wait for others."""
        return list(self._staged.values())

    @property
    def missing_times(self) -> set[int]:
        """The times that staged patches wait for, and nobody has sent."""
        known = self._live.keys() | self._staged.keys()
        needed = {t for p in self._staged.values() for t in self._parents(p.time)}
        return needed - known

    @property
    def has_full_history(self) -> bool:
        """Return whether the document is known from its first patch on."""
        if not self._times:
            return not self._staged
        first = self._live[self._times[0]]
        return not first.parents and first.time not in self._snapshots

    @property
    def has_usable_start(self) -> bool:
        """Whether what is here begins with a snapshot, or at the beginning (§1.11)."""
        if not self._times or self._staged:
            return False
        first = self._times[0]
        return first in self._snapshots or not self._live[first].parents

    @property
    def next_version(self) -> int:
        """The number for people that the next patch gets (§1.9)."""
        if not self._times:
            return 1
        last = self._live[self._times[-1]].version
        return len(self._times) + 1 if last is None else last + 1

    def value(self) -> Value:
        """Return the value now. The caller may not change it."""
        return self._value_of(self._reached_from_heads(), self._replay)

    def value_at(self, time: int) -> Value:
        """Return the value when this patch was made; raises UnknownVersion, HistoryMissing."""
        return self.value_of([time])

    def value_of(self, heads: Iterable[int]) -> Value:
        """Return the value that had these heads; raises UnknownVersion, HistoryMissing."""
        heads = list(heads)
        for time in heads:
            self.patch(time)
        return self._value_of(self._reach(heads), self._history)

    def value_without(self, times: Collection[int]) -> Value:
        """Return the value now as if these patches had never been made."""
        return self._value_of(self._reached_from_heads() - set(times), self._history)

    def knows(self, times: Iterable[int]) -> bool:
        """Return whether all these times are live, or were before the first patch."""
        return all(time in self._live or time == NO_TIME for time in times)

    def reached(self, heads: Iterable[int]) -> set[int]:
        """Return the times of these patches and all that they build on; raises HistoryMissing."""
        return self._reach(heads)

    def _value_of(self, times: Collection[int], replay: Replay[Value]) -> Value:
        ordered = sorted(times)
        start = self._snapshots.get(ordered[0]) if ordered else None
        return replay.value(start, ordered, self._live)

    def _hold(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; walks stop at its patch from now on."""
        if snapshot.time not in self._snapshots:
            self._snapshots[snapshot.time] = snapshot
            self._reached = None

    def _settle(self) -> list[Patch]:
        """Let staged patches live: each head of them with its ancestry, if that is complete."""
        became_live: list[Patch] = []
        while True:
            built_on = {time for patch in self._staged.values() for time in patch.parents}
            complete = set[int]()
            for head in self._staged.keys() - built_on:
                complete |= self._staged_ancestry(head)
            if not complete:
                return sorted(became_live, key=lambda patch: patch.time)
            became_live += self._live_now(complete)

    def _staged_ancestry(self, head: int) -> set[int]:
        """Return a staged patch and the staged ones before it; nothing if one is missing."""
        live, staged, snapshots = self._live, self._staged, self._snapshots
        found = {head}
        frontier = [head]
        while frontier:
            time = frontier.pop()
            for parent in () if time in snapshots else staged[time].parents:
                if parent in live or parent in found:
                    continue
                if parent not in staged:
                    return set()
                found.add(parent)
                frontier.append(parent)
        return found

    def _live_now(self, times: set[int]) -> list[Patch]:
        """Let staged patches live that lack nothing; many at once cost little more than one."""
        patches = [self._staged.pop(time) for time in times]
        self._reached = self._reached_with(times, patches)
        self._live.update(zip(times, patches, strict=True))
        self._has_child.update(chain.from_iterable(patch.parents for patch in patches))
        # Not in place: that would go through all that ever had a child.
        self._heads = (self._heads | times) - self._has_child
        if len(times) == 1:
            insort(self._times, patches[0].time)
        else:
            self._times = sorted(chain(self._times, times))
        return patches

    def _reached_with(self, times: set[int], patches: Sequence[Patch]) -> set[int] | None:
        """Return what the heads reach with more patches, or None when it must be walked."""
        reached = self._reached
        if reached is None or not times.isdisjoint(self._has_child):
            return None
        if not self._snapshots.keys().isdisjoint(times):
            return None
        reached |= times
        parents = chain.from_iterable(patch.parents for patch in patches)
        return reached if reached.issuperset(parents) else None

    def _parents(self, time: int) -> tuple[int, ...]:
        """Return what a patch builds on; a snapshot stands for all that was before it."""
        if time in self._snapshots:
            return ()
        return (self._live.get(time) or self._staged[time]).parents

    def _reached_from_heads(self) -> set[int]:
        if self._reached is None:
            self._reached = self._reach(self.heads)
        return self._reached

    def _reach(self, starts: Iterable[int]) -> set[int]:
        reached = set(starts)
        frontier = list(reached)
        missing = set[int]()
        while frontier:
            for parent in self._parents(frontier.pop()):
                if parent not in self._live:
                    missing.add(parent)
                elif parent not in reached:
                    reached.add(parent)
                    frontier.append(parent)
        if missing:
            raise HistoryMissing(missing)
        return reached
