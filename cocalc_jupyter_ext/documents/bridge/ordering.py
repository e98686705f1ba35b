"""Which items stay when a list gets another order (pure)."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import TypeVar

__all__ = ["staying", "staying_but"]

Item = TypeVar("Item")


def staying(old: Sequence[Item], new: Sequence[Item]) -> set[Item]:
    """Return as many items as can stay where they are; the others have to be moved.

    Both lists hold distinct items; what only one of them has does not stay. These are the items
    of a longest common subsequence, which for distinct items is found in n log n.
    """
    place = {item: index for index, item in enumerate(old)}
    common = [item for item in new if item in place]
    ends: list[int] = []
    tops: list[int] = []
    before: list[int | None] = []
    for index, item in enumerate(common):
        length = bisect_left(ends, place[item])
        before.append(tops[length - 1] if length else None)
        ends[length : length + 1] = [place[item]]
        tops[length : length + 1] = [index]
    stays = set[Item]()
    step = tops[-1] if tops else None
    while step is not None:
        stays.add(common[step])
        step = before[step]
    return stays


def staying_but(old: Sequence[Item], new: Sequence[Item], moved: Collection[Item]) -> set[Item]:
    """Return what can stay when somebody moved these: of two that were swapped, the other one.

    Of what was moved, those stay that are still in their places among the others.
    """
    rest = staying([x for x in old if x not in moved], [x for x in new if x not in moved])
    both = rest | staying(old, new)
    if not moved or _in_order(old, both) == _in_order(new, both):
        return both
    return rest


def _in_order(items: Sequence[Item], wanted: set[Item]) -> list[Item]:
    return [item for item in items if item in wanted]
