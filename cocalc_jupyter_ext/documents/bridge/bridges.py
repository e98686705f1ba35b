"""The bridges of all open documents of one project."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from ...conat.client.client import Client
from ...conat.client.reconnect import retry_delays
from ...conat.errors import ClientClosed, ConatError
from ..document import LiveDocument
from ..history.listing import ensure_listed
from ..history.moves import HistoryMoves, renamed
from ..syncdoc.sync_document import SyncDocument
from .bridge import BridgeTimes
from .bridged_document import AccountOf, BridgedDocument
from .kinds import two_faces

__all__ = ["Bridges", "Companion"]

_log = logging.getLogger(__name__)


class Companion(Protocol):
    """Something that works on the records of a document while it is bridged."""

    async def close(self) -> None:
        """End; called before the document leaves its bridge."""
        ...


MakeCompanion = Callable[[LiveDocument, SyncDocument[Any]], Companion | None]


class Bridges:
    """Gives every document that is opened its second face, and takes it away at closing.

    ``client`` is the project's own. A document never waits for its bridge: where the patches
    cannot be reached, it is tried again until the document closes. Each of ``companions`` is
    asked for a companion of every document that got its bridge.
    """

    def __init__(
        self,
        client: Client,
        project_id: str,
        account_of: AccountOf,
        times: BridgeTimes | None = None,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._account_of = account_of
        self._times = times
        self.companions: list[MakeCompanion] = []
        self._bridged: dict[LiveDocument, BridgedDocument] = {}
        self._accompanied: dict[LiveDocument, list[Companion]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reattaching: set[str] = set()
        self._moves = HistoryMoves(client, project_id)

    def __len__(self) -> int:
        return len(self._bridged)

    def attach(self, live: LiveDocument) -> None:
        """Begin to bridge a document that was just opened; documents of other types are left."""
        faces = two_faces(live.ydoc, live.path)
        if faces is None:
            return
        bridged = BridgedDocument(
            live,
            faces,
            client=self._client,
            project_id=self._project_id,
            account_of=self._account_of,
            times=self._times,
        )
        self._bridged[live] = bridged
        live.closing = [lambda: self._detach(live)]
        live.on_renamed = lambda: self._run(self._reattach(live), "renaming")
        self._run(self._start(bridged), "bridging")

    def find(self, path: str) -> SyncDocument[Any] | None:
        """Return the patches of an open document, by its path or that of its synced document."""
        for live, bridged in self._bridged.items():
            if path in (live.path, bridged.path) and bridged.document is not None:
                return bridged.document
        return None

    async def follow_rename(self, old_path: str, new_path: str) -> None:
        """Let the histories of a renamed file or folder follow it.

        Those of open documents do so by themselves, when the documents have followed.
        """
        held = {bridged.path for bridged in self._bridged.values()} | self._reattaching
        await self._moves.follow(old_path, new_path, held.__contains__)

    async def close(self) -> None:
        """Commit and leave everything; calling it again does nothing."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*[self._detach(live) for live in list(self._bridged)])

    async def _start(self, bridged: BridgedDocument) -> None:
        await self._moves.settled()
        for delay_s in retry_delays(1.0, 15.0):
            try:
                await bridged.start()
                await ensure_listed(self._client, self._project_id, bridged.path)
            except ClientClosed:
                return
            except ConatError as error:
                _log.warning("%s cannot be shared with CoCalc clients yet: %s", bridged.path, error)
                await asyncio.sleep(delay_s)
            else:
                self._accompany(bridged)
                return

    def _accompany(self, bridged: BridgedDocument) -> None:
        live = bridged.live
        if bridged.document is not None and live in self._bridged:
            made = [make(live, bridged.document) for make in self.companions]
            self._accompanied[live] = [companion for companion in made if companion is not None]

    async def _detach(self, live: LiveDocument) -> None:
        live.closing, live.on_renamed = [], lambda: None
        for companion in self._accompanied.pop(live, []):
            await companion.close()
        bridged = self._bridged.pop(live, None)
        if bridged is not None:
            await bridged.close()

    async def _reattach(self, live: LiveDocument) -> None:
        """Go on under the new path, and with the history, which is found by its path."""
        bridged = self._bridged.get(live)
        if bridged is None:
            return
        path = bridged.path
        self._reattaching.add(path)
        try:
            await self._detach(live)
            while (target := renamed(path, live.path)) is not None and target != path:
                await self._moves.move(path, target)
                path = target
        finally:
            self._reattaching.discard(bridged.path)
        if not live.closed:
            self.attach(live)

    def _run(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"{what} of a document")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
