"""Text as JavaScript counts it: in UTF-16 code units (syncdoc-jupyter §1.6).

Offsets and lengths of patches and hashes of documents are in these units. ``to_units`` gives a
text with one character for each unit, on which Python's own counting is the same.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

__all__ = [
    "LineHashes",
    "from_units",
    "hash_of_lines",
    "is_high",
    "is_low",
    "string_hash",
    "to_units",
    "unit_count",
    "units",
]

LineHashes: TypeAlias = dict[str, tuple[int, int]]
"""Of each line: its hash, and what the hash of all before it is multiplied by."""

_LAST_OF_BASIC_PLANE: Final = "\uffff"

_FACTOR: Final = 31
_MODULUS: Final = 1 << 32
_MASK: Final = _MODULUS - 1
_NEWLINE: Final = ord("\n")
_STEP_COUNT: Final = 5
_LANE_BYTES: Final = 2 << _STEP_COUNT
_LANE_FACTOR: Final = pow(_FACTOR, 1 << _STEP_COUNT, _MODULUS)
_BLOCK_BYTES: Final = 2048
_FEW_BYTES: Final = 512


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
    """Return whether a character is the first of a pair of surrogates."""
    return "\ud800" <= unit <= "\udbff"


def is_low(unit: str) -> bool:
    """Return whether a character is the second of a pair of surrogates."""
    return "\udc00" <= unit <= "\udfff"


def string_hash(text: str) -> int:
    """Return the signed 32-bit hash by which documents are compared with files (§1.17)."""
    return _signed(_hash(text))


def hash_of_lines(lines: Iterable[str], known: LineHashes) -> int:
    """Return the hash of lines joined by newlines; ``known`` is kept from one call to the next.

    Of a long text that is edited here and there, that takes a small part of the time.
    """
    total, seen = 0, {}
    for number, line in enumerate(lines):
        found = known.get(line)
        if found is None:
            found = (_hash(line), pow(_FACTOR, unit_count(line), _MODULUS))
        seen[line] = found
        if number:
            total = total * _FACTOR + _NEWLINE
        total = (total * found[1] + found[0]) & _MASK
    known.clear()
    known.update(seen)
    return _signed(total)


def _hash(text: str) -> int:
    """Return the hash without its sign; of a long text many units at a time.

    They are lanes of one large number. Each step joins neighbours, and the lanes, twice as wide
    then, have room for the product.
    """
    data = text.encode("utf-16-le", "surrogatepass")
    total = 0
    if len(data) <= _FEW_BYTES:
        for unit in memoryview(data).cast("H"):
            total = (_FACTOR * total + unit) & _MASK
        return total
    padded = data.rjust(-(-len(data) // _BLOCK_BYTES) * _BLOCK_BYTES, b"\0")
    for start in range(0, len(padded), _BLOCK_BYTES):
        lanes = int.from_bytes(padded[start : start + _BLOCK_BYTES], "little")
        for width, factor, every_other, low in _STEPS:
            lanes = (lanes & every_other) * factor + (lanes >> width & every_other)
            lanes &= low
        joined = memoryview(lanes.to_bytes(_BLOCK_BYTES, "little")).cast("I")
        for value in joined[:: _LANE_BYTES // 4]:
            total = (total * _LANE_FACTOR + value) & _MASK
    return total


def _signed(total: int) -> int:
    return total - _MODULUS if total & 0x8000_0000 else total


def _steps() -> Iterator[tuple[int, int, int, int]]:
    """Yield the width of lanes, the factor of the earlier one of two, and two masks."""
    factor = _FACTOR
    for step in range(_STEP_COUNT):
        width = 16 << step
        lane = 2 * width // 8
        count = _BLOCK_BYTES // lane
        every_other = int.from_bytes(((1 << width) - 1).to_bytes(lane, "little") * count, "little")
        low = int.from_bytes(_MASK.to_bytes(lane, "little") * count, "little")
        yield width, factor, every_other, low
        factor = factor * factor & _MASK


_STEPS: Final = tuple(_steps())
