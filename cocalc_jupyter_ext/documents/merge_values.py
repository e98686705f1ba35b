"""Three versions of a value become one: what was, what a program wrote, what people have (pure).

A value that only one side changed is that side's. Texts are merged word by word, maps name by
name. Where both sides changed the same thing differently, the people's version stays and the
merge says that it had to choose.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Generic, TypeVar

from merge3 import Merge3

__all__ = ["MISSING", "Merged", "merge_maps", "merge_texts", "merge_values"]

Value = TypeVar("Value")

_WORDS: Final = re.compile(r"\w+|\s|[^\w\s]")
MAX_WORDS: Final = 2_000
"""Longer passages are not merged word by word: the time grows with the square of the count."""


class _Missing:
    """The type of ``MISSING``."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Stands for a value that one of the versions does not have."""


@dataclass(frozen=True, slots=True)
class Merged(Generic[Value]):
    """The merged value; ``is_clean`` is False when one side's change had to give way."""

    value: Value
    is_clean: bool = True


def merge_values(base: Any, theirs: Any, ours: Any) -> Merged[Any]:
    """Merge values that cannot be taken apart; ``MISSING`` is a value too."""
    if theirs in (base, ours):
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    return Merged(ours, is_clean=False)


def merge_maps(
    base: Mapping[str, Any], theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> Merged[dict[str, Any]]:
    """Merge maps name by name, in our order; maps in maps are values."""
    merged: dict[str, Any] = {}
    is_clean = True
    for name in {**ours, **theirs}:
        versions = (version.get(name, MISSING) for version in (base, theirs, ours))
        part = merge_values(*versions)
        is_clean &= part.is_clean
        if part.value is not MISSING:
            merged[name] = part.value
    return Merged(merged, is_clean)


def merge_texts(base: str, theirs: str, ours: str) -> Merged[str]:
    """Merge texts line by line, and word by word where both sides changed the same lines.

    A word that both sides changed stays as we have it.
    """
    whole = merge_values(base, theirs, ours)
    if whole.is_clean:
        return whole
    return _merge_pieces([text.splitlines(keepends=True) for text in (base, ours, theirs)], _words)


def _words(base: str, ours: str, theirs: str) -> Merged[str]:
    """Merge what is left of lines; what is too long for that stays ours."""
    pieces = [_WORDS.findall(text) for text in (base, ours, theirs)]
    if max(map(len, pieces)) > MAX_WORDS:
        return Merged(ours, is_clean=False)
    return _merge_pieces(pieces, lambda _base, ours, _theirs: Merged(ours, is_clean=False))


def _merge_pieces(
    pieces: list[list[str]], settle: Callable[[str, str, str], Merged[str]]
) -> Merged[str]:
    base, ours, theirs = pieces
    merged: list[str] = []
    is_clean = True
    matcher: Any = _Matcher  # difflib's own class does not fit the protocol that is declared
    for group in Merge3(base, ours, theirs, sequence_matcher=matcher).merge_groups():
        if group[0] == "conflict":
            settled = settle(*["".join(part) for part in group[1:]])
            merged.append(settled.value)
            is_clean &= settled.is_clean
        else:
            merged.extend(group[1])
    return Merged("".join(merged), is_clean)


class _Matcher(SequenceMatcher[str]):
    """Takes frequent pieces seriously: most words of a program are."""

    def __init__(
        self,
        isjunk: Callable[[str], bool] | None = None,
        a: Sequence[str] = "",
        b: Sequence[str] = "",
        autojunk: bool = False,
    ) -> None:
        super().__init__(isjunk, a, b, autojunk=autojunk)
