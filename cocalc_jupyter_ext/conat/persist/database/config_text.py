"""The settings of a stream as the rows of its ``config`` table (conat-sync §2.2, §2.6).

Numbers are decimal (a limit that was no number is ``NaN``), truth values ``true`` and
``false``, and the description is JSON.
"""

from collections.abc import Iterable
from typing import Any, Final

from ...protocol.codec import from_json, to_json
from ..config import StreamConfig

__all__ = ["config_from_rows", "config_to_rows"]

_JSON_FIELDS: Final = ("desc", "allow_msg_ttl")


def config_to_rows(config: StreamConfig) -> list[tuple[str, str]]:
    """Return (field, value) for all fields; raises CodecError for what JSON cannot hold."""
    return [(field, _to_text(field, value)) for field, value in config.to_wire().items()]


def config_from_rows(rows: Iterable[tuple[str, str]]) -> StreamConfig:
    """Return the settings; unknown and missing fields do not matter.

    Raises CodecError when the description or a truth value cannot be read.
    """
    values: dict[str, Any] = {
        field: from_json(text) if field in _JSON_FIELDS else text for field, text in rows
    }
    return StreamConfig().changed(values)


def _to_text(field: str, value: object) -> str:
    if field in _JSON_FIELDS:
        return to_json(value)
    return "NaN" if value is None else str(value)
