"""How long a notebook may run, and how much it may print (syncdoc-jupyter §9.6)."""

from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_OUTPUT", "RunLimits"]

MAX_OUTPUT: Final = 40_000_000
"""What all cells together may print, whatever the limits are: the result is one message."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Times in milliseconds, outputs in characters; 0 is no limit.

    ``max_output`` is for each cell, too, as at CoCalc.
    """

    max_total_time_ms: float = 0
    max_time_per_cell_ms: float = 0
    max_output: float = 0
    max_output_per_cell: float = 0

    @property
    def output_of_cell(self) -> int:
        """How many characters a cell may print."""
        limits = [limit for limit in (self.max_output, self.max_output_per_cell) if limit]
        return int(min(limits)) if limits else MAX_OUTPUT
