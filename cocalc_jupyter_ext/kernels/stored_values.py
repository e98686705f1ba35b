"""What clients keep with the project for a while, such as a password on its way (pure; §4.9)."""

from typing import Any, Final

__all__ = ["MAX_STORED", "MAX_STORED_CHARS", "StoredValues"]

MAX_STORED: Final = 1_000
MAX_STORED_CHARS: Final = 20_000_000
"""Of all keys and values together, as Python prints them."""


class StoredValues:
    """Values by name, in memory only."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._chars: dict[str, int] = {}

    def get(self, key: str) -> Any:
        """Return a value, or None."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> bool:
        """Keep a value, or forget it if it is None; False if there are too many, or too large."""
        if value is None:
            self.take(key)
            return True
        chars = len(repr((key, value)))
        others = self._chars.keys() - {key}
        total = chars + sum(self._chars[other] for other in others)
        if len(others) >= MAX_STORED or total > MAX_STORED_CHARS:
            return False
        self._values[key], self._chars[key] = value, chars
        return True

    def take(self, key: str) -> Any:
        """Return a value and forget it."""
        self._chars.pop(key, None)
        return self._values.pop(key, None)
