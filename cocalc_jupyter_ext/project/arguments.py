"""Reads the arguments of calls: what has the wrong type is refused, and the text says which.

Clients are written in languages without types; ``null`` and a missing value are the same.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from .dispatch import ApiError

__all__ = ["MAX_PATH_LENGTH", "Arguments", "path_of"]

MAX_PATH_LENGTH: Final = 4_096
_MISSING: Final = object()


def path_of(value: object, what: str) -> str:
    """Return a path; raises ApiError for what is none."""
    if not isinstance(value, str) or len(value) > MAX_PATH_LENGTH or "\0" in value:
        raise ApiError(f"{what} must be a text of at most {MAX_PATH_LENGTH} characters")
    return value


class Arguments:
    """The one object that most functions take; ``function`` is named in refusals."""

    def __init__(self, function: str, value: object) -> None:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise ApiError(f"{function}: the argument must be an object")
        self._function = function
        self._values = value

    def has(self, name: str) -> bool:
        """Return whether there is a value."""
        return self._values.get(name) is not None

    def text(self, name: str, default: Any = _MISSING) -> Any:
        """Return a string, or the default."""
        return self._get(name, str, "a text", default)

    def path(self, name: str, default: Any = _MISSING) -> Any:
        """Return a path, or the default."""
        found = self._get(name, str, "a text", default)
        return path_of(found, f"{self._function}: {name}") if isinstance(found, str) else found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return whether something is wanted; anything but a boolean counts by its truth."""
        return bool(self._values[name]) if self.has(name) else default

    def number(self, name: str, default: Any = _MISSING) -> Any:
        """Return a finite number that is not negative, or the default."""
        found = self._get(name, (int, float), "a number", default)
        if found is not None and (isinstance(found, bool) or not 0 <= found < math.inf):
            raise ApiError(f"{self._function}: {name} must be a number from 0")
        return found

    def integer(self, name: str, default: Any = _MISSING) -> Any:
        """Return a whole number that is not negative, or the default."""
        found = self.number(name, default)
        return found if found is None else int(found)

    def texts(self, name: str, default: Any = _MISSING) -> Any:
        """Return a list of strings, or the default."""
        found = self._get(name, (list, tuple), "a list of texts", default)
        if found is not None and not all(isinstance(each, str) for each in found):
            raise ApiError(f"{self._function}: {name} must be a list of texts")
        return found if found is None else list(found)

    def mapping(self, name: str, default: Any = _MISSING) -> Any:
        """Return an object, or the default."""
        return self._get(name, Mapping, "an object", default)

    def value(self, name: str) -> Any:
        """Return whatever there is, or None."""
        return self._values.get(name)

    def _get(self, name: str, kind: Any, words: str, default: Any) -> Any:
        found = self._values.get(name)
        if found is None:
            if default is _MISSING:
                raise ApiError(f"{self._function}: {name} is missing")
            return default
        if not isinstance(found, kind):
            raise ApiError(f"{self._function}: {name} must be {words}")
        return found
