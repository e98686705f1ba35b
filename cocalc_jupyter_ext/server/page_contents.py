"""What a page of JupyterLab asks of a file before it shows the document.

The stock front end waits for the room and for ``GET api/contents/<path>`` without content, which
names how the file is to be read. It shows the text of a failure of this request, and none of a
room that refuses; so a document that cannot be opened is explained here.
"""

from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

from ..documents.errors import DocumentError, FileMissingError, InvalidRoomIdError
from .api_paths import normal_path
from .hidden_files import is_hidden_from_pages
from .rooms import RoomServices

__all__ = ["PageContentsHandler", "handlers"]

# Other handlers of Jupyter Server answer below the same address, after ours.
_ROUTE = r"api/contents(?!.*/checkpoints$)(?!.*/checkpoints/[\w-]+$)(?!.*/trust$)(/.*)"


class PageContentsHandler(ContentsHandler):
    """Jupyter Server's handler, which also says why a document cannot be opened."""

    def initialize(self, services: RoomServices) -> None:
        """Take what the rooms use."""
        self._services = services

    @authenticated
    @authorized
    async def get(self, path: str = "") -> None:
        """Answer as Jupyter Server does; 400 when the page cannot have the document of the file."""
        kind = self.get_query_argument("type", "")
        form = "json" if kind == "notebook" else self.get_query_argument("format", "")
        is_to_be_shown = self.get_query_argument("content", "1") == "0" and kind and form
        if is_to_be_shown and not await is_hidden_from_pages(
            self.contents_manager, normal_path(path)
        ):
            await self._require_document(path, file_format=form, file_type=kind)
        await ensure_async(super().get(path))

    async def _require_document(self, path: str, *, file_format: str, file_type: str) -> None:
        try:
            room_id = self._services.paths.room_of(
                path, file_format=file_format, file_type=file_type
            )
        except (FileMissingError, InvalidRoomIdError):
            return  # Jupyter Server's own answer says so
        except DocumentError as error:
            raise HTTPError(400, str(error)) from error
        try:
            await self._services.documents.open(room_id)
        except FileMissingError:
            return
        except DocumentError as error:
            self._services.refusals.note_told(str(room_id))
            raise HTTPError(400, str(error)) from error


def handlers(services: RoomServices) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    return [(_ROUTE, PageContentsHandler, {"services": services})]
