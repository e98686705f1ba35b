"""Something with texts that may come and go, such as a cell, as sets of commits have it (pure).

Who deletes it takes away what was known of it. It stays when somebody typed into it at the same
time, and with all that was in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .weave import ERASED, KEPT, NOBODYS, TYPED, Weave, text_edits

__all__ = ["Shown", "WovenThing"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A text that somebody had before them, and which characters it was made of."""

    text: str
    names: Sequence[int]


_NOTHING = Shown("", ())


class WovenThing:
    """All that was in one thing; ``texts`` is what it held at the start, if it was there.

    ``reach`` tells, of each commit woven in, the commit with all that it knows.
    """

    def __init__(self, reach: Sequence[int], texts: Mapping[str, str] | None) -> None:
        self._reach = reach
        self._was_there = texts is not None
        self._weaves = {name: Weave(text) for name, text in (texts or {}).items()}
        self._writers = 0
        self._deleters = 0
        self._brought: dict[tuple[int, str], list[int]] = {}
        # What the woven commits of a set leave never changes; kept is what edits have found.
        self._left: dict[tuple[str, int], list[int]] = {}

    # As some commits have it

    def is_alive(self, commits: int) -> bool:
        """Return whether it is there."""
        buried = self._buried(commits)
        if buried is None:
            return self._was_there or bool(self._writers & commits)
        return bool(self._writers & commits & ~buried)

    def texts(self, commits: int) -> dict[str, str]:
        """Return its texts; call it where it is there."""
        return {
            name: weave.text(self._visible(name, commits)) for name, weave in self._weaves.items()
        }

    @property
    def has_come_or_gone(self) -> bool:
        """Whether it was made or deleted since the start."""
        return not self._was_there or self._deleters != 0

    @property
    def last_writer(self) -> int | None:
        """The last commit that made it or typed into it."""
        return self._writers.bit_length() - 1 if self._writers else None

    # What commits do to it

    def delete(self, commit: int, known: int, before: Mapping[str, Shown]) -> None:
        """Note that a commit deleted it; nothing where it was not meant to be there anyway.

        It stays when something was in it that replays did not show: nobody wanted that gone.
        """
        is_whole = all(
            set(self._meant(name, known).names) <= set(before[name].names if name in before else ())
            for name in self._weaves
        )
        if self.is_alive(known) and is_whole:
            self._deleters |= 1 << commit

    def write(
        self, commit: int, known: int, before: Mapping[str, Shown] | None, texts: Mapping[str, str]
    ) -> dict[str, Shown]:
        """Note that a commit made these texts of those before; return which characters they have.

        ``before`` is what replays showed, None where they had no such thing.
        """
        is_new = not self.is_alive(known)
        after: dict[str, Shown] = {}
        has_typed = False
        for name, text in texts.items():
            if is_new and before is None:
                names = self._make(name, commit, known, text)
            else:
                shown = (before or {}).get(name, _NOTHING)
                names, is_edited = self._edit(name, commit, known, shown, text)
                has_typed |= is_edited
            after[name] = Shown(text, names)
        if has_typed or is_new:
            self._writers |= 1 << commit
        return after

    def replay(self, commit: int, known: int, name: str, before: Shown | None, text: str) -> Shown:
        """Return which characters a text has that a replay of the commit made of another.

        ``known`` are the commits that were replayed before it.
        """
        before = before or _NOTHING
        weave = self._weaves.get(name) or Weave()
        edits = text_edits(before.text, text)
        brought = self._brought.get((commit, name), [])
        taken = set(brought).intersection(_after(edits, before.names, ()))
        typed = weave.trace(_typed(edits), brought, taken)
        names = _after(edits, before.names, typed)
        return Shown(text, self._retraced(name, known | 1 << commit, text, names))

    def shown_at_start(self, name: str, text: str) -> Shown:
        """Return a text that nobody has touched since."""
        weave = self._weaves.get(name)
        return Shown(text, weave.start if weave is not None else [NOBODYS] * len(text))

    def _make(self, name: str, commit: int, known: int, text: str) -> list[int]:
        """Weave in the text of something new; what others gave it at the same time counts once."""
        weave = self._weaves.setdefault(name, Weave())
        base = self._meant(name, (1 << commit) - 1)
        edits = text_edits(base.text, text)
        names = self._do(weave, base, edits, commit, known, erases=False)
        self._brought[commit, name] = names
        return names

    def _edit(
        self, name: str, commit: int, known: int, shown: Shown, text: str
    ) -> tuple[list[int], bool]:
        """Weave in what was done to one text; tell which characters it has, and whether any did.

        Its author may have looked at what was meant rather than at the replay: who gives back
        what a replay has lost types nothing.
        """
        weave = self._weaves.setdefault(name, Weave())
        edits = text_edits(shown.text, text)
        base, edits_of_base = shown, edits
        meant = self._meant_names(name, known)
        if shown.names != meant:
            intended = Shown(weave.text(meant), meant)
            others = text_edits(intended.text, text)
            if _size(others) < _size(edits):
                base, edits_of_base = intended, others
        names = self._do(weave, base, edits_of_base, commit, known)
        if base.names == meant and NOBODYS not in names:
            self._left[name, known | 1 << commit] = names
        self._brought[commit, name] = _typed_names(edits, names)
        return names, _size(edits_of_base) > 0

    def _do(
        self,
        weave: Weave,
        base: Shown,
        edits: list[tuple[int, str]],
        commit: int,
        known: int,
        *,
        erases: bool = True,
    ) -> list[int]:
        """Make edits of a text; return the characters that it has then."""
        names: list[int] = []
        behind: int | None = None
        place = 0
        for operation, piece in edits:
            here = base.names[place : place + len(piece)]
            if operation == TYPED:
                here = weave.type(piece, behind, commit, known)
            else:
                place += len(piece)
            if operation == ERASED:
                if erases:
                    weave.erase(here, commit)
                continue
            names += here
            behind = next((each for each in reversed(here) if each != NOBODYS), behind)
        return names

    def _retraced(self, name: str, commits: int, text: str, names: list[int]) -> list[int]:
        """Trace what an inexact patch put in to characters that are meant to be there.

        Where a patch does not fit, it replaces text by what its author had there, which may be
        the same; or it takes one of two copies away, and the one that nobody typed remains.
        """
        places = [place for place, each in enumerate(names) if each == NOBODYS]
        if not places or name not in self._weaves:
            return names
        shown = set(names)
        absent = [each for each in self._meant_names(name, commits) if each not in shown]
        untraced = "".join(text[place] for place in places)
        edits = text_edits(self._weaves[name].text(absent), untraced)
        found = iter(_after(edits, absent, [NOBODYS] * len(untraced)))
        return [next(found) if each == NOBODYS else each for each in names]

    def _meant(self, name: str, commits: int) -> Shown:
        names = self._meant_names(name, commits)
        return Shown(self._weaves[name].text(names), names)

    def _meant_names(self, name: str, commits: int) -> Sequence[int]:
        return self._visible(name, commits) if self.is_alive(commits) else _NOTHING.names

    def _visible(self, name: str, commits: int) -> list[int]:
        left = None if self._deleters else self._left.get((name, commits))
        return self._weaves[name].visible(commits, self._buried(commits)) if left is None else left

    def _buried(self, commits: int) -> int | None:
        """Return the commits whose part in it was deleted, or None when it never was deleted."""
        if not self._deleters & commits:
            return None
        buried: int | None = None
        writers = list(_numbers(self._writers & commits))
        for deleter in _numbers(self._deleters & commits):
            if not any(self._is_apart(deleter, writer) for writer in writers):
                buried = (buried or 0) | self._reach[deleter]
        return buried

    def _is_apart(self, one: int, other: int) -> bool:
        """Return whether neither of two commits knows the other."""
        return not (self._reach[one] >> other & 1 or self._reach[other] >> one & 1)


