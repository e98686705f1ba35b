"""One line of the report: a number, and what it should be."""

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """A measured value next to its target, in the same unit."""

    title: str
    value: float
    unit: str
    target: float
    higher_is_better: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the value is as good as it should be."""
        return self.value >= self.target if self.higher_is_better else self.value <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.higher_is_better else "≤"
        target = f"{sign} {self.target:g} {self.unit}"
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.title:62} {self.value:10,.2f} {self.unit:4} {target:>12}  {verdict}"
