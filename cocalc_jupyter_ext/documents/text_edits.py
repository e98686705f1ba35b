"""Small edits of shared text (pure, on pycrdt types).

pycrdt counts positions in UTF-8 bytes and a position inside a character corrupts the text. This
is the one place that computes such positions.
"""

from collections.abc import Iterator
from typing import Any, Final

from diff_match_patch.diff_match_patch import diff_match_patch
from pycrdt import Text

__all__ = ["edit_text", "encodable", "replace_text"]

MAX_DIFF_TIME_S: Final = 0.1
_DELETE, _INSERT = -1, 1


def encodable(text: str) -> str:
    """Return the text with what cannot be in a shared text replaced: halves of characters.

    Texts of other systems hold such when somebody's edit cut a pair of surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def replace_text(text: Text, wanted: str) -> bool:
    """Turn ``text`` into ``wanted`` by replacing only the part that differs.

    What both share at the start and at the end stays untouched, and with it the cursors of
    people who are there. Returns whether anything changed. Call it inside a transaction.
    """
    current, wanted = str(text), encodable(wanted)
    if current == wanted:
        return False
    prefix = _common_prefix(current, wanted)
    suffix = _common_prefix(current[prefix:][::-1], wanted[prefix:][::-1])
    start = len(current[:prefix].encode())
    _splice(
        text, start, current[prefix : len(current) - suffix], wanted[prefix : len(wanted) - suffix]
    )
    return True


def edit_text(text: Text, wanted: str, *, is_exact: bool = False) -> bool:
    """Turn ``text`` into ``wanted`` by small edits in as many places as differ.

    Cursors between two edits stay where they are. What few characters stay between two edits may
    be replaced with them, unless it is exact: what somebody erases at the same time would be back
    then. Returns whether anything changed. Call it inside a transaction.
    """
    current, wanted = str(text), encodable(wanted)
    if current == wanted:
        return False
    start = 0
    for removed, inserted, kept in _edits(current, wanted, is_exact=is_exact):
        _splice(text, start, removed, inserted)
        start += len(inserted.encode()) + len(kept.encode())
    return True


def _edits(current: str, wanted: str, *, is_exact: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what is removed, what is put in its place, and what then follows unchanged."""
    engine: Any = diff_match_patch()
    engine.Diff_Timeout = MAX_DIFF_TIME_S
    diffs = engine.diff_main(current, wanted, not is_exact)
    if not is_exact:
        engine.diff_cleanupSemantic(diffs)
    removed = inserted = ""
    for operation, piece in diffs:
        if operation == _DELETE:
            removed += piece
        elif operation == _INSERT:
            inserted += piece
        else:
            yield removed, inserted, piece
            removed = inserted = ""
    yield removed, inserted, ""


def _splice(text: Text, start: int, removed: str, inserted: str) -> None:
    length = len(removed.encode())
    if length:
        del text[start : start + length]
    if inserted:
        text.insert(start, inserted)


def _common_prefix(first: str, second: str) -> int:
    """Return how many characters both start with; bisects, so the comparing is done in C."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
