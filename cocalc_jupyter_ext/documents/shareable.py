"""What the shared types can hold, made of any JSON (pure).

Yjs knows the numbers and texts of JavaScript. pycrdt does not refuse what these are not: it panics,
or stores a number that no JSON can be made of again. So they become what a browser makes of them.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from .text_edits import encodable

__all__ = ["shareable"]

_MAX_INT: Final = 2**63


def shareable(value: Any) -> Any:
    """Return a copy that can be shared: huge integers rounded, numbers that are none null."""
    if isinstance(value, Mapping):
        return {encodable(str(key)): shareable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shareable(each) for each in value]
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return value


def _number(value: float) -> float | None:
    if isinstance(value, int) and -_MAX_INT <= value < _MAX_INT:
        return value
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
