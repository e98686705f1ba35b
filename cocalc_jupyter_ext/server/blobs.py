"""Large outputs of the project's notebooks: their store, and how pages get them.

``GET cocalc/blobs/<sha1>?type=<type>`` needs the right "read" on "contents", like looking at a
notebook. What is sent was written by whoever made the notebook, so it is confined like Jupyter
confines files: no script in it runs, and no browser guesses another type. Its address says what
it is forever, so browsers ask once.

Whatever writes a notebook through the contents manager writes it complete: a cell that was
pasted from a live notebook names outputs that only this server has.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, StaticFileHandler, authenticated

from ..conat.persist.errors import StoreError
from ..documents.blobs.cells import large_cells, references
from ..documents.blobs.notebook import BlobNotebook, references_of
from ..documents.blobs.store import BlobStore
from ..documents.blobs.values import KEPT_TYPES
from ..documents.bridge.attachments import AttachmentLoads
from ..documents.bridge.bridges import Companion
from ..documents.document import LiveDocument
from ..documents.storage import FileStorage
from ..documents.syncdoc.sync_document import SyncDocument

__all__ = ["BlobHandler", "ProjectBlobs", "handlers"]

_log = logging.getLogger(__name__)

_TIDY_EVERY_S: Final = 30.0
_ANY_TYPE: Final = "application/octet-stream"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


class ProjectBlobs:
    """The store of large outputs while the server runs.

    ``contents`` returns the contents manager, ``storage`` reads files that are attached to cells,
    ``tidy_every_s`` is the time between looks at how much there is.
    """

    def __init__(
        self,
        store: BlobStore,
        contents: Callable[[], Any],
        storage: FileStorage,
        *,
        tidy_every_s: float = _TIDY_EVERY_S,
    ) -> None:
        self.store = store
        self._contents = contents
        self._storage = storage
        self._tidy_every_s = tidy_every_s
        self._documents: dict[str, LiveDocument] = {}
        self._tidying: asyncio.Task[None] | None = None
        store.protect(self._in_use)

    def opened(self, document: LiveDocument) -> None:
        """Keep what this document shows."""
        self._documents[str(document.room_id)] = document

    def accompany(self, live: LiveDocument, document: SyncDocument[Any]) -> Companion | None:
        """Take in the files that clients attach to cells of a notebook."""
        if not isinstance(live.ydoc, BlobNotebook):
            return None
        return AttachmentLoads(document, self.store, self._load)

    async def _load(self, path: str) -> bytes:
        """Read a file of the project; what Jupyter does not show is not there."""
        loaded = await self._storage.load(path, file_format="base64", file_type="file")
        content: bytes = loaded.content
        return content

    async def start(self) -> None:
        """Complete what is written to notebooks, and keep the store within its limit."""
        self._contents().register_pre_save_hook(self.complete)
        self._tidying = asyncio.create_task(self._tidy(), name="removal of old outputs")

    async def stop(self) -> None:
        """Write what waits; idempotent."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        try:
            await self.store.flush()
        except StoreError as error:
            _log.warning("Outputs that no document refers to were not kept: %s", error)

    def complete(self, model: dict[str, Any], **_options: Any) -> None:
        """Put the outputs that a notebook refers to into a model that is about to be written."""
        content = model.get("content")
        if model.get("type") != "notebook" or not isinstance(content, dict):
            return
        cells = content.get("cells")
        if isinstance(cells, list) and references(cells):
            whole = large_cells(cells, self.store.get)
            model["content"] = type(content)({**content, "cells": whole})

    def _in_use(self) -> set[str]:
        """Return what open documents show, and closed ones whose edits no file has."""
        self._let_go()
        return {
            blob for document in self._documents.values() for blob in references_of(document.ydoc)
        }

    def _let_go(self) -> None:
        """Let go of closed documents whose outputs their files have."""
        self._documents = {
            room_id: document
            for room_id, document in self._documents.items()
            if not document.closed or document.file.unsaved
        }

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(self._tidy_every_s)
            self._let_go()
            try:
                removed = await self.store.tidy()
            except StoreError as error:
                _log.warning("Old outputs were not removed: %s", error)
            else:
                if removed:
                    _log.info("Removed %d outputs that were not used for longest", removed)


class BlobHandler(JupyterHandler, StaticFileHandler):
    """One blob; tornado's handler of files knows about ranges and what a browser has already."""

    auth_resource = "contents"

    def initialize(self, store: BlobStore) -> None:  # type: ignore[override]  # no folder is served
        """Take the store."""
        super().initialize(path="")
        self._store = store
        self._content = b""

    @property
    def content_security_policy(self) -> str:
        """What the content may do: nothing."""
        return f"{super().content_security_policy}; {_POLICY}"

    @authenticated
    @authorized
    async def head(self, path: str) -> None:  # type: ignore[override]  # as the decorators have it
        """Answer like ``get``, without the content."""
        await self._send(path, include_body=False)

    @authenticated
    @authorized
    async def get(self, path: str) -> None:  # type: ignore[override]  # as the decorators have it
        """Send the bytes of an id: all, or the range that is asked for; 404 where it is gone."""
        await self._send(path, include_body=True)

    async def _send(self, path: str, *, include_body: bool) -> None:
        self.check_xsrf_cookie()
        self._type = self.get_query_argument("type", _ANY_TYPE)
        if self._type not in {*KEPT_TYPES, _ANY_TYPE}:
            types = ", ".join(sorted(KEPT_TYPES))
            raise HTTPError(400, f"Outputs are sent as one of these types: {types}.")
        content = await asyncio.to_thread(self._store.get, path)
        if content is None:
            raise HTTPError(404, "This output is not kept any more. Run its cell again.")
        self._content = content
        await StaticFileHandler.get(self, path, include_body)

    def write_error(self, status_code: int, **details: Any) -> None:
        """Say in one sentence what is wrong; the page shows it in the output's place."""
        error = details.get("exc_info", (None, None, None))[1]
        text = error.log_message if isinstance(error, HTTPError) else None
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(text or HTTPStatus(status_code).phrase)

    # What tornado's handler asks about its file

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Return the id: there is no file."""
        return path

    def validate_absolute_path(self, root: str, absolute_path: str) -> str:
        """Return the id, which was found."""
        return absolute_path

    def get_content(  # type: ignore[override]  # tornado calls it on the handler
        self, abspath: str, start: int | None = None, end: int | None = None
    ) -> bytes:
        """Return a part of the content."""
        return self._content[start:end]

    def get_content_size(self) -> int:
        """Return the size of the content."""
        return len(self._content)

    def get_modified_time(self) -> None:
        """Return nothing: what is found by its hash never changes."""

    def compute_etag(self) -> str:
        """Return the id."""
        return f'"{self.path}"'

    def get_content_type(self) -> str:
        """Return the type that was asked for, which is one of a closed list."""
        is_text = self._type.startswith("text/") or self._type.endswith("+xml")
        return f"{self._type}; charset=utf-8" if is_text else self._type

    def set_extra_headers(self, path: str) -> None:
        """Let the browser keep it, and only for this person."""
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")


def handlers(blobs: ProjectBlobs) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    return [("cocalc/blobs/([0-9a-f]{40})", BlobHandler, {"store": blobs.store})]
