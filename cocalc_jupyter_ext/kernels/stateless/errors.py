"""What can go wrong with code that runs once."""

from ..errors import KernelsError

__all__ = ["TotalTimeError"]


class TotalTimeError(KernelsError):
    """The time for the whole request is used up."""

    def __init__(self, timeout_ms: float) -> None:
        self.timeout_ms = timeout_ms
        super().__init__(timeout_ms)

    def __str__(self) -> str:
        return f"The total time limit of {self.timeout_ms / 1000:g} seconds was exceeded."
