"""When the plain file is written while people type (pure).

After a short quiet time, and at least every few seconds while the typing goes on: a wait
that starts again with every key would never save for a fast typist.
"""

from dataclasses import dataclass, replace

__all__ = ["AutosaveClock", "AutosaveTimes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutosaveTimes:
    """``quiet_s`` without an edit, ``longest_s`` after the first, ``retry_s`` after a failure."""

    quiet_s: float = 1.0
    longest_s: float = 10.0
    retry_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AutosaveClock:
    """The times of edits that no file has yet; an immutable value, times in seconds."""

    times: AutosaveTimes
    first_edit: float | None = None
    last_edit: float = 0.0
    not_before: float = 0.0

    def edited(self, now: float) -> "AutosaveClock":
        """Note an edit."""
        first = now if self.first_edit is None else self.first_edit
        return replace(self, first_edit=first, last_edit=now)

    def saved(self) -> "AutosaveClock":
        """Note that every edit so far is in the file."""
        return AutosaveClock(self.times)

    def failed(self, now: float) -> "AutosaveClock":
        """Note that writing failed; the edits stay unsaved."""
        return replace(self, not_before=now + self.times.retry_s)

    @property
    def unsaved(self) -> bool:
        """Whether there are edits that no file has."""
        return self.first_edit is not None

    def due(self) -> float | None:
        """Return the time at which to write, or None when there is nothing to write."""
        if self.first_edit is None:
            return None
        wanted = min(self.last_edit + self.times.quiet_s, self.first_edit + self.times.longest_s)
        return max(wanted, self.not_before)
