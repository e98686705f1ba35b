"""JupyterLab's "Save and Export Notebook As", with what was typed just now.

The stock handler converts the file. What is only in the open document yet is written into the
file first; otherwise nothing is different.
"""

from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.nbconvert.handlers import NbconvertFileHandler
from tornado import web

from ..documents.errors import DocumentError
from ..documents.registry import DocumentRegistry
from .open_documents import save_open

__all__ = ["ExportHandler", "handlers"]


class ExportHandler(NbconvertFileHandler):
    """Converts a notebook of this server for a page of JupyterLab."""

    def initialize(self, documents: DocumentRegistry) -> None:
        """Remember where open documents are."""
        super().initialize()
        self._documents = documents

    @web.authenticated
    async def get(self, format: str, path: str) -> None:  # noqa: A002 - the name of the route
        """Convert a notebook; the stock handler checks the right to do so, and answers."""
        if await self._may_convert():
            try:
                await save_open(self._documents, path)
            except DocumentError as error:
                raise web.HTTPError(503, f"{error}; export again") from error
        answering: Any = super().get(format, path)  # typed upstream as if it could be None
        await answering

    async def _may_convert(self) -> bool:
        """Whether the user may do what comes next; nobody else makes the server save."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource)
        return bool(await ensure_async(allowed))


def handlers(documents: DocumentRegistry) -> list[tuple[str, type, dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    options = {"documents": documents}
    return [(r"nbconvert/(?P<format>\w+)/(?P<path>.+)", ExportHandler, options)]
