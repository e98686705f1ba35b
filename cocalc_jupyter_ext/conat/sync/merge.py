"""What becomes of a local write when the server says something else (conat-sync §4.2).

Pure. A merge function gets what the two sides wanted and what both knew before, and returns the
value that holds from now on.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from ..protocol.codec import UNDEFINED
from .equality import equal

__all__ = ["TOMBSTONE", "Conflict", "Merge", "Other", "Tombstone", "Winner", "resolve"]

_log = logging.getLogger(__name__)


class Tombstone(Enum):
    """The type of ``TOMBSTONE``."""

    TOMBSTONE = "tombstone"


TOMBSTONE: Final = Tombstone.TOMBSTONE
"""What a merge function returns to delete the key."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A key was written here and elsewhere, differently.

    ``remote`` is None when the key was deleted; ``prev``, what the server had before, is
    UNDEFINED when it had nothing.
    """

    key: str
    local: Any
    remote: Any
    prev: Any = UNDEFINED


Merge: TypeAlias = Callable[[Conflict], Any]
"""Decides a conflict; None and UNDEFINED mean that the local value wins, and so does failing."""


class Winner(Enum):
    """Which side a conflict leaves as it is."""

    LOCAL = "local"
    REMOTE = "remote"
    NEITHER = "the key is deleted"


@dataclass(frozen=True, slots=True)
class Other:
    """A conflict ended with a value that no side had."""

    value: Any


def resolve(conflict: Conflict, merge: Merge | None) -> Winner | Other:
    """Decide a conflict; without a merge function, or when it fails, the local write wins."""
    result = None if merge is None else _ask(conflict, merge)
    if result is None or result is UNDEFINED:
        return Winner.LOCAL
    if result is TOMBSTONE:
        return Winner.NEITHER
    if equal(result, conflict.remote):
        return Winner.REMOTE
    return Winner.LOCAL if equal(result, conflict.local) else Other(result)


def _ask(conflict: Conflict, merge: Merge) -> Any:
    try:
        return merge(conflict)
    except Exception:  # noqa: BLE001 - one key's failure in the user's code must not stop others
        _log.exception("merging key %r failed; what was written here wins", conflict.key)
        return None
