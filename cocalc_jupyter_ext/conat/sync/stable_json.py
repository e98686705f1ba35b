"""JSON text that is the same for equal values: keys in order, no spaces (conat-sync §4.9, §8.1)."""

from collections.abc import Mapping
from typing import Any

from ..protocol.codec import UNDEFINED, to_json

__all__ = ["stable_json"]


def stable_json(value: Any) -> str:
    """Return the text: undefined members vanish, and are null in lists; dates are ISO texts.

    Keys are in the order of their UTF-16 code units, as JavaScript sorts them. Raises
    CodecError for what JSON cannot hold.
    """
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        texts = (
            f"{to_json(key)}:{stable_json(member)}"
            for key, member in members
            if member is not UNDEFINED
        )
        return f"{{{','.join(texts)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(stable_json, value))}]"
    return to_json(value)
