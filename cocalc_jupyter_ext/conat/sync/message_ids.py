"""Ids of one's own messages: a random prefix, and a number (conat-sync §4.1)."""

from itertools import count

from ..types import MakeId

__all__ = ["MessageIds"]


class MessageIds:
    """Makes ids of letters and digits, and knows its own again."""

    def __init__(self, make_id: MakeId) -> None:
        self._prefix = make_id()
        self._numbers = count()

    def next(self) -> str:
        """Return an id that nobody else makes."""
        return f"{self._prefix}{next(self._numbers)}"

    def is_own(self, msg_id: str | None) -> bool:
        """Return whether an id was made here."""
        return msg_id is not None and msg_id.startswith(self._prefix)
