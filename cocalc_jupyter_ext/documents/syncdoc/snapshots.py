"""When and where a snapshot is due (syncdoc-jupyter §1.11).

A snapshot saves readers the history before it. It may only be made at a cut point, where all
later patches build on the one patch, or readers who begin there would lack ancestors.
"""

from collections.abc import Collection, Sequence
from typing import Final

from .patches import Patch

__all__ = ["DEFAULT_INTERVAL", "snapshot_due"]

DEFAULT_INTERVAL: Final = 300
MAX_SIZE: Final = 1.2 * 32_000_000
"""How many characters of patches may follow a snapshot before the next one is due."""

MAX_ATTEMPTS: Final = 10
RECENT: Final = 5


def snapshot_due(
    patches: Sequence[Patch],
    *,
    newest_snapshot: int | None,
    interval: int = DEFAULT_INTERVAL,
    unfit: Collection[int] = (),
) -> tuple[int | None, set[int]]:
    """Return the time at which to make a snapshot, or None, and the times found to be no cuts.

    ``patches`` are all live ones in order; ``unfit`` are times that were no cut points before.
    """
    since = [p for p in patches if newest_snapshot is None or p.time > newest_snapshot]
    wanted = _wanted_index(since, interval)
    if wanted is None:
        return None, set()
    last_allowed = len(since) - min(interval, RECENT)
    failed: set[int] = set()
    for patch_index in range(wanted, min(wanted + MAX_ATTEMPTS, last_allowed)):
        time = since[patch_index].time
        if time in unfit:
            continue
        if _is_cut(since[patch_index:]):
            return time, failed
        failed.add(time)
    return None, failed


def _wanted_index(since: Sequence[Patch], interval: int) -> int | None:
    """Return the first candidate: so many patches, or so many characters, after the last one."""
    if len(since) >= 2 * interval:
        return interval - 1
    total = 0
    for index, patch in enumerate(since):
        total += patch.size
        if total > MAX_SIZE:
            return index
    return None


def _is_cut(patches: Sequence[Patch]) -> bool:
    """Return whether exactly one distinct time is missing among the parents (rule 3)."""
    times = {patch.time for patch in patches}
    missing = {parent for patch in patches for parent in patch.parents} - times
    return len(missing) == 1
