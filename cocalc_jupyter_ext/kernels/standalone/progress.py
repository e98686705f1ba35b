"""When a piece of code is over (pure; syncdoc-jupyter §4.2, D14).

It is over when both the kernel's reply and its idle status were seen. A lost idle status must not
keep the queue waiting forever: after the reply some quiet time, or a longest time, is enough.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["Grace", "Progress", "late_s"]

_LATE_S: Final = {"typescript": 0.2}
"""By the kernel's language; Deno's sends results from another thread than its idle status."""


@dataclass(frozen=True, slots=True)
class Grace:
    """Times in seconds after a reply."""

    quiet_s: float = 2.0
    longest_s: float = 30.0


@dataclass(slots=True)
class Progress:
    """What was seen of one request; times are those of one clock."""

    request_id: str
    replied_at: float | None = None
    heard_at: float = 0.0
    is_idle: bool = False
    failed: bool = False

    @property
    def is_over(self) -> bool:
        """Whether reply and idle status were seen."""
        return self.is_idle and self.replied_at is not None

    def heard(self, now: float, *, is_idle: bool) -> None:
        """Notice something that the kernel published because of the request."""
        self.heard_at = now
        self.is_idle = self.is_idle or is_idle

    def replied(self, now: float, status: str) -> None:
        """Notice the reply."""
        self.replied_at = now
        self.failed = status != "ok"

    def wait_s(self, now: float, grace: Grace) -> float | None:
        """Return how long to wait until it counts as over; None without a reply."""
        if self.replied_at is None:
            return None
        quiet_until = max(self.replied_at, self.heard_at) + grace.quiet_s
        return max(0.0, min(quiet_until, self.replied_at + grace.longest_s) - now)


def late_s(language: str) -> float:
    """Return for how many seconds after its idle status a kernel may publish what belongs before.

    Jupyter's protocol allows no such thing.
    """
    return _LATE_S.get(language, 0.0)
