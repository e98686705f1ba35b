"""Who is where in a document: told, never kept (syncdoc-jupyter §1.12).

A place is ``{x, y}`` in a text, ``{x, y, id}`` in a notebook, counted from 0. Nobody is in two
documents at once by this: each document has its own subject.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.signals import Signal
from ...conat.sync.pubsub import PubSub, open_pubsub

__all__ = ["Cursor", "CursorMap", "Cursors", "open_cursors"]

THROTTLE_S: Final = 0.15
MAX_AGE_S: Final = 60.0
MAX_FUTURE_S: Final = 10.0
MAX_PARTICIPANTS: Final = 1_000

Place = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a participant was at a time, in milliseconds."""

    places: Sequence[Place]
    time_ms: int


class CursorMap:
    """The last word of each participant (pure)."""

    def __init__(self) -> None:
        self._cursors: dict[int, Cursor] = {}

    def take(self, message: object) -> int | None:
        """Take a message; return whose cursor changed, None when the message makes no sense."""
        if not isinstance(message, Mapping):
            return None
        user_id, places, time_ms = (message.get(name) for name in ("user_id", "locs", "time"))
        if not isinstance(user_id, int) or not isinstance(time_ms, int | float):
            return None
        if isinstance(places, list) and places:
            if user_id not in self._cursors and len(self._cursors) >= MAX_PARTICIPANTS:
                return None
            self._cursors[user_id] = Cursor(places, round(time_ms))
        else:
            self._cursors.pop(user_id, None)
        return user_id

    def at(self, now_ms: int, max_age_s: float = MAX_AGE_S) -> dict[int, Cursor]:
        """Return the cursors that are young enough and not from the future, by user id."""
        oldest, newest = now_ms - max_age_s * 1000, now_ms + MAX_FUTURE_S * 1000
        return {
            user_id: cursor
            for user_id, cursor in self._cursors.items()
            if oldest <= cursor.time_ms <= newest
        }


class Cursors:
    """The cursors in one document; open them with ``open_cursors``.

    ``changes`` tells the id of a participant whose cursor moved or went.
    """

    def __init__(
        self,
        told: PubSub,
        users: Callable[[], Sequence[str]],
        participant: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.changes: Signal[[str]] = Signal("changes of cursors")
        self._told = told
        self._users = users
        self._participant = participant
        self._clock = clock
        self._map = CursorMap()
        self._wanted: Sequence[Place] | None = None
        self._told_as: int | None = None
        self._is_pending = False
        self._timer: asyncio.TimerHandle | None = None
        told.changes.connect(self._heard)

    def set(self, places: Sequence[Place] | None) -> None:
        """Tell where one is; None tells that one is gone. At most seven times a second."""
        self._wanted = places
        if self._timer is not None:
            self._is_pending = True
            return
        self._tell()

    def get(self, max_age_s: float = MAX_AGE_S) -> dict[str, Cursor]:
        """Return where the others are, by participant."""
        users = self._users()
        found = self._map.at(self._now_ms(), max_age_s)
        return {
            users[user_id]: cursor
            for user_id, cursor in found.items()
            if user_id < len(users) and users[user_id] != self._participant
        }

    async def close(self) -> None:
        """Tell that one is gone, and stop; calling it again does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wanted:
            self._wanted = None
            self._publish()
        await self._told.close()
        self.changes.clear()

    def _tell(self) -> None:
        self._is_pending = False
        self._publish()
        self._timer = asyncio.get_running_loop().call_later(THROTTLE_S, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._is_pending:
            self._tell()

    def _publish(self) -> None:
        users = self._users()
        if self._participant not in users:
            return
        user_id = users.index(self._participant)
        if self._told_as not in (None, user_id):
            # Of two who joined at once one got another number, and left a cursor under the first.
            self._told.set({"user_id": self._told_as, "locs": None, "time": self._now_ms()})
        self._told_as = user_id
        places = None if self._wanted is None else list(self._wanted)
        self._told.set({"user_id": user_id, "locs": places, "time": self._now_ms()})

    def _heard(self, message: object) -> None:
        user_id = self._map.take(message)
        users = self._users()
        is_known = user_id is not None and 0 <= user_id < len(users)
        if user_id is not None and is_known and users[user_id] != self._participant:
            self.changes.emit(users[user_id])

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)


async def open_cursors(
    client: Client,
    *,
    project_id: str,
    path: str,
    users: Callable[[], Sequence[str]],
    participant: str,
) -> Cursors:
    """Follow the cursors of a document; ``users`` returns its list of users (§1.4)."""
    told = await open_pubsub(client, project_id=project_id, name="cursors", path=path)
    return Cursors(told, users, participant)
