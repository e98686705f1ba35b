"""Replays patches, and remembers values on the way (syncdoc-jupyter §1.8).

The value now is asked for after each patch, nearly always with one more patch at the end. So
the values of some prefixes of the last replays are kept: what was computed is not computed
again, unless a late patch came in before it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

from .patches import Patch, Snapshot
from .values import Kind

__all__ = ["Replay"]

Value = TypeVar("Value")

KEPT_EVERY: Final = 128
"""How many patches lie between two kept values of one replay."""

MAX_KEPT: Final = 100


class Replay(Generic[Value]):
    """Computes values from patches in order."""

    def __init__(self, kind: Kind[Value]) -> None:
        self._kind = kind
        self._order: list[int] = []
        self._kept: dict[int, Value] = {}
        self._start: Snapshot | None = None

    def value(
        self, start: Snapshot | None, order: Iterable[int], patches: Mapping[int, Patch]
    ) -> Value:
        """Return the value of the patches with these times, applied in this order.

        With ``start``, the first patch is not applied: its snapshot is what to begin with.
        """
        order = list(order)
        count = self._usable_prefix(start, order)
        if count == 0:
            value = self._kind.empty() if start is None else self._kind.from_text(start.text)
            count = 0 if start is None else 1
        else:
            value = self._kept[count]
        if count < len(order):
            value = self._kind.edit(value)
        for index in range(count, len(order)):
            value = self._kind.apply(value, patches[order[index]].changes)
            if (index + 1) % KEPT_EVERY == 0 and index + 1 < len(order):
                self._kept[index + 1] = value
                value = self._kind.edit(value)
        self._keep(len(order), value)
        return value

    def _usable_prefix(self, start: Snapshot | None, order: list[int]) -> int:
        """Return how many of these patches a kept value has already; forget what is of no use."""
        if start is not self._start:
            self._start, self._order, self._kept = start, order, {}
            return 0
        shared = _shared_prefix(self._order, order)
        if shared < min(len(self._order), len(order)):
            self._kept = {count: value for count, value in self._kept.items() if count <= shared}
            self._order = order
        elif len(order) > len(self._order):
            self._order = order
        counts = sorted(self._kept)
        found = bisect_right(counts, shared)
        return counts[found - 1] if found else 0

    def _keep(self, count: int, value: Value) -> None:
        """Keep the newest value; of the ends of earlier replays only those in their places."""
        if count == 0:
            return
        self._kept[count] = value
        ends = [each for each in self._kept if each % KEPT_EVERY and each != count]
        for each in ends:
            del self._kept[each]
        for each in sorted(self._kept)[:-MAX_KEPT]:
            del self._kept[each]


def _shared_prefix(one: list[int], other: list[int]) -> int:
    """Return how many items two lists have in common at their beginnings."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
