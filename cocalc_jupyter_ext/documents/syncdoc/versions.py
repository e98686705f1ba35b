"""The versions of a document, as people see them (syncdoc-jupyter §1.9, §1.10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .patch_graph import PatchGraph
from .patches import Patch

__all__ = ["Version", "author_of", "versions_of"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document: when, for people, by whom, and its number for people."""

    time: int
    wall_ms: int
    author: str | None
    number: int | None


def versions_of(graph: PatchGraph[Value], users: Sequence[str]) -> list[Version]:
    """Return all versions that are loaded, oldest first."""
    patches = map(graph.patch, graph.times)
    return [Version(p.time, p.shown_ms, author_of(p, users), p.version) for p in patches]


def author_of(patch: Patch, users: Sequence[str]) -> str | None:
    """Return who made a patch; None when nobody takes part under its number."""
    return users[patch.user_id] if 0 <= patch.user_id < len(users) else None
