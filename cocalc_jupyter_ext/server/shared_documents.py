"""What other extensions know as ``settings["jupyter_server_ydoc"]``: live documents by path.

The chat, notebook-intelligence and execution extensions find the collaboration server there and
call ``get_document``; they get our documents.
"""

from typing import Any, NoReturn

from pycrdt import Doc

from ..documents.contents import YDocument
from ..documents.registry import DocumentRegistry
from ..documents.room_ids import RoomId
from .path_rooms import PathRooms

__all__ = ["SharedDocuments"]


class SharedDocuments:
    """Gives other extensions the live documents, with the signature that they know."""

    def __init__(self, documents: DocumentRegistry, paths: PathRooms) -> None:
        self._documents = documents
        self._paths = paths

    async def get_document(  # noqa: PLR0917 - the signature that callers know
        self,
        path: str | None = None,
        content_type: str | None = None,
        file_format: str | None = None,
        room_id: str | None = None,
        copy: bool = True,
        create: bool = False,
    ) -> YDocument | None:
        """Return a document by room id, or by path, content type and format; or None.

        A document that is not open is opened with ``create``, else the answer is None. With
        ``copy`` it is a snapshot that changes nothing, otherwise the live document, to be
        changed in transactions with an origin.

        Raises ValueError for missing arguments, DocumentError when it cannot be opened.
        """
        wanted = self._room_id(path, content_type, file_format, room_id)
        document = self._documents.get(wanted)
        if document is None and create:
            document = await self._documents.open(wanted)
        if document is None:
            return None
        if not copy:
            return document.ydoc
        doc: Doc[Any] = Doc()
        doc.apply_update(document.ydoc.ydoc.get_update())
        return type(document.ydoc)(doc)

    def __getattr__(self, name: str) -> NoReturn:
        """Tell callers of the stock server's other parts what there is instead."""
        raise AttributeError(
            f"there is no {name!r} here, because cocalc-jupyter serves the live documents of this "
            "server: use get_document(room_id=..., copy=False), and follow the session events of "
            "jupyter_collaboration to learn which rooms there are",
            name=name,
            obj=self,
        )

    def _room_id(
        self,
        path: str | None,
        content_type: str | None,
        file_format: str | None,
        room_id: str | None,
    ) -> RoomId:
        if room_id is not None:
            return RoomId.parse(room_id)
        if path is None or content_type is None or file_format is None:
            raise ValueError("give either room_id, or path, content_type and file_format")
        return self._paths.room_of(path, file_format=file_format, file_type=content_type)
