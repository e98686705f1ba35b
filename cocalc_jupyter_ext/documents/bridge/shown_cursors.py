"""Shows JupyterLab's pages where CoCalc clients are in a document (syncdoc-jupyter §1.12).

Each CoCalc client with a cursor becomes one participant of the document's room, while somebody is
in it. Nothing goes the other way: a project never publishes cursors (§1.12), so CoCalc clients do
not see those of JupyterLab's users.
"""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_ydoc import YNotebook

from ...conat.client.client import Client
from ...conat.client.reconnect import retry_delays
from ...conat.errors import ClientClosed, ConatError
from ..document import LiveDocument
from ..presence import encode_state
from ..room import DocumentRoom
from ..rooms import Rooms
from ..syncdoc.coordination import synced_path_of_notebook
from ..syncdoc.cursors import Cursor, Cursors, open_cursors
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.values import TextKind
from .cursors import awareness_state, relative_positions, spots_of

__all__ = ["MAX_SHOWN", "ShowCursors", "ShownCursors"]

HIDE_AFTER_S: Final = 20.0
"""After so long without a movement a cursor is not shown any more (§1.12)."""

MAX_SHOWN: Final = 50
MAX_CLIENT_ID: Final = 2**32 - 1
PACE_S: Final = 0.1
SHARE_OF_TIME: Final = 0.05
"""Finding places costs more in larger documents; it takes no more of the time than this."""

_log = logging.getLogger(__name__)

NameOf = Callable[[str], str]


class ShowCursors:
    """Makes the companion that shows the cursors of a document; ``name_of`` names participants."""

    def __init__(self, client: Client, project_id: str, rooms: Rooms, name_of: NameOf) -> None:
        self._client = client
        self._project_id = project_id
        self._rooms = rooms
        self._name_of = name_of

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> "_Following | None":
        """Begin to show the cursors in a notebook or a text; None for files of records."""
        if isinstance(live.ydoc, YNotebook):
            path = synced_path_of_notebook(live.path)
        elif isinstance(document.kind, TextKind):
            path = live.path
        else:
            return None
        return _Following(self._follow(live, document, path))

    async def _follow(
        self, live: LiveDocument, document: SyncDocument[Any], path: str
    ) -> "ShownCursors | None":
        for delay_s in retry_delays(1.0, 15.0):
            try:
                cursors = await open_cursors(
                    self._client,
                    project_id=self._project_id,
                    path=path,
                    users=lambda: document.users,
                    participant=self._project_id,
                )
            except ClientClosed:
                return None
            except ConatError as error:
                _log.warning("%s: CoCalc clients' cursors are not shown yet: %s", path, error)
                await asyncio.sleep(delay_s)
            else:
                return ShownCursors(live, document, cursors, self._rooms, self._name_of)
        return None


class _Following:
    """The cursors of one document, from before they can be followed."""

    def __init__(self, opening: Coroutine[Any, Any, "ShownCursors | None"]) -> None:
        self._opening = asyncio.create_task(opening, name="following of cursors")

    async def close(self) -> None:
        """Show none any more; calling it again does nothing."""
        self._opening.cancel()
        await asyncio.wait({self._opening})
        if not self._opening.cancelled() and (shown := self._opening.result()) is not None:
            await shown.close()


@dataclass(slots=True)
class _Participant:
    """What a room shows of a CoCalc client: under which id, the how manieth time, and what."""

    client_id: int
    clock: int = 0
    state: Mapping[str, Any] | None = None


class ShownCursors:
    """Shows the cursors in one document, and owns ``cursors``.

    A cursor is placed in the text when it moves, and again when an edit by the same participant
    arrives, because it may come before what was typed. Then it moves with the text.
    """

    def __init__(
        self,
        live: LiveDocument,
        document: SyncDocument[Any],
        cursors: Cursors,
        rooms: Rooms,
        name_of: NameOf,
        *,
        clock: Callable[[], float] = time.time,
        choose: Callable[[int, int], int] = random.randint,
    ) -> None:
        self._live = live
        self._document = document
        self._cursors = cursors
        self._rooms = rooms
        self._name_of = name_of
        self._clock = clock
        self._choose = choose
        self._shown: dict[str, _Participant] = {}
        self._moved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rested_s = 0.0
        self._disconnects = [
            cursors.changes.connect(self._on_moved),
            document.changes.connect(self._on_edited),
            rooms.opened.connect(self._on_opened),
        ]

    async def close(self) -> None:
        """Take all cursors away; calling it again does nothing."""
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        room = self._rooms.find(self._live.room_id)
        if room is not None:
            room.hide(self)
        self._shown.clear()
        await self._cursors.close()

    def _on_moved(self, participant: str) -> None:
        self._moved.add(participant)
        self._show_soon()

    def _on_edited(self, _before: object) -> None:
        """Move the cursors of those whose edits came last."""
        graph, users = self._document.graph, self._document.users
        ids = {graph.patch(time_ms).user_id for time_ms in graph.heads}
        authors = {users[user_id] for user_id in ids if user_id < len(users)}
        if placed := authors & self._shown.keys():
            self._moved |= placed
            self._show_soon()

    def _on_opened(self, room: DocumentRoom) -> None:
        if room.document is self._live:
            self._shown.clear()
            self._show_soon()

    def _show_soon(self) -> None:
        self._show_at(max(self._rested_s, asyncio.get_running_loop().time()))

    def _show_at(self, due_s: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= due_s:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due_s, self._show)

    def _show(self) -> None:
        """Show what has changed, and look again when the next cursor is too old."""
        self._timer = None
        room = self._rooms.find(self._live.room_id)
        if room is None:  # Its states are gone with it.
            self._shown.clear()
            return
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        cursors = self._newest()
        for participant in self._shown.keys() - cursors.keys():
            self._tell(room, participant, None)
            del self._shown[participant]
        moved, self._moved = self._moved, set()
        self._place(
            room, {who: cursors[who] for who in cursors if who in moved | self._new(cursors)}
        )
        ended_s = loop.time()
        self._rested_s = ended_s + max(PACE_S, (ended_s - began_s) / SHARE_OF_TIME)
        if cursors:
            oldest_ms = min(cursor.time_ms for cursor in cursors.values())
            left_s = oldest_ms / 1000 + HIDE_AFTER_S - self._clock()
            self._show_at(max(self._rested_s, ended_s + left_s))

    def _newest(self) -> dict[str, Cursor]:
        found = sorted(
            self._cursors.get(HIDE_AFTER_S).items(), key=lambda each: each[1].time_ms, reverse=True
        )
        return dict(found[:MAX_SHOWN])

    def _new(self, cursors: Mapping[str, Cursor]) -> set[str]:
        return set(cursors) - self._shown.keys()

    def _place(self, room: DocumentRoom, cursors: Mapping[str, Cursor]) -> None:
        ydoc = self._live.ydoc
        spots = {who: spots_of(ydoc, cursor.places) for who, cursor in cursors.items()}
        positions = relative_positions(ydoc.ydoc, itertools.chain(*spots.values()))
        for who, places in spots.items():
            found = [positions[spot] for spot in places]
            self._tell(
                room, who, awareness_state(who, self._name_of(who), found) if found else None
            )

    def _tell(self, room: DocumentRoom, who: str, state: Mapping[str, Any] | None) -> None:
        shown = self._shown.get(who)
        if shown is None:
            shown = self._shown[who] = _Participant(self._choose(1, MAX_CLIENT_ID))
        if shown.state != state:
            shown.clock, shown.state = shown.clock + 1, state
            room.show(self, encode_state(shown.client_id, shown.clock, state))
