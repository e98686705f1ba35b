"""Patches of text: made by comparing, applied as well as they fit (syncdoc-jupyter §1.6).

The algorithm is diff-match-patch with its standard settings, on UTF-16 code units: all
participants must get the same text from the same patches. Hunks that do not fit are skipped.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from diff_match_patch.diff_match_patch import diff_match_patch, patch_obj

from .utf16 import from_units, is_high, is_low, to_units

__all__ = ["StringPatch", "apply_string_patch", "make_string_patch", "merge_strings"]

StringPatch: TypeAlias = Sequence[Any]
"""A list of hunks ``[[[op, text], ...], start1, start2, length1, length2]``: op -1 removes, 0
keeps, 1 inserts."""

MAX_DIFF_TIME_S: Final = 0.2
_DELETE, _KEEP, _INSERT = -1, 0, 1


def _engine() -> Any:
    engine = diff_match_patch()
    engine.Diff_Timeout = MAX_DIFF_TIME_S
    return engine


_ENGINE: Final = _engine()


def make_string_patch(old: str, new: str) -> list[Any]:
    """Return the patch from one text to another; an empty one when they are equal."""
    if old == new:
        return []
    before, after = to_units(old), to_units(new)
    patches = _ENGINE.patch_make(before, after)
    grown = 0
    for patch in patches:
        growth = patch.length2 - patch.length1
        # Earlier hunks have been applied: what precedes is new already, what follows is old.
        following = before[patch.start1 - grown + patch.length1 :][:1]
        _keep_pairs_whole(patch, after[: patch.start2][-1:], following)
        grown += growth
    return [_hunk(patch) for patch in patches]


def apply_string_patch(patch: StringPatch, text: str) -> str:
    """Return the patched text; what is not a patch, and hunks that do not fit, change nothing."""
    try:
        patches = [_from_hunk(hunk) for hunk in patch]
        patched, _applied = _ENGINE.patch_apply(patches, to_units(text))
    except (TypeError, ValueError, IndexError, AttributeError):
        return text
    return from_units(patched)


def merge_strings(base: str, local: str, remote: str) -> str:
    """Return the local text with what changed between base and remote."""
    return local if base == remote else apply_string_patch(make_string_patch(base, remote), local)


def _hunk(patch: Any) -> list[Any]:
    diffs = [[op, from_units(text)] for op, text in patch.diffs]
    return [diffs, patch.start1, patch.start2, patch.length1, patch.length2]


def _from_hunk(hunk: Any) -> Any:
    diffs, start1, start2, length1, length2 = hunk
    patch = patch_obj()
    patch.diffs = [(int(op), to_units(text)) for op, text in diffs]
    patch.start1, patch.start2 = int(start1), int(start2)
    patch.length1, patch.length2 = int(length1), int(length2)
    return patch


def _keep_pairs_whole(patch: Any, preceding: str, following: str) -> None:
    """Never cut between the two halves of a character: half of one is not text."""
    diffs = [[op, text] for op, text in patch.diffs]
    first, last = diffs[0], diffs[-1]
    if first[0] == _KEEP and is_low(first[1][:1]) and is_high(preceding):
        _extend(patch, first, preceding, at_front=True)
    if last[0] == _KEEP and is_high(last[1][-1:]) and is_low(following):
        _extend(patch, last, following, at_front=False)
    _join_split_pairs(diffs)
    patch.diffs = [(op, text) for op, text in diffs if text]


def _extend(patch: Any, diff: list[Any], unit: str, *, at_front: bool) -> None:
    diff[1] = unit + diff[1] if at_front else diff[1] + unit
    patch.length1 += 1
    patch.length2 += 1
    if at_front:
        patch.start1 -= 1
        patch.start2 -= 1


def _join_split_pairs(diffs: list[list[Any]]) -> None:
    """Move a kept half of a character into the changes that hold its other halves."""
    for index, (op, text) in enumerate(diffs):
        if op != _KEEP:
            continue
        if text and is_high(text[-1]) and index + 1 < len(diffs):
            diffs[index][1] = text[:-1]
            _give(diffs, range(index + 1, len(diffs)), text[-1], at_front=True)
    for index in range(len(diffs) - 1, 0, -1):
        op, text = diffs[index]
        if op == _KEEP and text and is_low(text[0]):
            diffs[index][1] = text[1:]
            _give(diffs, range(index - 1, -1, -1), text[0], at_front=False)


def _give(diffs: list[list[Any]], nearby: range, unit: str, *, at_front: bool) -> None:
    """Add a unit to the removal and the insertion that follow one another here."""
    wanted = {_DELETE, _INSERT}
    position = nearby[0]
    for index in nearby:
        op = diffs[index][0]
        if op not in wanted:
            break
        wanted.discard(op)
        diffs[index][1] = unit + diffs[index][1] if at_front else diffs[index][1] + unit
    for op in sorted(wanted):
        diffs.insert(position if at_front else position + 1, [op, unit])
