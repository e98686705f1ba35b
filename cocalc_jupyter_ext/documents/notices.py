"""What documents tell the world beside their content."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .room_ids import RoomId

__all__ = ["Action", "Level", "Notice", "Notify"]

Action = Literal["initialize", "load", "save", "overwrite", "clean"]
"""What happened, in the words of the stock session events."""
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that happened to a document."""

    room_id: RoomId
    path: str
    action: Action
    message: str
    level: Level = "INFO"


Notify = Callable[[Notice], None]
