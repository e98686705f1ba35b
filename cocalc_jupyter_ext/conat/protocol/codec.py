"""Payload encodings and JSON text, equal to the bytes that JavaScript clients make.

Two encodings exist (conat-core §5): MessagePack as ``@msgpack/msgpack`` writes it, and
JSON as ``JSON.stringify`` writes it. JavaScript has one number type: an integral float
is an integer, and integers beyond 2^53 - 1 are floats. ``UNDEFINED`` is a missing
value: it is dropped from objects and is null everywhere else.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Any, Final

import msgpack

from ..errors import CodecError

__all__ = [
    "MAX_DEPTH",
    "UNDEFINED",
    "Encoding",
    "Undefined",
    "decode",
    "depth_exceeds",
    "encode",
    "from_json",
    "quoted",
    "to_json",
]

MAX_SAFE_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 100
"""Deeper nesting is refused, as ``@msgpack/msgpack`` does."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX_END: Final = 2**32 - 1
_PLAIN_LEAVES: Final = frozenset({str, bool, type(None)})
_REMEMBERED_LENGTH: Final = 256
_CONTAINERS: Final = frozenset("[{")


class Encoding(IntEnum):
    """The number that travels with each message and names its encoding."""

    MSGPACK = 0
    JSON = 1


class Undefined(Enum):
    """The type of ``UNDEFINED``."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Undefined.UNDEFINED


def encode(value: object, encoding: int = Encoding.MSGPACK) -> bytes:
    """Return the payload bytes of a value (conat-core §5.1, §5.4).

    Raises CodecError for a value that JavaScript could not have sent.
    """
    if encoding == Encoding.MSGPACK:
        return _pack(value)
    if encoding == Encoding.JSON:
        return to_json(value).encode()
    raise CodecError(f"unknown encoding {encoding}")


def decode(raw: bytes, encoding: int = Encoding.MSGPACK) -> Any:
    """Return the value of payload bytes (conat-core §5.2, §5.4).

    Dates become aware datetimes in UTC. Raises CodecError when the bytes are not one
    whole value of the encoding.
    """
    if encoding == Encoding.MSGPACK:
        return _unpack(raw)
    if encoding == Encoding.JSON:
        return from_json(raw)
    raise CodecError(f"unknown encoding {encoding}")


def to_json(value: object, *, binary: Callable[[bytes], object] | None = None) -> str:
    """Return the text ``JSON.stringify`` makes of a value (conat-core §1.5).

    ``binary`` returns what to write in the place of bytes; without it bytes are refused.
    """
    if type(value) is not str and not _is_plain_json(value, MAX_DEPTH):
        rules = _JSON_RULES if binary is None else _Rules(_json_number, _iso_text, binary)
        value = _prepare(value, MAX_DEPTH, rules)
    text = _ENCODER.encode(value)
    return text if text.isascii() else _LONE_SURROGATE.sub(_escape, text)


def quoted(text: str) -> str:
    """Return a string as JSON, remembering short ones: the same few are asked for again."""
    return _quoted_again(text) if len(text) <= _REMEMBERED_LENGTH else to_json(text)


_quoted_again = lru_cache(maxsize=1_024)(to_json)


def from_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; raises CodecError."""
    try:
        if not isinstance(text, str):
            text = text.decode()
        value, end = _DECODER.raw_decode(text) if text[:1] in _CONTAINERS else (None, 0)
        # What is no container, or has white space around it, is rare.
        return value if end and end == len(text) else _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"not valid JSON: {error}") from error


def depth_exceeds(value: object, limit: int = MAX_DEPTH) -> bool:
    """Return whether objects and arrays are nested deeper than ``limit`` levels."""
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return limit <= 0 or any(depth_exceeds(item, limit - 1) for item in items)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
# Made once: the functions of ``json`` make them again for each text.


