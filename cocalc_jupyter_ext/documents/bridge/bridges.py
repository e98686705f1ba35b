"""The bridges of all open documents of one project."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from ...conat.client.client import Client
from ...conat.client.reconnect import retry_delays
from ...conat.errors import ClientClosed, ConatError
from ..document import LiveDocument
from ..history.listing import ensure_listed
from ..history.moves import HistoryMoves, renamed
from ..history.stream_history import RecordReader
from ..syncdoc.coordination import DocumentType
from ..syncdoc.records import RecordSchema
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.values import TextKind
from .bridge import BridgeTimes
from .bridged_document import AccountOf, BridgedDocument
from .kinds import TwoFaces, records_faces, two_faces
from .open_entries import FileNotServed

__all__ = ["RECORD_FILES", "Bridges", "Companion"]

RECORD_FILES: Final = (".board", ".chat", ".course", ".sage-chat", ".slides", ".tasks")
"""Files whose lines are records, by which keys only clients know."""

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
        self._schemas: dict[str, RecordSchema | None] = {}
        self._waiting: set[LiveDocument] = set()
        self._unknown: set[LiveDocument] = set()
        self._moves = HistoryMoves(client, project_id)

    def __len__(self) -> int:
        return len(self._bridged)

    def attach(self, live: LiveDocument) -> None:
        """Begin to bridge a document that was just opened; documents of other types are left."""
        faces = two_faces(live.ydoc, live.path)
        if faces is None:
            return
        if isinstance(faces.kind, TextKind):
            self._waiting.add(live)
            live.closing = [lambda: self._detach(live)]
            self._run(self._attach_text(live, faces), "bridging")
        else:
            self._begin(live, faces)

    async def expect(self, path: str, schema: RecordSchema | None) -> None:
        """Note of which records a file is, before it is opened as such, or go on with them.

        Without a schema it is a text. Raises FileNotServed where the file has been shared as
        something else, and ConatError.
        """
        stored = await self._stored_type(path)
        if stored is not None and stored.schema != schema:
            as_what = "a text" if stored.schema is None else "records with other keys"
            raise FileNotServed(path, f"it is shared as {as_what} already")
        if schema is not None or path.endswith(RECORD_FILES):
            self._schemas[path] = schema
        for live in list(self._unknown):
            if live.path == path:
                self._unknown.discard(live)
                self.attach(live)

    async def _attach_text(self, live: LiveDocument, faces: TwoFaces) -> None:
        """Find out whether the lines of a text are records, and begin to bridge it."""
        is_known, schema = False, None
        for delay_s in retry_delays(1.0, 15.0):
            try:
                is_known, schema = await self._schema_of(live.path)
            except ClientClosed:
                return
            except ConatError as error:
                _log.warning("%s cannot be shared with CoCalc clients yet: %s", live.path, error)
                await asyncio.sleep(delay_s)
            else:
                break
        if live not in self._waiting:
            faces.face.close()
            return
        self._waiting.discard(live)
        if not is_known and live.path.endswith(RECORD_FILES):
            faces.face.close()
            self._unknown.add(live)
        elif schema is None:
            self._begin(live, faces)
        else:
            faces.face.close()
            self._begin(live, records_faces(live.ydoc, live.path, schema))

    async def _schema_of(self, path: str) -> tuple[bool, RecordSchema | None]:
        """Return whether it is known as what a file is shared, and its records' schema if any."""
        if path in self._schemas:
            return True, self._schemas[path]
        stored = await self._stored_type(path)
        return (False, None) if stored is None else (True, stored.schema)

    async def _stored_type(self, path: str) -> DocumentType | None:
        """Return as what a document is shared; None when nobody has shared it."""
        record = await RecordReader.open(self._client, self._project_id, path)
        try:
            doctype = await record.get("doctype")
        finally:
            await record.close()
        return None if doctype is None else DocumentType.from_wire(doctype)

    def _begin(self, live: LiveDocument, faces: TwoFaces) -> None:
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
        self._waiting.discard(live)
        self._unknown.discard(live)
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
