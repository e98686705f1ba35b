"""What the server refused recently (conat-core §9.2).

A publish that wants no answer learns of its refusal only through a notice. While the
notice is remembered, doing the same again fails at once and on this side.
"""

from typing import Final

from ..errors import RemoteError
from ..protocol.messages import PermissionNotice
from ..types import Operation

__all__ = ["Denials"]

EXPIRY_S: Final = 60.0
MAX_ENTRIES: Final = 1_000


class Denials:
    """Remembers refusals, a bounded number for a bounded time."""

    def __init__(self) -> None:
        self._until: dict[tuple[Operation, str], tuple[float, str]] = {}

    def remember(self, notice: PermissionNotice, now_s: float) -> None:
        """Note a refusal."""
        key = (notice.operation, notice.subject)
        self._until.pop(key, None)
        if len(self._until) >= MAX_ENTRIES:
            del self._until[next(iter(self._until))]
        self._until[key] = (now_s + EXPIRY_S, notice.message)

    def check(self, operation: Operation, subject: str, now_s: float) -> None:
        """Raise the remembered refusal, with code 403, unless it has expired."""
        known = self._until.get((operation, subject))
        if known is None:
            return
        until_s, message = known
        if now_s < until_s:
            raise RemoteError(message, 403)
        del self._until[operation, subject]
