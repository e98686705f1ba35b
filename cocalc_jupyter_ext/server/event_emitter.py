"""The events that the stock collaboration server emits, under its schema names.

Other extensions and front ends listen to them through Jupyter's event bus.
"""

import logging
from pathlib import Path

from jupyter_events import EventLogger

from ..documents.notices import Notice

__all__ = ["AWARENESS_SCHEMA", "FORK_SCHEMA", "SESSION_SCHEMA", "EventEmitter"]

_PREFIX = "https://schema.jupyter.org/jupyter_collaboration"
SESSION_SCHEMA = f"{_PREFIX}/session/v1"
AWARENESS_SCHEMA = f"{_PREFIX}/awareness/v1"
FORK_SCHEMA = f"{_PREFIX}/fork/v1"

_FOLDER = Path(__file__).parent / "events"


class EventEmitter:
    """Emits session and awareness events; documents' notices also go to the log."""

    def __init__(self, events: EventLogger, log: logging.Logger) -> None:
        self._events = events
        self._log = log
        for name in ("session", "awareness", "fork"):
            if f"{_PREFIX}/{name}/v1" not in events.schemas:
                events.register_event_schema(_FOLDER / f"{name}.yaml")

    def notice(self, notice: Notice) -> None:
        """Tell what happened to a document.

        Pages of the stock front end take each warning for the news that a file was opened in two
        views, and say so in a dialog; so warnings are sent as errors.
        """
        self._log.log(logging.getLevelName(notice.level), "%s: %s", notice.path, notice.message)
        data = {
            "level": "ERROR" if notice.level == "WARNING" else notice.level,
            "room": str(notice.room_id),
            "path": notice.path,
            "action": notice.action,
            "msg": notice.message,
        }
        self._events.emit(schema_id=SESSION_SCHEMA, data=data)

    def joined(self, room: str, username: str) -> None:
        """Tell that a user entered a room."""
        self._awareness(room, username, "join")

    def left(self, room: str, username: str) -> None:
        """Tell that a user left a room."""
        self._awareness(room, username, "leave")

    def _awareness(self, room: str, username: str, action: str) -> None:
        data = {"roomid": room, "username": username, "action": action}
        self._events.emit(schema_id=AWARENESS_SCHEMA, data=data)
