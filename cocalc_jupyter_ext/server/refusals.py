"""How a room tells the stock front end that it cannot have a document.

The front end shows a text only for close code 1003, but then leaves an empty tab and connects
again; 4500 closes the tab, without a text. So who never had the document gets 1003 once, with
the reason, and 4500 when they come back. Pages of JupyterLab are told the reason by the answer to
another request (``page_contents.py``), so that they get 4500 and show one dialog. A page that has
the document is told neither, because both would throw away what it holds: it is asked to try
again later.

A close reason has room for 123 bytes; texts are shortened to fit.
"""

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ..documents.errors import (
    DocumentError,
    FileMissingError,
    InvalidRoomIdError,
    UnknownDocumentError,
)

__all__ = ["NOT_READABLE", "OTHER_HISTORY", "REVOKED", "Closing", "Refusals", "dialog", "shorten"]

_MAX_REASON_BYTES = 123
_MAX_REMEMBERED = 1000
_PREFIX = "refused-"

_SHOW_TEXT = 1003
_TRY_LATER = 1013
_BAD_REQUEST = 4400
_NO_FILE = 4404
_CLOSE_TAB = 4500


@dataclass(frozen=True, slots=True)
class Closing:
    """A close code and its reason."""

    code: int
    reason: str


def dialog(text: str, reason: str = "initialization_error", **more: Any) -> Closing:
    """Build the closing that shows ``text`` in a dialog of the stock front end."""
    frame = json.dumps({"reason": reason, **more, "errorReason": ""}, separators=(",", ":"))
    # ASCII escapes make every character that JSON has to escape cost more than one byte.
    room = _MAX_REASON_BYTES - len(frame)
    while len(json.dumps(text)) - 2 > room:
        text = text[: len(text) // 2 - 1] + "…" + text[len(text) // 2 + 1 :]
        text = text.replace("……", "…")
    value = {"reason": reason, **more, "errorReason": text}
    return Closing(_SHOW_TEXT, json.dumps(value, separators=(",", ":")))


def shorten(text: str) -> str:
    """Cut a plain reason to what a close frame holds."""
    return text.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


REVOKED = dialog("You are no longer a member of this project.", "unknown_session")
"""For a user whose rights were taken away."""
NOT_READABLE = dialog("You may not read this any more.", "unknown_session")
"""For a user who may not see documents any more, but is a member."""
OTHER_HISTORY = dialog("The server's history is new. Reload.", "unknown_session", reloadable=True)
"""For a page that holds a history which is not the document's any more."""


class Refusals:
    """Remembers who was refused and told why."""

    def __init__(self) -> None:
        # Session ids, and rooms whose pages are told otherwise.
        self._told: OrderedDict[str, None] = OrderedDict()

    @staticmethod
    def new_session() -> str:
        """Make a session id for a page whose document cannot be opened."""
        return _PREFIX + secrets.token_hex(8)

    @staticmethod
    def holds_history(session_id: str) -> bool:
        """Whether a page with this session id may already have loaded the document."""
        return bool(session_id) and not session_id.startswith(_PREFIX)

    def note_told(self, room: str) -> None:
        """Note that pages show why they cannot have the document of a room."""
        self._remember(room)

    def closing(self, error: DocumentError, session_id: str, room: str) -> Closing:
        """Choose how to tell a page that it cannot have the document of a room."""
        if isinstance(error, InvalidRoomIdError):
            return Closing(_BAD_REQUEST, shorten(str(error)))
        if isinstance(error, UnknownDocumentError | FileMissingError):
            return Closing(_NO_FILE, shorten(str(error)))
        if self.holds_history(session_id):
            return Closing(_TRY_LATER, shorten(str(error)))
        if session_id in self._told or room in self._told:
            return Closing(_CLOSE_TAB, shorten(str(error)))
        if session_id:
            self._remember(session_id)
        return dialog(str(error))

    def _remember(self, name: str) -> None:
        self._told[name] = None
        self._told.move_to_end(name)
        while len(self._told) > _MAX_REMEMBERED:
            self._told.popitem(last=False)
