"""The one text that a value has for all participants (syncdoc-jupyter §2.6).

Keys are sorted by UTF-16 code units at every level, nothing is escaped that need not be, and
numbers are spelled as JavaScript spells them. Hashes of this text are compared with those of
CoCalc clients, so every byte counts.
"""

import math
import re
import sys
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Final

__all__ = [
    "canonical_json",
    "in_javascript_order",
    "is_same_json",
    "javascript_number",
    "sort_key",
]

MAX_SAFE_INTEGER: Final = 2**53 - 1
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def canonical_json(value: object) -> str:
    """Return the compact text of a JSON value; raises TypeError for any other value."""
    match value:
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return javascript_number(value)
        case dict():
            keys = in_javascript_order(value)
            return "{" + ",".join(f"{_text(k)}:{canonical_json(value[k])}" for k in keys) + "}"
        case list() | tuple():
            return "[" + ",".join(map(canonical_json, value)) + "]"
    raise TypeError(f"a value of type {type(value).__name__} cannot be part of a document")


def is_same_json(one: object, other: object) -> bool:
    """Return whether two values have the same text, without writing it: values may be long."""
    if one is other:
        return True
    match one, other:
        case str(), str():
            return one == other
        case dict(), dict():
            return one.keys() == other.keys() and all(
                is_same_json(value, other[name]) for name, value in one.items()
            )
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(is_same_json, one, other))
        case (str() | dict() | list() | tuple(), _) | (_, str() | dict() | list() | tuple()):
            return False
    return canonical_json(one) == canonical_json(other)


def in_javascript_order(texts: Iterable[str]) -> list[str]:
    """Return texts sorted as JavaScript sorts them: by code units, not by characters."""
    texts = list(texts)
    # Both orders are the same for these, and what is sorted may be long.
    return sorted(texts, key=None if all(map(str.isascii, texts)) else sort_key)


def sort_key(text: str) -> bytes:
    """Return what sorts as the text does in JavaScript."""
    return text.encode("utf-16-be", "surrogatepass")


def javascript_number(value: float) -> str:
    """Return a number as JavaScript prints it; what is not finite is ``null``, as in JSON."""
    if isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER:
        return str(value)
    number = float(value) if abs(value) <= sys.float_info.max else math.inf
    if not math.isfinite(number):
        return "null"
    if number.is_integer() and abs(number) <= MAX_SAFE_INTEGER:
        return str(int(number))
    sign = "-" if number < 0 else ""
    digits, exponent = _digits(abs(number))
    return sign + _spelled(digits, exponent)


def _digits(number: float) -> tuple[str, int]:
    """Return the shortest digits and the place of the point: 0.digits times ten to it."""
    mantissa, _, power = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(digits)
    point = len(whole) - leading_zeros + int(power or 0)
    return digits.rstrip("0"), point


def _spelled(digits: str, point: int) -> str:
    """Place the point, or write an exponent (ECMA-262, Number::toString)."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _text(text: str) -> str:
    written = encode_basestring(text)
    if written.isascii():
        return written
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
