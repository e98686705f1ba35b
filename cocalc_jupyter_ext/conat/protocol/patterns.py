"""A trie over subject tokens that finds the patterns a subject matches.

Invariant: a node exists only while a pattern ends in it or below it, so removing a
pattern never leaves a trace that an interest query could see (conat-core §7.2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ..types import Pattern, Subject
from .subjects import tokens

__all__ = ["PatternTrie"]

MAX_REMEMBERED: Final = 1_024
REMEMBERED_LENGTH: Final = 256

T = TypeVar("T")


@dataclass(slots=True)
class _Node(Generic[T]):
    children: dict[str, "_Node[T]"] = field(default_factory=dict)
    entry: tuple[Pattern, T] | None = None


class PatternTrie(Generic[T]):
    """A mapping from patterns to values that can be asked which patterns match a subject."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._found: dict[Subject, tuple[tuple[Pattern, T], ...]] = {}
        self._values: dict[Pattern, T] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, pattern: Pattern) -> bool:
        return pattern in self._values

    def get(self, pattern: Pattern) -> T | None:
        """Return the value of exactly this pattern, or None."""
        return self._values.get(pattern)

    def insert(self, pattern: Pattern, value: T) -> None:
        """Set the value of a pattern."""
        node = self._root
        for token in tokens(pattern):
            node = node.children.setdefault(token, _Node())
        node.entry = (pattern, value)
        self._found.clear()
        self._values[pattern] = value

    def remove(self, pattern: Pattern) -> None:
        """Forget a pattern; an unknown one is ignored."""
        if self._values.pop(pattern, None) is None:
            return
        self._found.clear()
        path = [self._root]
        parts = tokens(pattern)
        for token in parts:
            path.append(path[-1].children[token])
        path[-1].entry = None
        for parent, token, node in zip(
            reversed(path[:-1]), reversed(parts), reversed(path[1:]), strict=True
        ):
            if node.children or node.entry is not None:
                break
            del parent.children[token]

    def match(self, subject: Subject) -> Sequence[tuple[Pattern, T]]:
        """Return the matching patterns with their values (conat-core §7.2).

        At each level the order is ``*``, then ``>``, then the literal token. What was found
        is remembered until a pattern comes or goes.
        """
        found = self._found.get(subject)
        if found is None:
            found = tuple(self._search(subject))
            self._remember(subject, found)
        return found

    def _remember(self, subject: Subject, found: tuple[tuple[Pattern, T], ...]) -> None:
        if len(subject) > REMEMBERED_LENGTH:
            return
        if len(self._found) >= MAX_REMEMBERED:
            self._found.clear()
        self._found[subject] = found

    def _search(self, subject: Subject) -> Iterator[tuple[Pattern, T]]:
        parts = tokens(subject)
        pending: list[tuple[_Node[T], int]] = [(self._root, 0)]
        while pending:
            node, depth = pending.pop()
            if depth == len(parts):
                if node.entry is not None:
                    yield node.entry
                continue
            pending.extend(_next_nodes(node, parts, depth))


def _next_nodes(node: _Node[T], parts: list[str], depth: int) -> Iterator[tuple[_Node[T], int]]:
    """Yield what to look at next, the first to be looked at last: it is taken from a stack."""
    children = node.children
    if (literal := children.get(parts[depth])) is not None:
        yield literal, depth + 1
    if (rest := children.get(">")) is not None:
        yield rest, len(parts)
    if (any_one := children.get("*")) is not None:
        yield any_one, depth + 1
