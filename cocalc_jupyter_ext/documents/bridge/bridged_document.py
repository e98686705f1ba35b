"""A live document and its patches, kept equal while the document is open.

It takes part as the project: it does not wait for anybody, says in the record that the file was
loaded, and commits under the names of those who edit.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ..blobs.mirror import BlobMirror
from ..document import LiveDocument
from ..errors import DocumentError
from ..notebook_records.blobs import references_in
from ..notebook_records.notebooks import NOTEBOOK_SCHEMA
from ..syncdoc.opening import open_document
from ..syncdoc.records import Records
from ..syncdoc.sync_document import SyncDocument
from .bridge import Bridge, BridgeTimes
from .kinds import TwoFaces
from .reconcile import reconcile
from .saving import Saving

__all__ = ["AccountOf", "BridgedDocument"]

_log = logging.getLogger(__name__)

AccountOf = Callable[[str], str]
"""Returns the account of a user name."""

CLOSE_TIMEOUT_S: Final = 5.0


class BridgedDocument:
    """The bridge of one live document; ``start`` it once, ``close`` it before the document."""

    def __init__(
        self,
        live: LiveDocument,
        faces: TwoFaces,
        *,
        client: Client,
        project_id: str,
        account_of: AccountOf,
        times: BridgeTimes | None = None,
    ) -> None:
        self.live = live
        self.path = faces.path
        self.document: SyncDocument[Any] | None = None
        self._faces = faces
        self._client = client
        self._project_id = project_id
        self._account_of = account_of
        self._times = times
        self._bridge: Bridge[Any] | None = None
        self._saving: Saving | None = None
        self._seen: dict[Any, Any] = {}
        self._mirror: BlobMirror | None = None
        if faces.blobs is not None:
            self._mirror = BlobMirror(client, project_id, live.path, faces.blobs)
        self._disconnects: list[Callable[[], None]] = []
        self._is_closed = False

    async def start(self) -> None:
        """Open the patches, make both faces equal, and keep them so.

        Raises ConatError when the patches cannot be opened.
        """
        document = await self._open()
        if document is None:
            return
        changed_ms = await self._file_changed_ms()
        if self._is_over():
            return
        self._reconcile(document, file_is_newer=_is_newer(changed_ms, document))
        bridge = self._connect(document)
        self._saving = Saving(self.live, document, bridge.flush)
        self._saving.start()
        await self._tell_loaded(document)
        await document.save()

    async def _open(self) -> SyncDocument[Any] | None:
        """Return the patches with all that the document contains; None if it is over meanwhile."""
        document = await open_document(
            self._client,
            self._faces.kind,
            self._faces.doctype,
            project_id=self._project_id,
            path=self.path,
            participant=self._project_id,
            is_file_server=True,
            release=self._release,
        )
        if self._is_over():
            await document.close()
            return None
        self.document = document
        if self._mirror is not None:
            self._mirror.start()
        if not document.graph.knows(self.live.heads or ()):
            await document.load_history()
        return None if self._is_over() else document

    def _connect(self, document: SyncDocument[Any]) -> Bridge[Any]:
        """Carry over from now on what is edited on either side."""
        bridge: Bridge[Any] = Bridge(
            self._faces.face, document, self._edit, self._times, repair=self._faces.repair
        )
        self._bridge = bridge
        self.live.on_author = self._on_author
        self._disconnects = [
            document.commits.connect(self._note_contained),
            document.changes.connect(self._note_contained),
            # What was read is told before anybody tells that it was read (§3.2).
            self.live.file.taken.connect(self.flush),
        ]
        if self._mirror is not None:
            self._disconnects.append(document.changes.connect(self._refer))
            self._refer()
        self._note_contained()
        return bridge

    def flush(self) -> None:
        """Commit what was edited in the shared types, now."""
        if self._bridge is not None:
            self._bridge.flush()

    async def close(self) -> None:
        """Commit, store and leave, within a bounded time; calling it again does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._saving is not None:
            await self._saving.close()
        self.live.on_author = lambda _: None
        if self._bridge is not None:
            self._bridge.close()
        else:
            self._faces.face.close()
        # What comes while the last commits are stored is not in the shared types any more.
        for disconnect in self._disconnects:
            disconnect()
        if self.document is not None:
            await self._leave(self.document)

    def _is_over(self) -> bool:
        return self._is_closed or self.live.closed

    async def _leave(self, document: SyncDocument[Any]) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await document.save()
        except (TimeoutError, ConatError) as error:
            # The next opening compares both faces with what they had in common before.
            _log.warning("%s: the last commits are not stored yet: %s", self.path, error)
        await document.close()
        if self._mirror is not None:
            await self._mirror.close()

    def _release(self, publish: Callable[[], None]) -> None:
        """Publish a commit when pages would send again what it was made of, even after a crash.

        Clients that see it must be able to have the pictures that it refers to.
        """
        if self._mirror is None:
            self.live.after_durable(publish)
            return
        self._refer()
        self.live.after_durable(partial(self._mirror.after_stored, publish))

    def _refer(self, _before: object = None) -> None:
        """Let clients have what the records refer to; those that did not change are known."""
        if self._mirror is None or self.document is None:
            return
        seen, self._seen = self._seen, {}
        found: list[str] = []
        for record in self.document.value:
            if record.get("type") == "cell":
                key = record.get("id")
                self._seen[key] = record
                if seen.get(key) is not record:
                    found += references_in(record)
        self._mirror.refer(found)

    async def _file_changed_ms(self) -> int | None:
        try:
            return await self.live.file.changed_ms()
        except DocumentError as error:
            _log.warning("%s: whether the file is newer is not known: %s", self.live.path, error)
            return None

    def _reconcile(self, document: SyncDocument[Any], *, file_is_newer: bool) -> None:
        with self._edit():
            reconcile(self._faces.face, document, self.live.heads, file_is_newer=file_is_newer)

    async def _tell_loaded(self, document: SyncDocument[Any]) -> None:
        """Note that the file was loaded; writing out a large value takes a while."""
        kind, value = document.kind, document.value
        copy = kind.edit(value)
        size = await asyncio.to_thread(lambda: len("\n".join(kind.to_lines(copy))))
        kind.keep_lines(value, copy)
        if self._is_over():
            return
        now = datetime.now(UTC)
        document.record.update(
            {"init": {"time": now, "size": size, "error": ""}, "last_active": now}
        )

    def _edit(self) -> AbstractContextManager[None]:
        return self.live.edit()

    def _on_author(self, name: str) -> None:
        if self._bridge is not None:
            self._bridge.written_by(self._account_of(name) if name else "")

    def _note_contained(self, _what: object = None) -> None:
        """Note which commits the document contains, together with the edits that go with them."""
        if self.document is not None:
            self.live.note_heads(self.document.contained)


def _is_newer(changed_ms: int | None, document: SyncDocument[Any]) -> bool:
    """Return whether a file was written or put into its place after the newest commit (§1.14).

    What could not be read until now counts as new, whatever was committed to say so.
    """
    versions = document.versions()
    if not versions or _says_unreadable(document.value):
        return True
    return changed_ms is not None and changed_ms > versions[-1].wall_ms


def _says_unreadable(value: Any) -> bool:
    is_notebook = isinstance(value, Records) and value.schema == NOTEBOOK_SCHEMA
    return is_notebook and value.get_one({"type": "fatal"}) is not None
