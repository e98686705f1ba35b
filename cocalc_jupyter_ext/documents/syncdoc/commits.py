"""Which logical time the next commit gets (syncdoc-jupyter §1.9).

A time is never used twice in a document, whatever the clocks say: each user owns the times
with one residue modulo the number of users, and goes on after the newest time that was seen.
"""

from ...conat.types import Choose

__all__ = ["next_time"]

MAX_STEP_MS = 1000
"""How far after the newest time a slow clock's commit may be put, in milliseconds."""


def next_time(
    now_ms: int,
    *,
    own_last: int,
    newest: int,
    user_id: int,
    users: int,
    choose: Choose,
) -> int:
    """Return the logical time of a commit.

    ``own_last`` is the time of this author's previous commit, ``newest`` the newest time that
    was seen at all. The result is larger than both and belongs to ``user_id``.
    """
    time = now_ms + 1 if now_ms == own_last else now_ms
    if time <= newest:
        time = newest + 1 + 1 + choose(MAX_STEP_MS)
    return time + (user_id - time) % max(users, 1)
