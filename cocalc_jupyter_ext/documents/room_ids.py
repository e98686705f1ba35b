"""Names of documents on the wire: ``format:type:fileId`` (pure).

The stock front end builds the room id from the answer of the session request. The file id
follows the file through renames and server restarts, so the room id does too.
"""

import re
from dataclasses import dataclass
from typing import Self

from .errors import InvalidRoomIdError

__all__ = ["GLOBAL_AWARENESS", "RoomId"]

GLOBAL_AWARENESS = "JupyterLab:globalAwareness"
"""The room that holds no document, only who is there and what they have open."""

_PATTERN = re.compile(
    r"(?P<format>json|text|base64):(?P<type>[\w.-]{1,64}):(?P<id>[\w-]{1,64})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class RoomId:
    """The name of one document: how the file is read (``format``, ``type``) and which file."""

    format: str
    type: str
    file_id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the wire form; raises InvalidRoomIdError."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InvalidRoomIdError(text)
        return cls(match["format"], match["type"], match["id"])

    @classmethod
    def of(cls, *, file_format: str, file_type: str, file_id: str) -> Self:
        """Build a room id from its parts; raises InvalidRoomIdError."""
        return cls.parse(f"{file_format}:{file_type}:{file_id}")

    def __str__(self) -> str:
        return f"{self.format}:{self.type}:{self.file_id}"

    @property
    def file_name(self) -> str:
        """A name for files that belong to this document; safe in every file system."""
        return f"{self.file_id}.{self.type}.{self.format}"
