"""The numbers that govern runs, as one value."""

from dataclasses import dataclass, field

from .kernel import KernelTimes
from .outputs import OutputLimits

__all__ = ["RunnerSettings"]


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Limits and waits of a runner; times in seconds."""

    max_queued: int = 10_000
    """Cells of one notebook that may wait."""
    batch_s: float = 0.05
    """Outputs are written at most this often."""
    ending_s: float = 0.005
    """The same while a cell only waits for its last outputs, and the next cell for it."""
    grace_s: float = 5.0
    """Quiet time after a reply that ends a cell whose idle status was lost; a kernel may need
    seconds to encode 100 MB that were printed at once."""
    grace_max_s: float = 30.0
    """The same when the kernel is never quiet."""
    settle_s: float = 0.1
    """For the last messages of a kernel whose process has ended."""
    cause_s: float = 3.0
    """To find out whether a kernel that ended was restarted or shut down."""
    watch_s: float = 2.0
    """Between two checks that the kernel's process lives while a cell runs."""
    unused_s: float = 300.0
    """A runner without cells is closed after this time."""
    outputs: OutputLimits = field(default_factory=OutputLimits)
    kernel: KernelTimes = field(default_factory=KernelTimes)
