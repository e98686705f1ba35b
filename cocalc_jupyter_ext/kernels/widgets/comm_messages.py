"""The messages of comms: between a kernel and the models of its widgets.

Everything here is from outside (kernels, browsers), so each part is checked where it is read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..backlog import IopubMessage

__all__ = [
    "COMM_KINDS",
    "CONTROL_TARGET",
    "ECHO_UPDATE",
    "UPDATE",
    "WIDGET_TARGET",
    "CommMessage",
    "Path",
    "buffers_by_path",
    "path_text",
]

COMM_KINDS: Final = frozenset({"comm_open", "comm_msg", "comm_close"})
WIDGET_TARGET: Final = "jupyter.widget"
CONTROL_TARGET: Final = "jupyter.widget.control"
UPDATE: Final = "update"
ECHO_UPDATE: Final = "echo_update"

Path: TypeAlias = tuple[str | int, ...]
"""Where a buffer belongs in the state of a model: names of fields and indices of lists."""


@dataclass(frozen=True, slots=True)
class CommMessage(IopubMessage):
    """A message of the output channel with its own header and that of its request."""

    header: dict[str, Any] = field(default_factory=dict)
    parent: dict[str, Any] = field(default_factory=dict)

    @property
    def comm_id(self) -> str:
        """The comm it belongs to; empty for messages of other kinds."""
        comm_id = self.content.get("comm_id")
        return comm_id if isinstance(comm_id, str) else ""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the comm carries."""
        data = self.content.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def method(self) -> str:
        """What a message of a widget is: an update, an echo, a custom message; empty at opening."""
        method = self.data.get("method")
        return method if isinstance(method, str) else ""

    @property
    def state(self) -> Mapping[str, Any]:
        """The fields of the model that it sets, without their binary parts."""
        state = self.data.get("state")
        return state if isinstance(state, Mapping) else {}

    @property
    def parent_session(self) -> str:
        """The session that caused it."""
        return str(self.parent.get("session", ""))


def buffers_by_path(data: Mapping[str, Any], buffers: Sequence[bytes]) -> dict[Path, bytes]:
    """Return the binary parts by their places; what has no valid place is left out."""
    paths = data.get("buffer_paths")
    if not isinstance(paths, list):
        return {}
    return {
        tuple(path): buffer for path, buffer in zip(paths, buffers, strict=False) if _is_path(path)
    }


def path_text(path: Sequence[str | int]) -> str:
    """Return a place as the key that clients know it by: compact JSON."""
    return json.dumps(list(path), separators=(",", ":"), ensure_ascii=False)


def _is_path(path: object) -> bool:
    return (
        isinstance(path, list)
        and bool(path)
        and isinstance(path[0], str)
        and all(isinstance(step, str) or (type(step) is int and step >= 0) for step in path)
    )