def _pack(value: object) -> bytes:
    try:
        if not _is_plain_msgpack(value, MAX_DEPTH):
            value = _prepare(value, MAX_DEPTH, _MSGPACK_RULES)
        packed = msgpack.packb(value, use_bin_type=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise CodecError(f"cannot be written as MessagePack: {error}") from error
    return bytes(packed)


def _unpack(raw: bytes) -> Any:
    try:
        return msgpack.unpackb(raw, raw=False, timestamp=3, object_hook=_plain_map)
    except (ValueError, OverflowError, msgpack.exceptions.UnpackException):
        return _unpack_other(raw)


def _plain_map(found: dict[Any, object]) -> dict[Any, object]:
    """Return a map that can be taken as it is, in half the time that pairs would need."""
    for key in found:
        if type(key) is not str:
            raise ValueError("a key needs another form")
    if "__proto__" in found:
        raise ValueError("no map may have this key")
    return found


def _unpack_other(raw: bytes) -> Any:
    """Unpack what has keys that are no text, or say what is wrong with it."""
    try:
        return msgpack.unpackb(
            raw,
            raw=False,
            strict_map_key=False,
            timestamp=3,
            object_pairs_hook=_map_from_pairs,
        )
    except (ValueError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise CodecError(f"not valid MessagePack: {error}") from error


def _map_from_pairs(pairs: list[tuple[object, object]]) -> dict[str, object]:
    return {_decoded_key(key): value for key, value in pairs}


def _decoded_key(key: object) -> str:
    if isinstance(key, str) and key != "__proto__":
        return key
    if isinstance(key, int | float) and not isinstance(key, bool):
        return str(_number(key))
    raise ValueError(f"a map may not have the key {key!r}")


class _Rules:
    """How an encoding treats the leaves of a value."""

    def __init__(
        self,
        number: Callable[[float], object],
        date: Callable[[datetime], object],
        binary: Callable[[bytes], object],
    ) -> None:
        self.number = number
        self.date = date
        self.binary = binary


def _is_plain_json(value: object, depth_left: int) -> bool:
    """Return whether Python's encoder writes the value as JavaScript does, without any rule.

    Most of what is sent is plain, and looking is much cheaper than making a copy.
    """
    kind = type(value)
    if kind is int:
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER  # type: ignore[operator]  # an int
    if depth_left <= 0 or (kind is not dict and kind is not list):
        return kind in _PLAIN_LEAVES
    items: Any = value
    if kind is dict:
        for key in items:
            if type(key) is not str or key[:1].isdecimal():
                return False
        items = items.values()
    for item in items:
        if type(item) is not str and not _is_plain_json(item, depth_left - 1):
            return False
    return True


def _is_plain_msgpack(value: object, depth_left: int) -> bool:
    """Return whether Python's encoder writes the value as JavaScript does, without any rule."""
    kind = type(value)
    if kind is dict:
        # Array indices, which come first in JavaScript, begin with a digit.
        for key in value:  # type: ignore[attr-defined]  # a dict
            if type(key) is not str or key < ":":
                return False
        items: Any = value.values()  # type: ignore[attr-defined]  # a dict
    elif kind is list:
        items = value
    else:
        return kind in _PLAIN_MSGPACK_LEAVES
    if depth_left <= 0:
        return False
    for item in items:
        kind = type(item)
        if kind in _PLAIN_MSGPACK_LEAVES or (
            kind is int and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER
        ):
            continue
        if (kind is not dict and kind is not list) or not _is_plain_msgpack(item, depth_left - 1):
            return False
    return True


_PLAIN_MSGPACK_LEAVES: Final = frozenset({str, bytes, bool, type(None)})


def _prepare(value: object, depth_left: int, rules: _Rules) -> object:
    """Return the value with JavaScript's rules applied, ready for a Python encoder."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is dict or kind is list:
        return _prepare_container(value, depth_left - 1, rules)
    return _prepare_other(value, depth_left, rules)


def _prepare_other(value: object, depth_left: int, rules: _Rules) -> object:
    """As ``_prepare``, for what is less frequent, and for subclasses."""
    if isinstance(value, int | float):
        return rules.number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return rules.binary(bytes(value))
    if isinstance(value, datetime):
        return rules.date(value)
    if isinstance(value, str):
        return str(value)
    if value is UNDEFINED:
        return None
    return _prepare_container(value, depth_left - 1, rules)


def _prepare_container(value: object, depth_left: int, rules: _Rules) -> object:
    if depth_left < 0:
        raise CodecError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {
            key: _prepare(item, depth_left, rules)
            for key, item in _ordered_items(value)
            if item is not UNDEFINED
        }
    if isinstance(value, list | tuple):
        return [_prepare(item, depth_left, rules) for item in value]
    raise CodecError(f"a value of type {type(value).__name__} cannot be sent")


def _ordered_items(mapping: Mapping[Any, object]) -> list[tuple[str, object]]:
    """Return the items in JavaScript's order: array indices ascending, then as inserted."""
    if not any(type(key) is not str or key[:1].isdecimal() for key in mapping):
        return list(mapping.items())
    items = {_encoded_key(key): item for key, item in mapping.items()}
    indices = sorted((key for key in items if _is_array_index(key)), key=int)
    if not indices:
        return list(items.items())
    names = [key for key in items if not _is_array_index(key)]
    return [(key, items[key]) for key in (*indices, *names)]


def _encoded_key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise CodecError(f"the key {key!r} is neither a string nor an integer")


def _is_array_index(key: str) -> bool:
    looks_like_one = key.isascii() and key.isdecimal() and len(key) <= 10
    return looks_like_one and str(int(key)) == key and int(key) < _ARRAY_INDEX_END


def _number(value: int | float) -> int | float:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER else value
    return value if abs(value) <= MAX_SAFE_INTEGER else _float_from_int(value)


def _float_from_int(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise CodecError("an integer is too large for a number of 64 bits") from error


def _msgpack_number(value: float) -> float:
    number = _number(value)
    # One NaN is sent, whatever its sign and payload bits were.
    return math.nan if math.isnan(number) else number


def _json_number(value: float) -> float | None:
    number = _number(value)
    return number if math.isfinite(number) else None


def _milliseconds(date: datetime) -> int:
    if date.tzinfo is None:
        raise CodecError("a date needs a time zone")
    return (date - _EPOCH) // _MILLISECOND


def _timestamp(date: datetime) -> msgpack.Timestamp:
    """Return what is packed as extension -1 in its shortest form."""
    seconds, milliseconds = divmod(_milliseconds(date), 1000)
    return msgpack.Timestamp(seconds, milliseconds * 1_000_000)


def _iso_text(date: datetime) -> str:
    whole = _EPOCH + _milliseconds(date) * _MILLISECOND
    return whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse_binary(value: bytes) -> object:
    raise CodecError(f"JSON cannot hold {len(value)} bytes of binary; use MessagePack")


def _keep_binary(value: bytes) -> object:
    return value


_MSGPACK_RULES = _Rules(_msgpack_number, _timestamp, _keep_binary)
_JSON_RULES = _Rules(_json_number, _iso_text, _refuse_binary)
