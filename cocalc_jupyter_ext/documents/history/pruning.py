"""Which patches may go, so that a history stays below an age and a size (pure).

Everything before one patch goes, and a snapshot takes its place. That patch must be a cut:
whoever builds on something older does so through it, so that nobody waits for patches that are
gone, and all that is older is in its snapshot. A plan is made only if the document has the same
newest value and the same heads without what goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..syncdoc.patch_graph import PatchGraph
from ..syncdoc.patches import Patch, Snapshot
from ..syncdoc.values import Kind

__all__ = ["Limits", "Plan", "StoredItem", "keeps_newest", "plan_pruning"]

WORTHWHILE_COUNT: Final = 100
WORTHWHILE_PART: Final = 0.1
"""Fewer patches than this, or less than this part of the bytes, are left for another time."""


MAX_ATTEMPTS: Final = 10
"""How many cuts are tried."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept: versions that are younger, and not more bytes; None is no limit.

    The newest state is kept whatever they say.
    """

    max_age_ms: float | None = None
    max_bytes: int | None = None

    @property
    def keep_everything(self) -> bool:
        """Whether there is no limit."""
        return self.max_age_ms is None and self.max_bytes is None


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A message of the stream: its number, what it holds, when it was stored and its bytes."""

    seq: int
    item: Patch | Snapshot
    stored_ms: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order.

    Write ``snapshot``, unless it is there already; let readers begin at the patch with the time
    ``first`` and the number ``first_seq``; delete the messages ``seqs``.
    """

    first: int
    first_seq: int
    snapshot: Snapshot | None
    seqs: tuple[int, ...]


def plan_pruning(
    items: Sequence[StoredItem], kind: Kind[Any], limits: Limits, now_ms: float
) -> Plan | None:
    """Return what may go from a whole stream; None when nothing should, or nothing can."""
    graph = _graph_of(items, kind)
    places: dict[int, StoredItem] = {}
    for stored in items:
        if isinstance(stored.item, Patch) and stored.item.time in graph:
            places.setdefault(stored.item.time, stored)
    times = graph.times
    target = _target(items, [places[time] for time in times], limits, now_ms)
    for first in _cuts(graph, times, target)[:MAX_ATTEMPTS]:
        plan = _plan(items, kind, graph, places[first])
        if not _is_worthwhile(items, plan):
            return None
        if keeps_newest(items, kind, plan):
            return plan
    return None


def _graph_of(items: Sequence[StoredItem], kind: Kind[Any]) -> PatchGraph[Any]:
    graph = PatchGraph(kind)
    graph.add(stored.item for stored in items)
    return graph


def _target(
    items: Sequence[StoredItem], patches: Sequence[StoredItem], limits: Limits, now_ms: float
) -> int:
    """Return the index of the patch before which, by the limits, nothing should be kept."""
    by_age = by_size = 0
    if limits.max_age_ms is not None:
        while by_age < len(patches) and patches[by_age].stored_ms < now_ms - limits.max_age_ms:
            by_age += 1
    if limits.max_bytes is not None:
        left = sum(stored.bytes for stored in items)
        while by_size < len(patches) and left > limits.max_bytes:
            left -= patches[by_size].bytes
            by_size += 1
    return min(max(by_age, by_size), len(patches) - 1)


def _cuts(graph: PatchGraph[Any], times: Sequence[int], target: int) -> list[int]:
    """Return the times up to an index that are cuts, newest first."""
    index_of = {time: index for index, time in enumerate(times)}
    # From behind: the oldest patch on which a later one builds that is not the cut itself.
    oldest_parent = len(times)
    for patch in graph.staged:
        for parent in patch.parents:
            oldest_parent = min(oldest_parent, index_of.get(parent, oldest_parent))
    oldest_head = min((index_of[head] for head in graph.heads), default=0)
    cuts = []
    for index in range(len(times) - 1, 0, -1):
        if index <= min(oldest_parent, oldest_head, target):
            cuts.append(times[index])
        for parent in graph.patch(times[index]).parents:
            oldest_parent = min(oldest_parent, index_of.get(parent, oldest_parent))
    return cuts


def _plan(
    items: Sequence[StoredItem], kind: Kind[Any], graph: PatchGraph[Any], place: StoredItem
) -> Plan:
    first = place.item.time
    snapshot = None
    if graph.snapshot(first) is None:
        snapshot = Snapshot(
            time=first,
            text=kind.to_text(graph.value_at(first)),
            user_id=place.item.user_id,
            seq=place.seq,
        )
    return Plan(first, place.seq, snapshot, tuple(_seqs_before(items, graph, first)))


def _seqs_before(items: Sequence[StoredItem], graph: PatchGraph[Any], first: int) -> list[int]:
    """Return the numbers of what is older, but for patches that wait for others."""
    waiting = {patch.time for patch in graph.staged}
    return [
        stored.seq
        for stored in items
        if stored.item.time < first and stored.item.time not in waiting
    ]


def _is_worthwhile(items: Sequence[StoredItem], plan: Plan) -> bool:
    seqs = set(plan.seqs)
    gone = sum(stored.bytes for stored in items if stored.seq in seqs)
    total = sum(stored.bytes for stored in items)
    return len(seqs) >= WORTHWHILE_COUNT or gone > total * WORTHWHILE_PART


def keeps_newest(items: Sequence[StoredItem], kind: Kind[Any], plan: Plan) -> bool:
    """Return whether a reader of what a plan leaves has the same document as now."""
    gone = set(plan.seqs)
    before, after = _graph_of(items, kind), PatchGraph(kind)
    after.add(stored.item for stored in items if stored.seq not in gone)
    if plan.snapshot is not None:
        after.add([plan.snapshot])
    is_same = kind.to_text(after.value()) == kind.to_text(before.value())
    return is_same and after.heads == before.heads and len(after.staged) == len(before.staged)
