"""Changes on their way to the kernel, for kernels that do not tell them to everybody (pure).

A kernel with echo repeats each change that it took (``echo_update``); with others, or for fields
that it does not echo, one knows that it took a change only by its being idle again. What it says
about a field in between counts more than what was sent.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .comm_messages import CommMessage, Path

__all__ = ["Sent", "Unconfirmed"]

MAX_SENT: Final = 1_000


@dataclass(slots=True)
class Sent:
    """Fields of a model that were sent to the kernel; ``header`` is that of the message.

    ``from_table``: CoCalc clients have changed them in the table, so they know; ``failed``: the
    kernel had an error with them, perhaps because it does not take them.
    """

    model_id: str
    header: Mapping[str, Any]
    state: dict[str, Any]
    buffers: dict[Path, bytes] = field(default_factory=dict)
    from_table: bool = False
    failed: bool = False

    def without(self, keys: set[str]) -> None:
        """Forget fields about which the kernel has spoken."""
        self.state = {key: value for key, value in self.state.items() if key not in keys}
        self.buffers = {path: b for path, b in self.buffers.items() if path[0] not in keys}


class Unconfirmed:
    """What was sent and not yet confirmed, by the ids of the messages; the oldest is forgotten."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def note(self, message_id: str, sent: Sent) -> None:
        """Remember what was sent."""
        self._sent[message_id] = sent
        if len(self._sent) > MAX_SENT:
            self._sent.popitem(last=False)

    def hear(self, message: CommMessage) -> Sent | None:
        """Take in what the kernel says because of something that was sent; return that."""
        sent = self._sent.get(message.parent_id)
        if sent is not None and sent.model_id == message.comm_id:
            paths = message.data.get("buffer_paths")
            binary = {str(path[0]) for path in paths if path} if isinstance(paths, list) else set()
            sent.without({*message.state, *binary})
        return sent

    def fail(self, message_id: str) -> None:
        """Take in that the kernel had an error with what was sent."""
        sent = self._sent.get(message_id)
        if sent is not None:
            sent.failed = True

    def end(self, message_id: str) -> Sent | None:
        """Return what was sent, with the fields that the kernel took without a word: it is idle."""
        return self._sent.pop(message_id, None)

    def clear(self) -> None:
        """Forget everything: the kernel is another one."""
        self._sent.clear()
