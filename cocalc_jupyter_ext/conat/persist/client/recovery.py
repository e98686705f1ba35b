"""What readers of a changefeed get when the connection comes and goes; pure (§1.10).

The original filters everything by the largest number seen, and so loses the changes of a
stream that starts over. Here only what may have come twice is filtered: changes that arrived
while missed messages were fetched. Deletions cannot be fetched, so readers get a ``Reset`` that
tells what the stream holds, and load again if they hold something else.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ..access import Events, Reset
from ..messages import Inventory, Stored, StoredMessage, Update

__all__ = [
    "MAX_QUEUED",
    "STABLE_S",
    "START_S",
    "Random",
    "ReconnectDelays",
    "Timeline",
    "recovery_delays",
]

MAX_QUEUED: Final = 10_000
"""So many changes are kept while missed messages are fetched; with more, readers start over."""

STABLE_S: Final = 60.0
"""A socket that was ready for so long makes the next wait short again."""

START_S: Final = 1.5
MAX_S: Final = 30.0
DECAY: Final = 1.8

Random = Callable[[], float]
"""Returns a number from 0 to 1; ``random.random`` is one."""


class ReconnectDelays:
    """How long to wait before the next socket, in seconds: ``start_s`` at least."""

    def __init__(self, random: Random, start_s: float = START_S) -> None:
        self._random = random
        self._start_s = start_s
        self._attempts = 0

    def next_s(self, ready_s: float = 0.0) -> float:
        """Return the next wait, given how long the last socket was ready."""
        if ready_s >= STABLE_S:
            self._attempts = 0
        delay_s = min(self._start_s * DECAY**self._attempts, MAX_S)
        # Beyond this the maximum is reached; a counter without end would overflow some day.
        self._attempts = min(self._attempts + 1, 10)
        return max(self._start_s, delay_s * (0.75 + self._random() / 2))


def recovery_delays(start_s: float = START_S) -> Iterator[float]:
    """Yield the waits between attempts to fetch what was missed, in seconds."""
    delay_s = start_s
    while True:
        delay_s = min(delay_s * DECAY, MAX_S)
        yield delay_s


class Timeline:
    """The order in which readers learn of changes. Tells what to give them."""

    def __init__(self, *, ephemeral: bool = False) -> None:
        self._ephemeral = ephemeral
        self._last_seq: int | None = None
        self._queue: list[Update] | None = None
        self._is_overflowing = False

    @property
    def start_seq(self) -> int | None:
        """Where to fetch from after a gap; None when nobody knows anything yet."""
        return None if self._last_seq is None else self._last_seq + 1

    @property
    def has_gap(self) -> bool:
        """Whether missed messages have to be fetched before anything else is given."""
        return self._queue is not None

    def forget(self) -> None:
        """Note that there are no readers: the next one begins from what there is then."""
        self._last_seq, self._queue = None, None

    def start(self, inventory: Inventory) -> None:
        """Note what there was when the first reader began; older messages are not missed."""
        self._last_seq = max(self._last_seq or 0, inventory.seq)

    def take(self, updates: list[Update]) -> list[Events]:
        """Return what to give for changes that just came."""
        if self._queue is not None:
            self._keep(updates)
            return []
        return self._give(updates)

    def begin(self) -> None:
        """Note that there is a gap; changes that come now have to wait."""
        self._queue = []
        self._is_overflowing = False

    def fetched(self, messages: list[StoredMessage]) -> list[Events]:
        """Return what to give for a batch of missed messages."""
        updates: list[Update] = [Stored(message) for message in messages]
        return self._give(updates)

    def end(self, inventory: Inventory) -> list[Events]:
        """Return what to give last, given what the stream holds after everything was fetched."""
        queue, self._queue = self._queue or [], None
        fetched_seq = self._last_seq or 0
        if self._ephemeral or self._is_overflowing or inventory.seq < fetched_seq:
            self._last_seq = inventory.seq
            return [Reset(), *self._give(queue)]
        news = [
            each for each in queue if not isinstance(each, Stored) or each.message.seq > fetched_seq
        ]
        return [Reset(inventory), *self._give(news)]

    def _give(self, updates: list[Update]) -> list[Events]:
        self._raise_to(updates)
        return [updates] if updates else []

    def _keep(self, updates: list[Update]) -> None:
        assert self._queue is not None  # noqa: S101 - asked by the only caller
        self._queue.extend(updates)
        if len(self._queue) > MAX_QUEUED:
            self._is_overflowing = True
            self._queue.clear()

    def _raise_to(self, updates: list[Update]) -> None:
        for update in updates:
            if isinstance(update, Stored):
                self._last_seq = max(self._last_seq or 0, update.message.seq)
