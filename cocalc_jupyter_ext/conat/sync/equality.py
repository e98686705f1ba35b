"""Whether two values are the same to JavaScript: deep equality as conat-sync §8.1 defines it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..protocol.codec import UNDEFINED

__all__ = ["equal"]

_BINARY: Final = bytes | bytearray | memoryview


def equal(a: object, b: object) -> bool:
    """Compare by content.

    There is one kind of number, in which NaN equals itself and 0 equals -0; booleans are no
    numbers. Lists and tuples are both arrays. Binary is compared by content, dates by their
    milliseconds. An undefined member is a member.
    """
    if a is b:
        return True
    if a is None or b is None or a is UNDEFINED or b is UNDEFINED:
        return False
    if isinstance(a, bool) or isinstance(b, bool):
        return False
    return _equal_scalars(a, b) if _is_scalar(a) or _is_scalar(b) else _equal_containers(a, b)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | datetime | _BINARY)


def _equal_scalars(a: object, b: object) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, _BINARY) and isinstance(b, _BINARY):
        return bytes(a) == bytes(b)
    if isinstance(a, datetime) and isinstance(b, datetime):
        return _milliseconds(a) == _milliseconds(b)
    return isinstance(a, str) and isinstance(b, str) and a == b


def _milliseconds(date: datetime) -> int:
    return math.floor(date.timestamp() * 1000)


def _equal_containers(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    if isinstance(a, Sequence) and isinstance(b, Sequence):
        return len(a) == len(b) and all(map(equal, a, b))
    return False
