"""Permission decisions, remembered for a minute (conat-core §12.2).

Only answers that had to be waited for are kept. One that is there at once costs no more
than to remember it, and the subjects of replies, each used once, would push out the answers
of the database.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..types import Clock, Operation, User
from .permissions import Authorizer

__all__ = ["DecisionCache"]

MAX_AGE_S: Final = 60.0
MAX_ENTRIES: Final = 10_000

_Key: TypeAlias = tuple[User | None, str, Operation]


@dataclass(frozen=True, slots=True)
class _Decision:
    is_allowed: bool
    until_s: float


class DecisionCache:
    """Asks another authorizer, and remembers what it says about whom, what and which operation."""

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        clock: Clock,
        max_age_s: float = MAX_AGE_S,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._authorizer = authorizer
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_entries = max_entries
        self._decisions: dict[_Key, _Decision] = {}  # oldest first
        self._changes = 0

    @property
    def size(self) -> int:
        """How many decisions are remembered."""
        return len(self._decisions)

    def allows(
        self, user: User | None, subject: str, operation: Operation
    ) -> bool | Awaitable[bool]:
        """Return whether the user may publish or subscribe to the subject or pattern."""
        key = (user, subject, operation)
        known = self._decisions.get(key)
        if known is not None and self._clock() < known.until_s:
            return known.is_allowed
        answer = self._authorizer.allows(*key)
        return answer if isinstance(answer, bool) else self._decide(key, answer, self._changes)

    def forget(self, user: User) -> None:
        """Ask again about this user, also where an answer is under way.

        To be called when the rights of a user have become less, for instance because a
        collaborator was removed (design §5 (g)).
        """
        self._changes += 1
        for key in [key for key in self._decisions if key[0] == user]:
            del self._decisions[key]

    async def _decide(self, key: _Key, answer: Awaitable[bool], changes: int) -> bool:
        is_allowed = await answer
        while changes != self._changes:  # what was answered may have been true only before
            changes = self._changes
            again = self._authorizer.allows(*key)
            is_allowed = again if isinstance(again, bool) else await again
        self._remember(key, is_allowed)
        return is_allowed

    def _remember(self, key: _Key, is_allowed: bool) -> None:
        self._decisions.pop(key, None)
        self._decisions[key] = _Decision(is_allowed, self._clock() + self._max_age_s)
        if len(self._decisions) > self._max_entries:
            del self._decisions[next(iter(self._decisions))]
