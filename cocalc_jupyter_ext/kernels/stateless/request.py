"""What is to be run once, and within which limits (pure; syncdoc-jupyter §6.1)."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DEFAULT_ULIMIT", "MAX_OUTPUT", "Limits", "PoolOptions", "Request", "ulimit_of"]

DEFAULT_ULIMIT: Final = "-n 1000 -f 10485760 -t 30 -v 3000000"
"""Open files, file size in the shell's blocks, seconds of CPU, KiB of virtual memory (§6.1)."""

MAX_OUTPUT: Final = 40_000_000
"""Characters that are kept of any output, whatever a request says: they are one answer."""

_MUCH_ADDRESS_SPACE: Final = frozenset({"javascript", "typescript", "julia", "java", "kotlin"})
"""Languages whose programs reserve much more memory than they use, and do not start without."""
_NO_ADDRESS_LIMIT: Final = "-n 1000 -f 10485760 -t 30"


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in ms; sizes in characters of JSON.

    ``start_time`` is in ms since 1970; without it the total time counts from the request.
    ``total_output`` is what earlier pieces of the same computation have put out.
    """

    timeout_ms_per_cell: float = 30_000
    timeout_ms: float | None = 30_000
    max_output_per_cell: int = 1_000_000
    max_output: int = 5_000_000
    total_output: int = 0
    start_time: float | None = None

    @classmethod
    def from_given(cls, given: Mapping[str, Any] | None) -> "Limits":
        """Return the limits of a request; those that it leaves out have other defaults (§6.1)."""
        if given is None:
            return cls()
        return cls(
            timeout_ms_per_cell=given.get("timeout_ms_per_cell") or 60_000,
            timeout_ms=given.get("timeout_ms") or None,
            max_output_per_cell=min(given.get("max_output_per_cell") or 500_000, MAX_OUTPUT),
            max_output=min(given.get("max_output") or 4_000_000, MAX_OUTPUT),
            total_output=given.get("total_output") or 0,
            start_time=given.get("start_time"),
        )

    @property
    def max_chars(self) -> int:
        """How much the one piece of code may put out."""
        return min(self.max_output_per_cell, max(0, self.max_output - self.total_output))

    @property
    def notice(self) -> str:
        """What stands in the place of output beyond ``max_chars``; it names the limit."""
        if self.max_chars == self.max_output_per_cell:
            limit = f"cell output limit of {self.max_output_per_cell}"
        else:
            limit = f"total output limit of {self.max_output}"
        return f"Output truncated since it exceeded the {limit} characters"


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Kernels that are kept ready; ``timeout_s`` without a request they shrink to one, 0: never."""

    size: int = 2
    timeout_s: float = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """Code to run once; ``history`` runs before it, and what that puts out is thrown away."""

    kernel: str
    input: str
    history: Sequence[str] = ()
    path: str | None = None
    pool: PoolOptions = field(default_factory=PoolOptions)
    limits: Limits = field(default_factory=Limits)


def ulimit_of(language: str, platform: str = sys.platform) -> str:
    """Return the limits of a kernel of this language; macOS cannot limit virtual memory."""
    unlimited = language.lower() in _MUCH_ADDRESS_SPACE or platform == "darwin"
    return _NO_ADDRESS_LIMIT if unlimited else DEFAULT_ULIMIT
