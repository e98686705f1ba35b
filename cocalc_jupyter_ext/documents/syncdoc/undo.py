"""Undo and redo of one author's own commits (syncdoc-jupyter §1.10).

Undo does not go back in time: it makes a new value in which some of the author's commits were
never made, and that value is committed like any other. So nobody else's work is undone.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["UndoState"]

Value = TypeVar("Value")


class UndoState(Generic[Value]):
    """How far one author has stepped back; it exists from the first undo to the next edit.

    ``own_times`` are the author's commits in order. ``uncommitted`` is the live value when it
    had changes that were not committed: they are the first thing to undo and the last to redo.
    """

    def __init__(self, own_times: Iterable[int], uncommitted: Value | None = None) -> None:
        self._own = list(own_times)
        self._pointer = len(self._own) + (uncommitted is not None)
        self._end = self._pointer
        self._uncommitted = uncommitted
        self._ignored: list[int] = []

    def undo(self) -> None:
        """Step back over one commit, or over the uncommitted changes."""
        self._pointer = max(0, self._pointer - 1)

    def redo(self) -> None:
        """Step forward again."""
        self._pointer = min(self._end, self._pointer + 1)

    @property
    def without(self) -> list[int]:
        """The commits that count as never made: those undone, and those that undoing made."""
        return [*self._ignored, *self._own[self._pointer :]]

    @property
    def redone(self) -> Value | None:
        """The uncommitted value, when everything was redone; it is then the value to show."""
        return self._uncommitted if self._pointer == self._end else None

    def committed(self, time: int) -> None:
        """Note a commit that undo or redo itself has made: it must never count as content."""
        self._ignored.insert(0, time)
