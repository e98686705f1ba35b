"""What clients keep with the project for a while, such as a password on its way (pure; §4.9)."""

from typing import Any, Final

__all__ = ["MAX_STORED", "StoredValues"]

MAX_STORED: Final = 1_000


class StoredValues:
    """Values by name, in memory only."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return a value, or None."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> bool:
        """Keep a value, or forget it if it is None; False if there are too many."""
        if value is None:
            self._values.pop(key, None)
        elif key in self._values or len(self._values) < MAX_STORED:
            self._values[key] = value
        else:
            return False
        return True

    def take(self, key: str) -> Any:
        """Return a value and forget it."""
        return self._values.pop(key, None)
