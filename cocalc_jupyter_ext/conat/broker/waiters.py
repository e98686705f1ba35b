"""Who waits for interest in which subject, found by the pattern somebody subscribes to.

The mirror of ``PatternTrie``: there subjects look for patterns, here a pattern looks for
subjects. A subscription costs what it finds, however many others wait.

Invariant: a node exists only while somebody waits in it or below it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..protocol.subjects import tokens
from ..types import ConnectionId, Pattern, Subject

__all__ = ["Waiter", "WaiterId", "Waiters"]

WaiterId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Waiter:
    """A connection that waits until somebody is interested in a subject."""

    connection: ConnectionId
    subject: Subject


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    waiting: dict[WaiterId, None] = field(default_factory=dict)  # smaller than an empty set


class Waiters:
    """All waits of a broker."""

    def __init__(self) -> None:
        self._root = _Node()
        self._waiters: dict[WaiterId, Waiter] = {}
        self._of_connection: dict[ConnectionId, set[WaiterId]] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    def add(self, key: WaiterId, waiter: Waiter) -> None:
        """Remember a waiter."""
        node = self._root
        for token in tokens(waiter.subject):
            node = node.children.setdefault(token, _Node())
        node.waiting[key] = None
        self._waiters[key] = waiter
        self._of_connection.setdefault(waiter.connection, set()).add(key)

    def discard(self, key: WaiterId) -> None:
        """Forget a waiter; an unknown one is ignored."""
        waiter = self._waiters.pop(key, None)
        if waiter is None:
            return
        of_connection = self._of_connection[waiter.connection]
        of_connection.remove(key)
        if not of_connection:
            del self._of_connection[waiter.connection]
        self._remove(key, tokens(waiter.subject))

    def discard_connection(self, connection: ConnectionId) -> None:
        """Forget all waiters of a connection."""
        for key in list(self._of_connection.get(connection, ())):
            self.discard(key)

    def take(self, pattern: Pattern) -> list[WaiterId]:
        """Forget and return the waiters whose subject the pattern matches, oldest first."""
        found = sorted(self._matching(tokens(pattern)))
        for key in found:
            self.discard(key)
        return found

    def _matching(self, parts: list[str]) -> Iterator[WaiterId]:
        pending = [(self._root, 0)]
        while pending:
            node, depth = pending.pop()
            if depth == len(parts):
                yield from node.waiting
            elif parts[depth] == ">":
                yield from _below(node)
            elif parts[depth] == "*":
                pending.extend((child, depth + 1) for child in node.children.values())
            elif (child := node.children.get(parts[depth])) is not None:
                pending.append((child, depth + 1))

    def _remove(self, key: WaiterId, parts: list[str]) -> None:
        path = [self._root]
        for token in parts:
            path.append(path[-1].children[token])
        del path[-1].waiting[key]
        for parent, token, node in zip(
            reversed(path[:-1]), reversed(parts), reversed(path[1:]), strict=True
        ):
            if node.children or node.waiting:
                break
            del parent.children[token]


def _below(node: _Node) -> Iterator[WaiterId]:
    """Yield the waiters of all descendants, not those of the node itself."""
    pending = list(node.children.values())
    while pending:
        child = pending.pop()
        yield from child.waiting
        pending.extend(child.children.values())
