"""Finds what the replay of simultaneous commits has lost, as commits come (pure; SPEC B9).

A look begins at a cut: a version in which nothing is wrong and that all later commits know. Cuts
are where the document was right, which is after each commit of one's own and after each look.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .branches import Branches, TooManyBranches
from .patch_graph import HistoryMissing, PatchGraph
from .patches import Patch
from .values import Kind

__all__ = ["Mender", "NoMender"]

_log = logging.getLogger(__name__)

Value = TypeVar("Value")

MAX_CUTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Cut:
    """The first ``count`` commits that came; ``heads`` are those that no other builds on."""

    count: int
    heads: tuple[int, ...]


class Mender(Generic[Value]):
    """Follows the commits of one graph."""

    def __init__(self, kind: Kind[Value], graph: PatchGraph[Value]) -> None:
        self._kind = kind
        self._graph = graph
        self._order: list[int] = []
        self._cuts: list[_Cut] = []

    def came(self, patches: Iterable[Patch]) -> None:
        """Note commits that are live now."""
        self._order += [patch.time for patch in patches]

    def is_right(self) -> None:
        """Note that nothing is wrong in the value now."""
        cut = _Cut(len(self._order), tuple(self._graph.heads))
        if not self._cuts or self._cuts[-1] != cut:
            self._cuts.append(cut)
        if len(self._cuts) > MAX_CUTS:
            # Who was away for long needs an old one, but not this very one.
            del self._cuts[: MAX_CUTS // 2 : 2]

    def begin(self, times: Collection[int]) -> None:
        """Note that nothing is wrong where these commits, with what they build on, are all.

        Before that, it is where somebody knew all that was before. Raises HistoryMissing.
        """
        known = self._graph.reached(times)
        self._order = sorted(known)
        self._cuts = [_Cut(0, ())] if self._graph.has_full_history else []
        heads = set[int]()
        for count, time in enumerate(self._order, 1):
            heads = heads.difference(self._graph.patch(time).parents) | {time}
            if len(heads) == 1 or count == len(known):
                self._cuts.append(_Cut(count, tuple(sorted(heads))))
        self._order += [time for time in self._graph.times if time not in known]

    def changed(self, times: Collection[int]) -> None:
        """Note that other commits have taken the places of these."""
        place = min(self._order.index(time) for time in times)
        kept = self._order[:place]
        rest = set(self._graph.times).difference(kept)
        self._order = kept + sorted(rest)
        self._cuts = [cut for cut in self._cuts if cut.count <= place]

    def mended(self, replayed: Value, more: Sequence[Patch] = ()) -> Value:
        """Return the replayed value with what it lost, or itself where it lost nothing.

        ``more`` are commits that are in the replay and not in the graph. Where too much was done
        at the same time, or what it was based on is not known, nothing is changed.
        """
        since = self._since(more)
        if since is None:
            _log.warning("commits were made at the same time on top of versions of long ago")
            return replayed
        cut, patches = since
        if _is_chain(cut.heads, patches):
            return replayed
        try:
            start = self._graph.value_of(cut.heads)
            wanted = Branches(self._kind, start, patches).wanted()
        except (HistoryMissing, TooManyBranches) as error:
            _log.warning("what %d commits may have lost is not looked at: %r", len(patches), error)
            return replayed
        return self._kind.mended(replayed, wanted)

    def _since(self, more: Sequence[Patch]) -> tuple[_Cut, list[Patch]] | None:
        """Return the newest cut that all later commits know, or nearly, and those commits."""
        for cut in self._back():
            patches = [self._graph.patch(time) for time in self._order[cut.count :]]
            patches = sorted([*patches, *more], key=lambda patch: patch.order)
            if _all_know(cut.heads, patches):
                return cut, patches
        return None

    def _back(self) -> Iterator[_Cut]:
        """Yield cuts, ever farther from each other, and the first one."""
        distance = 1
        while distance < len(self._cuts):
            yield self._cuts[-distance]
            distance += 1 + distance // 2
        yield from self._cuts[:1]


class NoMender(Generic[Value]):
    """Takes the place of a ``Mender`` where somebody else mends the document."""

    def came(self, patches: Iterable[Patch]) -> None:
        """Do nothing."""

    def is_right(self) -> None:
        """Do nothing."""

    def begin(self, times: Collection[int]) -> None:
        """Do nothing."""

    def changed(self, times: Collection[int]) -> None:
        """Do nothing."""

    def mended(self, replayed: Value, _more: Sequence[Patch] = ()) -> Value:
        """Return the replayed value as it is."""
        return replayed


def _is_chain(heads: Sequence[int], patches: Sequence[Patch]) -> bool:
    """Return whether each commit knows all that was before it."""
    newest = set(heads)
    for patch in patches:
        if not newest.issubset(patch.parents):
            return False
        newest = {patch.time}
    return True


def _all_know(heads: Sequence[int], patches: Sequence[Patch]) -> bool:
    known = {time: 1 << bit for bit, time in enumerate(heads)}
    wanted = (1 << len(heads)) - 1
    for patch in patches:
        knows = 0
        for parent in patch.parents:
            knows |= known.get(parent, 0)
        if knows != wanted:
            return False
        known[patch.time] = knows
    return True
