"""What a runner asks about its notebook, and whom it tells."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .events import Loss
from .outputs import OutputLimits
from .overflow import Overflow
from .runs import CellState

__all__ = ["RunnerHooks"]


@dataclass(frozen=True, slots=True)
class RunnerHooks:
    """The surroundings of one runner; every one has a default that does nothing."""

    limits: Callable[[], OutputLimits] = OutputLimits
    overflow: Overflow = field(default_factory=Overflow)
    on_progress: Callable[[str, CellState], None] = lambda _cell_id, _state: None
    """Told of every step of every cell."""
    on_loss: Callable[[Loss, str], None] = lambda _loss, _detail: None
    """Told when the kernel was lost, and how."""
