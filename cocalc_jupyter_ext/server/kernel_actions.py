"""What is done to kernels through Jupyter's own interface, as its event bus tells it."""

from collections.abc import Callable
from typing import Any, Final

from jupyter_events import EventLogger
from jupyter_server import DEFAULT_EVENTS_SCHEMA_PATH

__all__ = ["SCHEMA", "KernelActions"]

SCHEMA: Final = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"


class KernelActions:
    """Calls ``do`` with the id of each kernel to which an action was done with success.

    Actions have the names of the schema, such as ``start`` and ``interrupt``.
    """

    def __init__(self, events: EventLogger, action: str, do: Callable[[str], object]) -> None:
        self._events = events
        self._action = action
        self._do = do

    def start(self) -> None:
        """Begin to listen."""
        if SCHEMA not in self._events.schemas:
            path = DEFAULT_EVENTS_SCHEMA_PATH / "kernel_actions" / "v1.yaml"
            self._events.register_event_schema(path)
        self._events.add_listener(schema_id=SCHEMA, listener=self._listen)

    def stop(self) -> None:
        """Listen no more; idempotent."""
        self._events.remove_listener(schema_id=SCHEMA, listener=self._listen)

    async def _listen(self, logger: EventLogger, schema_id: str, data: Any) -> None:
        if data.get("action") == self._action and data.get("status") == "success":
            self._do(str(data.get("kernel_id")))
