"""From the path of a file to the room of its document.

An open document keeps its room even when the ids of files have lost track of it.
"""

from ..documents.errors import FileMissingError, FileUnreadableError, InvalidRoomIdError
from ..documents.file_ids import FileIds
from ..documents.registry import DocumentRegistry
from ..documents.room_ids import RoomId
from .api_paths import normal_path

__all__ = ["PathRooms"]


class PathRooms:
    """Names the room of a path; gives files that have no id one."""

    def __init__(self, documents: DocumentRegistry, file_ids: FileIds) -> None:
        self._documents = documents
        self._file_ids = file_ids

    def is_known(self, path: str) -> bool:
        """Whether the file at this path has an id already."""
        return self._file_ids.get_id(normal_path(path)) is not None

    def room_of(self, path: str, *, file_format: str, file_type: str) -> RoomId:
        """Return the room of a path, read that way.

        Raises InvalidRoomIdError for a format or type that no document has, FileMissingError
        when there is no file to give an id to, FileUnreadableError for a name with a backslash:
        the ids of files take it for a slash, and so for another file.
        """
        path = normal_path(path)
        if "\\" in path:
            raise FileUnreadableError(path, "rename it: its name may have no backslash")
        document = self._documents.find(path, file_format=file_format, file_type=file_type)
        if document is not None:
            return document.room_id
        file_id = self._file_ids.index(path)
        if file_id is None:
            raise FileMissingError(path)
        return RoomId.of(file_format=file_format, file_type=file_type, file_id=str(file_id))

    def path_of(self, room_name: str) -> str | None:
        """Return the path of a room's document; None for other rooms and files not known."""
        try:
            room_id = RoomId.parse(room_name)
        except InvalidRoomIdError:
            return None
        document = self._documents.get(room_id)
        return self._file_ids.get_path(room_id.file_id) if document is None else document.path
