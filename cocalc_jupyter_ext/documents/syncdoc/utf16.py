"""Text as JavaScript counts it: in UTF-16 code units (syncdoc-jupyter §1.6).

Offsets and lengths of patches and hashes of documents are in these units. ``to_units`` gives a
text with one character for each unit, on which Python's own counting is the same.
"""

from collections.abc import Iterator
from typing import Final

__all__ = ["from_units", "is_high", "is_low", "string_hash", "to_units", "unit_count", "units"]

_LAST_OF_BASIC_PLANE: Final = "\uffff"


def to_units(text: str) -> str:
    """Return the text with each character outside the basic plane as its two surrogates."""
    if text.isascii() or max(text) <= _LAST_OF_BASIC_PLANE:
        return text
    return "".join(map(chr, units(text)))


def from_units(text: str) -> str:
    """Return the text with each pair of surrogates as the one character it stands for."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def unit_count(text: str) -> int:
    """Return the length in code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def units(text: str) -> Iterator[int]:
    """Yield the code units as numbers."""
    return iter(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))


def is_high(unit: str) -> bool:
    """Tell whether a character is the first of a pair of surrogates."""
    return "\ud800" <= unit <= "\udbff"


def is_low(unit: str) -> bool:
    """Tell whether a character is the second of a pair of surrogates."""
    return "\udc00" <= unit <= "\udfff"


def string_hash(text: str) -> int:
    """Return the signed 32-bit hash by which documents are compared with files (§1.17)."""
    total = 0
    for unit in units(text):
        total = (31 * total + unit) & 0xFFFFFFFF
    return total - 0x1_0000_0000 if total & 0x8000_0000 else total
