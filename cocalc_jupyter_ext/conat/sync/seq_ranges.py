"""A set of sequence numbers that are mostly neighbours, kept as ranges."""

from collections.abc import Iterator

__all__ = ["SeqRanges"]


class SeqRanges:
    """Numbers in ascending ranges; takes as much memory as there are ranges."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __contains__(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self._ranges)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and the largest number; there must be one."""
        return self._ranges[0][0], self._ranges[-1][1]

    def append(self, first: int, last: int) -> None:
        """Add the numbers from ``first`` to ``last``, all above those that are in."""
        if first <= last:
            self._ranges.append((first, last))

    def discard(self, seq: int) -> None:
        """Take one number out, if it is in."""
        if seq in self:
            self._ranges = [
                part
                for first, last in self._ranges
                for part in ((first, min(last, seq - 1)), (max(first, seq + 1), last))
                if part[0] <= part[1]
            ]

    def discard_through(self, seq: int) -> None:
        """Take out ``seq`` and everything below."""
        self._ranges = [(max(first, seq + 1), last) for first, last in self._ranges if last > seq]

    def clear(self) -> None:
        """Take everything out."""
        self._ranges.clear()
