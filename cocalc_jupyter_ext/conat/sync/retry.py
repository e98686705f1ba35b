"""Trying again: how long to wait, and what is never tried again (conat-sync §0, §3.3)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from ..errors import ClientClosed, ConatError, PermissionDenied, SignInFailed
from ..persist.errors import PathDenied, StoreClosed
from .errors import Closed

__all__ = ["Backoff", "Delays", "is_final", "retry"]

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

_FINAL_CODES: Final = (403, 429)
_FINAL_KINDS: Final = (
    Closed,
    ClientClosed,
    StoreClosed,
    PathDenied,
    PermissionDenied,
    SignInFailed,
)


@dataclass(frozen=True, slots=True)
class Delays:
    """After each failure the delay is multiplied, and then kept between its limits."""

    start_s: float
    decay: float
    max_s: float
    min_s: float = 0.05


class Backoff:
    """How long to wait after each failure."""

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._last_s = delays.start_s

    def next_s(self) -> float:
        """Return the delay after one more failure; the first is ``start_s * decay``."""
        delays = self._delays
        self._last_s = min(max(self._last_s * delays.decay, delays.min_s), delays.max_s)
        return self._last_s

    def reset(self) -> None:
        """Start over, because something succeeded."""
        self._last_s = self._delays.start_s


def is_final(error: ConatError) -> bool:
    """Return whether trying again is useless: no permission, too many, or closed (§1.8)."""
    if isinstance(error, _FINAL_KINDS) or error.code in _FINAL_CODES:
        return True
    # A path that is not in normal form is refused without a code (§1.7).
    return error.code is None and "permission denied" in str(error)


async def retry(action: Callable[[], Awaitable[Result]], delays: Delays, what: str) -> Result:
    """Do something until it succeeds; each failure is logged, a final one is raised."""
    backoff = Backoff(delays)
    while True:
        try:
            return await action()
        except ConatError as error:
            if is_final(error):
                raise
            delay_s = backoff.next_s()
            _log.warning("%s failed and is tried again in %.1f s: %s", what, delay_s, error)
        await asyncio.sleep(delay_s)
