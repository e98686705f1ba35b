"""A live document and its patches, kept equal while the document is open.

It takes part as the project: it does not wait for anybody, says in the record that the file was
loaded, and commits under the names of those who edit.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ..document import LiveDocument
from ..errors import DocumentError
from ..syncdoc.opening import open_document
from ..syncdoc.patches import Patch
from ..syncdoc.sync_document import SyncDocument
from .bridge import Bridge, BridgeTimes
from .kinds import TwoFaces
from .reconcile import reconcile

__all__ = ["AccountOf", "BridgedDocument"]

_log = logging.getLogger(__name__)

AccountOf = Callable[[str], str]
"""Returns the account of a user name."""

NOTE_HEADS_AFTER_S: Final = 1.0
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
        self._noting: asyncio.Task[None] | None = None
        self._is_closed = False

    async def start(self) -> None:
        """Open the patches, make both faces equal, and keep them so.

        Raises ConatError when the patches cannot be opened.
        """
        document = await open_document(
            self._client,
            self._faces.kind,
            self._faces.doctype,
            project_id=self._project_id,
            path=self.path,
            participant=self._project_id,
            is_file_server=True,
        )
        if self._is_closed or self.live.closed:
            await document.close()
            return
        self.document = document
        if len(document.graph) == 0:
            # Should the process die right after the first commit, both sides began with nothing.
            await self.live.file.note_heads(())
        self._reconcile(document)
        self._bridge = Bridge(self._faces.face, document, self._edit, self._times)
        document.commits.connect(self._on_commit)
        document.changes.connect(self._on_commit)
        self.live.on_author = self._on_author
        await document.save()
        await self.live.file.note_heads(tuple(document.graph.heads))

    def flush(self) -> None:
        """Commit what was edited in the shared types, now."""
        if self._bridge is not None:
            self._bridge.flush()

    async def close(self) -> None:
        """Commit, store and leave, within a bounded time; calling it again does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self.live.on_author = lambda _: None
        if self._bridge is not None:
            self._bridge.close()
        else:
            self._faces.face.close()
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.gather(self._noting, return_exceptions=True)
        if self.document is not None:
            await self._leave(self.document)

    async def _leave(self, document: SyncDocument[Any]) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await document.save()
                await self.live.file.note_heads(tuple(document.graph.heads))
        except (TimeoutError, ConatError, DocumentError) as error:
            # The next opening compares both faces with what they had in common before.
            _log.warning("%s: the last commits are not stored yet: %s", self.path, error)
        await document.close()

    def _reconcile(self, document: SyncDocument[Any]) -> None:
        meta = self.live.file.meta
        with self._edit():
            reconcile(
                self._faces.face,
                document,
                meta.heads,
                file_is_newer=_is_newer(meta.file.modified if meta.file else "", document),
            )
        size = len(document.text)
        document.record.update({"init": {"time": datetime.now(UTC), "size": size, "error": ""}})

    def _edit(self) -> AbstractContextManager[None]:
        return self.live.edit()

    def _on_author(self, name: str) -> None:
        if self._bridge is not None:
            self._bridge.written_by(self._account_of(name) if name else "")

    def _on_commit(self, _what: Patch | object = None) -> None:
        """Note soon which commits the document contains."""
        if self._noting is None and not self._is_closed:
            self._noting = asyncio.create_task(self._note_heads(), name=f"heads of {self.path}")

    async def _note_heads(self) -> None:
        await asyncio.sleep(NOTE_HEADS_AFTER_S)
        self._noting = None
        if self.document is None:
            return
        try:
            await self.live.file.note_heads(tuple(self.document.graph.heads))
        except DocumentError as error:
            _log.warning("%s: %s", self.path, error)


def _is_newer(modified: str, document: SyncDocument[Any]) -> bool:
    """Tell whether a file was written after the newest commit; ``modified`` is an ISO time."""
    versions = document.versions()
    if not versions:
        return True
    try:
        written = datetime.fromisoformat(modified)
    except ValueError:
        return False
    return written.timestamp() * 1000 > versions[-1].wall_ms
