"""Small edits of shared text (pure, on pycrdt types).

pycrdt counts positions in UTF-8 bytes and a position inside a character corrupts the text. This
is the one place that computes such positions.
"""

from pycrdt import Text

__all__ = ["replace_text"]


def replace_text(text: Text, wanted: str) -> bool:
    """Turn ``text`` into ``wanted`` by replacing only the part that differs.

    What both share at the start and at the end stays untouched, and with it the cursors of
    people who are there. Returns whether anything changed. Call it inside a transaction.
    """
    current = str(text)
    if current == wanted:
        return False
    prefix = _common_prefix(current, wanted)
    suffix = _common_prefix(current[prefix:][::-1], wanted[prefix:][::-1])
    start = len(current[:prefix].encode())
    length = len(current[prefix : len(current) - suffix].encode())
    if length:
        del text[start : start + length]
    inserted = wanted[prefix : len(wanted) - suffix]
    if inserted:
        text.insert(start, inserted)
    return True


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
