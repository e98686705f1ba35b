"""Checks what is to be sent where it is written, so that nothing unsendable waits to be saved."""

from typing import Any

from ..protocol.codec import encode, to_json
from ..types import JsonObject

__all__ = ["encoded"]


def encoded(value: Any, headers: JsonObject | None = None, key: str | None = None) -> bytes:
    """Return the payload of a value; raises CodecError for value, headers or key, or TypeError."""
    if key is not None:
        if not isinstance(key, str):
            raise TypeError(f"a key is a text, not {key!r}")
        encode(key)
    if headers is not None:
        to_json(headers)
    return encode(value)