def _after(edits: list[tuple[int, str]], names: Sequence[int], typed: Sequence[int]) -> list[int]:
    """Return the characters after edits: those that were kept, with those that were typed."""
    after: list[int] = []
    place = used = 0
    for operation, piece in edits:
        if operation == TYPED:
            after += typed[used : used + len(piece)]
            used += len(piece)
            continue
        if operation == KEPT:
            after += names[place : place + len(piece)]
        place += len(piece)
    return after


def _typed_names(edits: list[tuple[int, str]], after: Sequence[int]) -> list[int]:
    """Return those of the characters after edits that the edits typed."""
    typed: list[int] = []
    place = 0
    for operation, piece in edits:
        if operation == TYPED:
            typed += after[place : place + len(piece)]
        if operation != ERASED:
            place += len(piece)
    return typed


def _typed(edits: list[tuple[int, str]]) -> str:
    return "".join(piece for operation, piece in edits if operation == TYPED)


def _size(edits: list[tuple[int, str]]) -> int:
    """Return how many characters were typed or erased."""
    return sum(len(piece) for operation, piece in edits if operation != KEPT)


def _numbers(commits: int) -> Iterator[int]:
    while commits:
        lowest = commits & -commits
        yield lowest.bit_length() - 1
        commits ^= lowest
