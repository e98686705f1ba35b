"""Which messages the limits of a stream forbid or make go (conat-sync §2.8).

This is a plan only: it reads the stream through ``Rows``, writes nothing and knows no clock. So
a message that is refused leaves the stream as it was.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple, Protocol

from ..config import StreamConfig
from ..errors import Rejected

__all__ = ["Row", "Rows", "Totals", "plan_deletions"]

_RATE_WINDOW_MS: Final = 1000


class Row(NamedTuple):
    """A stored message: its number, and its size by conat-sync §2.4."""

    seq: int
    size: int


class Totals(NamedTuple):
    """How many messages, and the sum of their sizes."""

    messages: int
    bytes: int


class Rows(Protocol):
    """What the limits need to know of a stream; each answer may cost a query."""

    def count(self) -> int:
        """Return the number of messages."""
        ...

    def bytes(self) -> int:
        """Return the sum of all sizes."""
        ...

    def stored_since(self, time_ms: int) -> Totals:
        """Return what was stored at this time or later."""
        ...

    def in_order(self) -> Iterator[Row]:
        """Yield all messages by ascending number."""
        ...

    def stored_until(self, time_ms: int) -> Iterable[Row]:
        """Return what was stored at this time or before, by ascending number."""
        ...

    def expired(self, now_ms: int) -> Iterable[Row]:
        """Return messages whose own time to live is over, by ascending number.

        A whole number of milliseconds counts as whole seconds, rounded down (§2.8 step 5).
        """
        ...


def plan_deletions(config: StreamConfig, size: int, now_ms: int, rows: Rows) -> list[list[int]]:
    """Return the numbers of the messages that must go, one list for each limit that is exceeded.

    ``size`` is that of a message about to be stored, or 0 when there is none. Raises Rejected
    when that message may not be stored.
    """
    plan = _Plan(config, size, now_ms, rows)
    plan.check_rates()
    plan.limit_count()
    plan.limit_age()
    plan.limit_bytes()
    plan.limit_life()
    plan.check_size()
    return plan.deletions


class _Plan:
    """The steps of conat-sync §2.8; each sees the stream without what the earlier ones delete."""

    def __init__(self, config: StreamConfig, size: int, now_ms: int, rows: Rows) -> None:
        self._config = config
        self._size = size
        self._now_ms = now_ms
        self._rows = rows
        self._doomed: dict[int, int] = {}
        self.deletions: list[list[int]] = []

    def check_rates(self) -> None:
        max_count = self._config.max_msgs_per_second or 0
        max_bytes = self._config.max_bytes_per_second or 0
        if self._size == 0 or (max_count <= 0 and max_bytes <= 0):
            return
        recent = self._rows.stored_since(self._now_ms - _RATE_WINDOW_MS)
        if 0 < max_count < recent.messages:
            raise Rejected(f"max_msgs_per_second of {max_count} exceeded")
        if 0 < max_bytes < recent.bytes:
            raise Rejected(f"max_bytes_per_second of {max_bytes} exceeded")

    def limit_count(self) -> None:
        limit = self._config.max_msgs
        if limit is None or limit < 0:
            return
        excess = self._rows.count() + (self._size > 0) - limit
        if excess > 0 and self._may_discard("max_msgs limit reached"):
            self._delete(islice(self._rows.in_order(), excess))

    def limit_age(self) -> None:
        limit = self._config.max_age
        if limit is not None and limit > 0:
            self._delete(self._rows.stored_until(self._now_ms - limit))

    def limit_bytes(self) -> None:
        limit = self._config.max_bytes
        if limit is None or limit < 0:
            return
        if self._size > limit:
            # The big message is stored anyway and goes with the next enforcement.
            if self._may_discard("max_bytes limit reached"):
                self._delete(self._rows.in_order())
            return
        excess = self._rows.bytes() - sum(self._doomed.values()) + self._size - limit
        if excess > 0 and self._may_discard("max_bytes limit reached"):
            self._delete(self._shortest_prefix(excess))

    def limit_life(self) -> None:
        if self._config.allow_msg_ttl:
            self._delete(self._rows.expired(self._now_ms))

    def check_size(self) -> None:
        limit = self._config.max_msg_size
        if limit is not None and -1 < limit < self._size:
            raise Rejected(f"max_msg_size of {limit} bytes exceeded")

    def _may_discard(self, refusal: str) -> bool:
        """Return whether old messages make room; if not, a new one is refused."""
        if self._config.discard_policy == "old":
            return True
        if self._size > 0:
            raise Rejected(refusal)
        return False

    def _shortest_prefix(self, excess: int) -> Iterator[Row]:
        for row in self._rows.in_order():
            if excess <= 0:
                return
            if row.seq not in self._doomed:
                excess -= row.size
                yield row

    def _delete(self, rows: Iterable[Row]) -> None:
        # What an earlier step deletes is skipped; the others are marked only when all are known,
        # since the rows may come from a reader that looks at the marks.
        fresh = [row for row in rows if row.seq not in self._doomed]
        if fresh:
            self._doomed.update(fresh)
            self.deletions.append([row.seq for row in fresh])
