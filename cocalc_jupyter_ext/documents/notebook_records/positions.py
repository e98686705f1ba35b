"""Where a cell stands: a number, so that moving one cell changes nothing else (syncdoc §3.3)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

__all__ = ["in_order", "needs_renumbering", "position_of", "spread"]

UNPLACED: Final = -1.0
"""Where a cell without a position counts as standing."""


def position_of(record: Mapping[str, Any]) -> float:
    """Return where a cell stands; one that does not say so counts as standing first."""
    position = record.get("pos")
    is_number = isinstance(position, int | float) and not isinstance(position, bool)
    return float(position) if is_number else UNPLACED  # type: ignore[arg-type]  # it is one


def in_order(cells: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cell records in the order in which everybody shows them.

    Cells with one position are ordered by id, so that all participants agree until the
    positions are repaired.
    """
    return sorted(cells, key=lambda record: (position_of(record), str(record.get("id"))))


def needs_renumbering(cells: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a position is missing or used twice."""
    positions = [position_of(record) for record in cells]
    return len(set(positions)) < len(positions) or any(
        not isinstance(record.get("pos"), int | float) for record in cells
    )


def spread(before: float | None, after: float | None, count: int) -> list[float]:
    """Return positions for ``count`` new cells between two neighbours, or beyond the only one.

    Whole numbers are returned as such. Where numbers run out of precision the caller finds
    equal positions, and renumbers.
    """
    if before is None and after is None:
        return [float(index) for index in range(count)]
    if before is None:
        assert after is not None  # noqa: S101 - the other case was handled
        return [after - count + index for index in range(count)]
    if after is None:
        return [before + 1 + index for index in range(count)]
    step = (after - before) / (count + 1)
    return [before + step * (index + 1) for index in range(count)]
