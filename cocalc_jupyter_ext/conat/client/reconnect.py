"""Plans for getting back what a lost connection took away, as values.

The server keeps nothing across connections (conat-core §11.4): after each sign-in the
client compares what it wants with what the server has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..protocol.messages import Subscribe, SubscribeRequest, Unsubscribe
from ..types import Pattern, QueueGroup

__all__ = ["Random", "ResyncPlan", "plan_resync", "reconnect_delays", "retry_delays"]

MIN_DELAY_S = 0.05


class Random(Protocol):
    """Returns a number from 0 up to, and not including, 1; ``random.random`` is one."""

    def __call__(self) -> float: ...  # noqa: D102 - documented by the class


@dataclass(frozen=True, slots=True)
class ResyncPlan:
    """What to send so that the server has what the client wants; None where nothing is."""

    subscribe: Subscribe | None
    unsubscribe: Unsubscribe | None

    @property
    def is_stable(self) -> bool:
        """Return whether there is nothing to do."""
        return self.subscribe is None and self.unsubscribe is None


def plan_resync(wanted: Mapping[Pattern, QueueGroup], server_has: Sequence[str]) -> ResyncPlan:
    """Compare, with the original queue groups (conat-core §11.4)."""
    has = set(server_has)
    missing = tuple(
        SubscribeRequest(pattern, queue) for pattern, queue in wanted.items() if pattern not in has
    )
    extra = tuple(pattern for pattern in server_has if pattern not in wanted)
    return ResyncPlan(
        Subscribe(missing, batch=True) if missing else None,
        Unsubscribe(extra, batch=True) if extra else None,
    )


def retry_delays(start_s: float, max_s: float, decay: float = 1.3) -> Iterator[float]:
    """Yield the waits of a retry loop; the first is already multiplied (conat-core, opening)."""
    delay_s = start_s
    while True:
        delay_s = max(MIN_DELAY_S, min(delay_s * decay, max_s))
        yield delay_s


def reconnect_delays(
    random: Random, start_s: float = 0.5, max_s: float = 15.0, randomization: float = 0.5
) -> Iterator[float]:
    """Yield the waits between attempts to connect: doubled, and spread (conat-core §1.3)."""
    delay_s = start_s
    while True:
        spread = 1 + randomization * (2 * random() - 1)
        yield min(delay_s * spread, max_s)
        delay_s = min(delay_s * 2, max_s)
