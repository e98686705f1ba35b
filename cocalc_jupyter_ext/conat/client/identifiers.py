"""Random ids: of clients, inboxes, requests, messages and queue groups (conat-core §16.1)."""

import os
import string
from typing import Final

__all__ = ["random_id"]

_ALPHABET: Final = string.digits + string.ascii_letters
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_ENTROPY_BYTES: Final = 16


def random_id() -> str:
    """Return 10 letters and digits that nobody can guess.

    Each request and each message needs one, so they are made of pairs, from one number
    that is so large that the pairs are equally likely.
    """
    number = int.from_bytes(os.urandom(_ENTROPY_BYTES), "big")
    count = len(_PAIRS)
    pairs = []
    for _ in range(5):
        number, index = divmod(number, count)
        pairs.append(_PAIRS[index])
    return "".join(pairs)
