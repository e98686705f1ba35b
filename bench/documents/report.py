"""What a measure found, beside what it should be."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Found", "p50", "p95"]


@dataclass(frozen=True)
class Found:
    """One number, which should not be above its target."""

    title: str
    value: float
    target: float
    unit: str
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Tell whether the number is as small as it should be."""
        return self.value <= self.target

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        number = f"{self.value:10,.2f} {self.unit:4}"
        return f"{self.title:58} {number} ≤ {self.target:g} {self.unit:4} {verdict:7}{self.note}"


def p50(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """Return what 95 of 100 values do not exceed."""
    return sorted(values)[int(len(values) * 0.95)]
