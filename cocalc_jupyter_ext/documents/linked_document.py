"""What the parts that keep a document and its file equal need of the document."""

from contextlib import AbstractContextManager
from typing import Protocol

from .contents import YDocument
from .room_ids import RoomId
from .update_log import LogMeta

__all__ = ["LinkedDocument"]


class LinkedDocument(Protocol):
    """A live document that has a plain file."""

    room_id: RoomId
    path: str
    ydoc: YDocument

    def edit(self) -> AbstractContextManager[None]:
        """Open one transaction of the server's own."""
        ...

    async def flush(self) -> None:
        """Wait until all changes are durable; raises LogWriteError."""
        ...

    async def write_meta(self, meta: LogMeta) -> None:
        """Store the log's metadata; raises LogWriteError."""
        ...
