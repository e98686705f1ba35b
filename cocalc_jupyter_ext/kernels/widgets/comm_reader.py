"""Reads what a kernel publishes about its widgets, in a thread of its own.

Most of what a kernel publishes is no matter of widgets. It is recognised by a look at the bytes
and dropped, so that a loop of prints costs next to nothing here.
"""

from typing import Final

from ..channels import check_parts
from ..iopub import Frame, IopubReader
from .captures import Captures
from .comm_messages import COMM_KINDS, CommMessage

__all__ = ["CommReader"]

_OF_COMMS: Final = b'"comm_'
_OF_DISPLAYS: Final = b'"update_display_data"'


class CommReader(IopubReader):
    """Hands over messages of comms, what was caused by them, and what widgets capture."""

    _captures: Captures | None = None

    def _read(self, frames: list[Frame]) -> CommMessage | None:
        # Only the thread uses them, and it starts before a subclass could make them.
        captures = self._captures = self._captures or Captures()
        _, parts = self.split(frames)
        if not _is_wanted(captures, header=bytes(parts[1]), parent=bytes(parts[2])):
            return None
        self._check(parts[0], parts[1:5])
        header, parent, metadata, content = map(self.unpack, parts[1:5])
        check_parts(header, parent, metadata, content)
        read = CommMessage(
            parent_id=str(parent.get("msg_id", "")),
            kind=str(header["msg_type"]),
            content=content,
            metadata=metadata,
            buffers=tuple(map(bytes, parts[5:])),
            header=header,
            parent=parent,
        )
        _follow(captures, read)
        return read


def _is_wanted(captures: Captures, header: bytes, parent: bytes) -> bool:
    return (
        _OF_COMMS in header
        or _OF_COMMS in parent
        or _OF_DISPLAYS in header
        or any(request_id.encode() in parent for request_id in captures.requests)
    )


def _follow(captures: Captures, message: CommMessage) -> None:
    if message.kind in COMM_KINDS:
        captures.note(message.comm_id, message.data, message.parent_id)
    elif message.content.get("execution_state") == "idle":
        captures.end(message.parent_id)
