"""Signals: what an object tells those who asked to be told.

Listeners are called at once, in the order in which they connected, on the event loop of the
caller. A listener that fails is logged with its traceback and disturbs neither the others nor
the one who emits.
"""

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec

__all__ = ["Signal"]

_log = logging.getLogger(__name__)

Args = ParamSpec("Args")


class Signal(Generic[Args]):
    """One kind of event of one object."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._listeners: dict[int, Callable[Args, object]] = {}
        self._connected = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def connect(self, listener: Callable[Args, object]) -> Callable[[], None]:
        """Call ``listener`` at every emission; return what disconnects it, any number of times."""
        self._connected += 1
        key = self._connected
        self._listeners[key] = listener
        return lambda: self._disconnect(key)

    def emit(self, *args: Args.args, **kwargs: Args.kwargs) -> None:
        """Tell everybody who is connected now."""
        for listener in list(self._listeners.values()):
            try:
                listener(*args, **kwargs)
            except Exception:  # noqa: BLE001 - one listener must not cost the others their event
                _log.exception("a listener of '%s' failed", self.name)

    def clear(self) -> None:
        """Disconnect everybody."""
        self._listeners.clear()

    def _disconnect(self, key: int) -> None:
        self._listeners.pop(key, None)
