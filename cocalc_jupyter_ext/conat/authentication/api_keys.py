"""API keys as text (conat-core §13.2)."""

import re
import string
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ApiKey", "parse_api_key"]

MAX_KEY_LENGTH: Final = 256
MAX_DATABASE_ID: Final = 2**31 - 1
_DIGITS: Final = string.digits + string.ascii_lowercase + string.ascii_uppercase
_WITH_ID: Final = re.compile(r"sk-[0-9A-Za-z]{16}([0-9A-Za-z]{6})")
_ANY: Final = re.compile(r"sk[-_][\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key somebody showed; nothing says yet that it is valid.

    ``id`` is that of its record, which holds a hash to verify the whole ``secret`` with. It
    is None for old keys of accounts, which are compared literally.
    """

    secret: str = field(repr=False)
    id: int | None = None


def parse_api_key(text: str) -> ApiKey | None:
    """Return the key, or None when the text cannot be one."""
    if len(text) > MAX_KEY_LENGTH or not _ANY.fullmatch(text):
        return None
    with_id = _WITH_ID.fullmatch(text)
    number = _from_base_62(with_id[1]) if with_id else None
    return ApiKey(text, number if number is None or number <= MAX_DATABASE_ID else None)


def _from_base_62(text: str) -> int:
    number = 0
    for digit in text:
        number = 62 * number + _DIGITS.index(digit)
    return number
