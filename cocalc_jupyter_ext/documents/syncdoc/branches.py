"""What was meant by commits that were made at the same time (pure).

What a commit did is the difference between the value that its author had, which everybody can
replay, and the value after it. Replays are not faithful, but they are known: each character of
a value that somebody has seen can be traced to the commit that typed it. So an edit of a value
in which some are missing or in another order is still an edit of these very characters.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .mending import Wanted
from .patches import Patch
from .values import Kind
from .woven_thing import Shown, WovenThing

__all__ = ["Branches", "TooManyBranches"]

Value = TypeVar("Value")

MAX_APPLIED: Final = 5_000
"""How many times patches are applied for one look: about half a second."""

_Texts = dict[tuple[Hashable, str], Shown]
"""Texts by the key of their thing and their name."""


class TooManyBranches(Exception):  # noqa: N818 - a limit, named like it
    """So much was done at the same time that it would take too long to look at all of it."""


@dataclass(frozen=True, slots=True)
class _Replayed(Generic[Value]):
    """What the replay of some commits gives; ``texts`` are those that differ from the start."""

    value: Value
    texts: _Texts


class Branches(Generic[Value]):
    """Commits on top of a value that each of them knows, in the order of their replay.

    ``start`` must hold all that was meant until then. Raises TooManyBranches.
    """

    def __init__(self, kind: Kind[Value], start: Value, patches: Sequence[Patch]) -> None:
        self._kind = kind
        self._patches = patches
        self._applied = 0
        self._reach: list[int] = []
        value = kind.narrowed(start, [patch.changes for patch in patches])
        self._things = {
            key: WovenThing(self._reach, texts) for key, texts in kind.texts(value).items()
        }
        self._replays = {0: _Replayed(value, {})}
        numbers: dict[int, int] = {}
        for number, patch in enumerate(patches):
            known = 0
            for parent in patch.parents:
                if parent in numbers:
                    known |= self._reach[numbers[parent]]
            numbers[patch.time] = number
            self._reach.append(known | 1 << number)
            self._weave_in(number, known)

    def wanted(self) -> dict[Hashable, Wanted[Value]]:
        """Return what each thing that was touched should be when all is put together."""
        everything = (1 << len(self._patches)) - 1
        return {key: self._wanted(thing, everything) for key, thing in self._things.items()}

    def _wanted(self, thing: WovenThing, commits: int) -> Wanted[Value]:
        if not thing.is_alive(commits):
            return Wanted(None, None)
        if not thing.has_come_or_gone:
            return Wanted(thing.texts(commits), None)
        writer = thing.last_writer
        whole = self._replays[0 if writer is None else self._reach[writer]]
        return Wanted(thing.texts(commits), whole.value)

    def _weave_in(self, number: int, known: int) -> None:
        """Note what a commit did to what its author had."""
        before = self._replayed(known)
        value = self._apply(before.value, number)
        texts = dict(before.texts)
        for key, old, new in self._changed(before.value, value):
            thing = self._things.get(key)
            if thing is None:
                thing = self._things[key] = WovenThing(self._reach, None)
            shown = None
            if old is not None:
                shown = {name: _shown(thing, key, name, old, before.texts) for name in old}
            if new is None:
                thing.delete(number, known, shown or {})
                continue
            for name, after in thing.write(number, known, shown, new).items():
                texts[key, name] = after
        self._replays[known | 1 << number] = _Replayed(value, texts)

    def _replayed(self, commits: int) -> _Replayed[Value]:
        """Return what these commits give in the order of their times, as everybody sees them."""
        rest: list[int] = []
        while commits not in self._replays:
            last = commits.bit_length() - 1
            rest.append(last)
            commits ^= 1 << last
        replayed = self._replays[commits]
        for number in reversed(rest):
            replayed = self._replay(replayed, number, commits)
            commits |= 1 << number
            self._replays[commits] = replayed
        return replayed

    def _replay(self, before: _Replayed[Value], number: int, known: int) -> _Replayed[Value]:
        value = self._apply(before.value, number)
        texts = dict(before.texts)
        for key, old, new in self._changed(before.value, value):
            thing = self._things.get(key)
            if thing is None or new is None:
                continue
            for name, text in new.items():
                shown = None if old is None else _shown(thing, key, name, old, before.texts)
                texts[key, name] = thing.replay(number, known, name, shown, text)
        return _Replayed(value, texts)

    def _apply(self, value: Value, number: int) -> Value:
        self._applied += 1
        if self._applied > MAX_APPLIED:
            raise TooManyBranches
        return self._kind.apply(self._kind.edit(value), self._patches[number].changes)

    def _changed(
        self, before: Value, after: Value
    ) -> list[tuple[Hashable, Mapping[str, str] | None, Mapping[str, str] | None]]:
        """Return the things whose texts differ, or that are only in one of the values."""
        old, new = self._kind.texts(before), self._kind.texts(after)
        return [
            (key, old.get(key), new.get(key))
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        ]


def _shown(
    thing: WovenThing, key: Hashable, name: str, old: Mapping[str, str], texts: _Texts
) -> Shown:
    text = old.get(name, "")
    shown = texts.get((key, name))
    return thing.shown_at_start(name, text) if shown is None else shown
