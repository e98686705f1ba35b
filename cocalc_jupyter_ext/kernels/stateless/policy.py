"""How many kernels to start and to end for code that runs once (pure; syncdoc-jupyter §6.1)."""

from collections.abc import Callable
from typing import Final

__all__ = ["MAX_SIZE", "STAGGER_S", "delays_s", "is_idle", "size_of"]

MAX_SIZE: Final = 10
STAGGER_S: Final = 3.0


def size_of(wanted: float) -> int:
    """Return how many kernels are kept ready; a request may ask for none, or for too many."""
    return min(max(int(wanted), 0), MAX_SIZE)


def delays_s(missing: int, random: Callable[[], float]) -> list[float]:
    """Return when to start each missing kernel: not all at once.

    ``random`` gives numbers from 0 to 1.
    """
    return [random() * STAGGER_S * index for index in range(missing)]


def is_idle(now: float, last_request: float, timeout_s: float) -> bool:
    """Return whether the pool shrinks to one kernel; 0 seconds is never."""
    return timeout_s > 0 and now - last_request >= timeout_s
