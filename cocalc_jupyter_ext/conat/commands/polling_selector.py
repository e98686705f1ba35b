"""A selector that looks again for a moment before it sleeps, while much is going on.

To be woken costs a process more than to handle a message, on virtual machines several times
more. So where the next event is expected sooner than a wake-up takes, this asks for it until
it comes. A process with little to do sleeps as it always did.
"""

import selectors
from typing import Final

from ..types import Clock

__all__ = ["PollingSelector"]

MAX_POLL_S: Final = 200e-6
"""How long to look again; with pauses that are longer on average, not at all."""
LONGEST_COUNTED_S: Final = 10 * MAX_POLL_S
"""So that one long pause is soon forgotten."""
WEIGHT: Final = 1 / 8
"""Of the last pause in the average."""


class PollingSelector(selectors.DefaultSelector):
    """The best selector of the platform, but it polls before it waits for a short time.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._expected_s = LONGEST_COUNTED_S

    @property
    def polls(self) -> bool:
        """Whether the next event is expected so soon that sleeping does not pay."""
        return self._expected_s < MAX_POLL_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, as any selector does; wait at most ``timeout`` seconds."""
        if timeout is not None and timeout <= 0:
            return self._ready(timeout)
        begun_s = self._clock()
        ready = self._poll_until(begun_s + MAX_POLL_S) if self.polls else []
        if not ready:
            ready = self._ready(timeout)
        self._learn(self._clock() - begun_s)
        return ready

    def _ready(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        return ready

    def _poll_until(self, end_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._ready(0)
        while not ready and self._clock() < end_s:
            ready = self._ready(0)
        return ready

    def _learn(self, pause_s: float) -> None:
        self._expected_s += WEIGHT * (min(pause_s, LONGEST_COUNTED_S) - self._expected_s)
