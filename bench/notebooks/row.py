"""One line of the report: a number, and what it should be."""

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """A measured value next to its target, in the same unit; None where it only compares."""

    title: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the value is as good as it should be."""
        if self.target is None:
            return True
        return self.value >= self.target if self.higher_is_better else self.value <= self.target

    def __str__(self) -> str:
        number = f"{self.title:62} {self.value:10,.2f} {self.unit:4}"
        if self.target is None:
            return number
        sign = "≥" if self.higher_is_better else "≤"
        target = f"{sign} {self.target:g} {self.unit}"
        return f"{number} {target:>12}  {'met' if self.is_met else 'MISSED'}"
