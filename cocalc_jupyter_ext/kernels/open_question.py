"""A question of running code that waits for its answer (pure; syncdoc-jupyter §3.5)."""

from dataclasses import dataclass
from typing import Any

from ..documents.notebook_records.live_outputs import question
from .events import QueuedCell
from .outputs import Output
from .runs import PendingInput

__all__ = ["OpenQuestion"]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Which cell asks, the kernel's request, and what those see who follow the run."""

    cell: QueuedCell
    request: dict[str, Any]
    pending: PendingInput

    def is_meant(self, input_id: str | None, run_id: str | None, cell_id: str | None) -> bool:
        """Return whether somebody who names so much of it means this question."""
        return (
            input_id in {None, self.pending.input_id}
            and run_id in {None, self.cell.run_id}
            and cell_id in {None, self.cell.cell_id}
        )

    def output(self, value: str | None = None) -> Output:
        """Return what the cell shows, with the answer if there is one; of a password never that."""
        asked = self.pending
        shown = "" if asked.password and value is not None else value
        return question(
            asked.prompt, password=asked.password, value=shown, question_id=asked.input_id
        )
