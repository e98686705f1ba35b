"""The commits that one participant made, and which of them the stream has (pure)."""

from collections.abc import Iterable

from .patch_graph import NO_TIME
from .patches import Patch

__all__ = ["OwnCommits"]


class OwnCommits:
    """The times of one's own commits, in the order in which they were made.

    A commit is unconfirmed until the stream returns a patch with its time: its own, or that of
    somebody who chose the same time and was first.
    """

    def __init__(self) -> None:
        self._times: list[int] = []
        self._unconfirmed: dict[int, Patch] = {}
        self._sent: dict[int, str] = {}

    @property
    def times(self) -> list[int]:
        """The times of all that were not lost."""
        return list(self._times)

    @property
    def last_time(self) -> int:
        """The time of the last one, or 0."""
        return self._times[-1] if self._times else 0

    def made(self, patch: Patch) -> None:
        """Note a new commit."""
        self._times.append(patch.time)
        self._unconfirmed[patch.time] = patch

    def sent(self, time_ms: int, text: str) -> None:
        """Note as what text the changes of a commit were sent."""
        self._sent[time_ms] = text

    def confirm(self, patch: Patch) -> Patch | None:
        """Note a patch of the stream; return the own one that lost its time to it, if one did."""
        own, text = self._unconfirmed.pop(patch.time, None), self._sent.pop(patch.time, None)
        return None if own is None or own.is_same(patch, text) else own

    def forget(self, time_ms: int) -> None:
        """Take out a commit that lost its time."""
        self._times.remove(time_ms)

    def contained(self, heads: Iterable[int]) -> tuple[int, ...]:
        """Return the commits that a value with these heads contains, whatever the stream gets.

        What is not confirmed is named together with what it builds on, ``NO_TIME`` being the
        empty document.
        """
        times = set(heads)
        for patch in self._unconfirmed.values():
            times.update((patch.time, *(patch.parents or (NO_TIME,))))
        return tuple(sorted(times))
