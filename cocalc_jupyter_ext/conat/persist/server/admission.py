"""How many streams may be open at one server, together and of one owner (conat-sync §1.9)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import LimitExceeded

__all__ = ["Admission", "UsageLimits"]


@dataclass(frozen=True, slots=True)
class UsageLimits:
    """The largest numbers of sockets."""

    per_scope: int = 500
    total: int = 10_000


class Admission:
    """Counts sockets from their storage selection until they close."""

    def __init__(self, limits: UsageLimits | None = None) -> None:
        self._limits = limits or UsageLimits()
        self._open: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Return how many sockets are counted."""
        return self._open.total()

    def admit(self, scope: str) -> Callable[[], None]:
        """Count a socket of an owner; return what counts it out, any number of times.

        Raises LimitExceeded when a limit is reached.
        """
        if self._open.total() >= self._limits.total:
            msg = f"this server has {self._limits.total} streams open; close some, or add a server"
            raise LimitExceeded(msg)
        if self._open[scope] >= self._limits.per_scope:
            msg = f"'{scope}' has {self._limits.per_scope} streams open; close some of them"
            raise LimitExceeded(msg)
        self._open[scope] += 1
        is_counted = True

        def leave() -> None:
            nonlocal is_counted
            if is_counted:
                is_counted = False
                self._open[scope] -= 1
                if not self._open[scope]:
                    del self._open[scope]

        return leave
