"""The edits of a document that its file does not have yet, and when to write them.

``autosave.py`` decides; this has the event loop's clock, and wakes whoever waits to save.
"""

import asyncio

from .autosave import AutosaveClock, AutosaveTimes

__all__ = ["UnsavedEdits"]


class UnsavedEdits:
    """Counts the edits of one document, from its opening on."""

    def __init__(self, times: AutosaveTimes) -> None:
        self._quiet_s = times.quiet_s
        self._clock = AutosaveClock(times)
        self._count = 0
        self._changed = asyncio.Event()

    @property
    def count(self) -> int:
        """The number of edits so far, saved or not."""
        return self._count

    @property
    def unsaved(self) -> bool:
        """Whether there are edits that no file has."""
        return self._clock.unsaved

    def edited(self) -> None:
        """Note an edit."""
        self._count += 1
        self._clock = self._clock.edited(self._now_s())
        self._changed.set()

    def wake(self) -> None:
        """Let ``wait_until_due`` return after a moment of quiet although there is no edit."""
        self._changed.set()

    def saved(self, count: int) -> None:
        """Note that the first ``count`` edits are in the file; later ones stay unsaved."""
        self._clock = self._clock.saved()
        if self._count != count:
            self._clock = self._clock.edited(self._now_s())
            self._changed.set()

    def failed(self) -> None:
        """Note that the file could not be written; it is due again after a while."""
        self._clock = self._clock.failed(self._now_s())
        self._changed.set()

    async def wait_until_due(self) -> None:
        """Wait for an edit or ``wake``, and then for the quiet after it."""
        await self._changed.wait()
        start_s = self._now_s()
        while True:
            due_s = self._clock.due()
            if due_s is None:
                due_s = start_s + self._quiet_s
            remaining_s = due_s - self._now_s()
            if remaining_s <= 0:
                break
            await asyncio.sleep(remaining_s)
        self._changed.clear()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
