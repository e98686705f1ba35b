"""Formats open documents for CoCalc clients (syncdoc-jupyter §11).

The document is not changed: the client gets the patch, applies it to what it shows and commits
that as its own edit, so that undoing it works as for every other one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from ...conat.errors import ConatError
from ...documents.syncdoc.string_patch import make_string_patch
from ...documents.syncdoc.sync_document import SyncDocument
from ..arguments import Arguments
from ..dispatch import ApiError, ApiFunction
from .formatter import Formatter
from .options import read_options

__all__ = ["DocumentFormatter"]

MAX_WAIT_S: Final = 3.0
"""For how long the newest edit of the client is waited for."""

FindOpen = Callable[[str], SyncDocument[Any] | None]
"""Returns the patches of an open document by its path."""


class DocumentFormatter:
    """The function of the service ``services.project-<id>.0.formatter._``."""

    def __init__(self, formatter: Formatter, find: FindOpen) -> None:
        self._formatter = formatter
        self._find = find

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {"formatter": self.format}

    async def format(self, request: object) -> dict[str, Any]:
        """Return ``{status: "ok", patch}``, or ``{status: "error", phase: "format", error}``.

        Raises ApiError for a document that is not open, or has no text.
        """
        arguments = Arguments("formatter", request)
        path = arguments.path("path")
        options = read_options("formatter", arguments.value("options"))
        document = await self._open_document(path)
        await _wait_for(document, options.last_changed_ms)
        text = document.value
        if not isinstance(text, str):
            raise ApiError(f"'{path[:1000]}' is not a text; format its cells one by one")
        try:
            formatted = await self._formatter.format(text, options)
        except ConatError as error:
            return {"status": "error", "phase": "format", "error": str(error)}
        return {"status": "ok", "patch": make_string_patch(text, formatted)}

    async def _open_document(self, path: str) -> SyncDocument[Any]:
        """Return an open document, which may just be opening."""
        deadline = time.monotonic() + MAX_WAIT_S
        while (document := self._find(path)) is None:
            if time.monotonic() >= deadline:
                raise ApiError(f"'{path[:1000]}' is not open")
            await asyncio.sleep(0.05)
        return document


async def _wait_for(document: SyncDocument[Any], last_changed_ms: int | None) -> None:
    """Wait until an edit of that time or a newer one has come, but at most three seconds."""
    arrived = asyncio.Event()

    def look(_change: object = None) -> None:
        if last_changed_ms is None or document.graph.newest_time >= last_changed_ms:
            arrived.set()

    disconnects = [document.changes.connect(look), document.commits.connect(look)]
    try:
        look()
        async with asyncio.timeout(MAX_WAIT_S):
            await arrived.wait()
    except TimeoutError:
        return  # what the client has not sent by now is not formatted
    finally:
        for disconnect in disconnects:
            disconnect()
