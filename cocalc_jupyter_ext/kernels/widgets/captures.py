"""Which Output widget takes what the kernel publishes for a request (syncdoc-jupyter §8.4).

Pure. An Output widget whose ``msg_id`` names a request captures what that request prints and
displays, until the field is empty again. Whoever follows the messages of a kernel in their order
comes to the same answers: the reader, the runner of the cells, and each page's websocket.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CAPTURED_KINDS", "MAX_REQUESTS", "Captures"]

CAPTURED_KINDS: Final = frozenset(
    {"stream", "display_data", "execute_result", "error", "clear_output"}
)
"""What is captured; an update of a display follows the display instead."""

MAX_REQUESTS: Final = 1_000


class Captures:
    """For each request the widgets that capture it; of several the latest wins."""

    def __init__(self) -> None:
        self._widgets: OrderedDict[str, list[str]] = OrderedDict()
        self._request_of: OrderedDict[str, str] = OrderedDict()

    @property
    def requests(self) -> list[str]:
        """Requests that were captured and have not ended."""
        return list(self._widgets)

    def copy(self) -> "Captures":
        """Return what holds now, for somebody who begins to follow the messages here."""
        other = Captures()
        other._widgets = OrderedDict((key, list(stack)) for key, stack in self._widgets.items())
        other._request_of = self._request_of.copy()
        return other

    def target(self, request_id: str) -> str | None:
        """Return the widget that captures what is published for a request, or None."""
        stack = self._widgets.get(request_id)
        return stack[-1] if stack else None

    def note(self, comm_id: str, data: Mapping[str, Any], parent_id: str) -> None:
        """Take in what the kernel says about a model, in a message caused by ``parent_id``."""
        state = data.get("state")
        if data.get("method") == "echo_update" or not isinstance(state, Mapping):
            return
        request_id = state.get("msg_id")
        if not isinstance(request_id, str):
            return
        self._release(comm_id, self._request_of.pop(comm_id, parent_id))
        if request_id:
            self._widgets.setdefault(request_id, []).append(comm_id)
            self._request_of[comm_id] = request_id
            self._forget_oldest()

    def close(self, comm_id: str) -> None:
        """Take in that a widget is gone."""
        self._release(comm_id, self._request_of.pop(comm_id, ""))

    def end(self, request_id: str) -> bool:
        """Take in that a request is over; return whether anything of it was captured."""
        return self._widgets.pop(request_id, None) is not None

    def _release(self, comm_id: str, request_id: str) -> None:
        stack = self._widgets.get(request_id, [])
        if comm_id in stack:
            stack.remove(comm_id)

    def _forget_oldest(self) -> None:
        while len(self._widgets) > MAX_REQUESTS:
            self._widgets.popitem(last=False)
        while len(self._request_of) > MAX_REQUESTS:
            self._request_of.popitem(last=False)
