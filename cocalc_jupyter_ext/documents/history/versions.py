"""Which versions a document has: every patch that can be shown (pure; syncdoc-jupyter §1.19)."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..syncdoc.patch_graph import PatchGraph
from ..syncdoc.patches import Patch

__all__ = ["VersionEntry", "VersionPage", "page_of_versions", "version_entry"]


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version. ``time`` identifies it; the other fields are for people.

    ``author`` is the id of an account or of the project, None where nobody knows any more;
    ``size`` is the length of what was changed, in characters.
    """

    time: int
    wall_ms: int
    author: str | None
    number: int | None
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return the form for callers; ``wall`` is Unix time in milliseconds."""
        return {
            "version": self.time,
            "wall": self.wall_ms,
            "author": self.author,
            "number": self.number,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Some versions, newest first, and whether older ones follow."""

    versions: tuple[VersionEntry, ...]
    has_more: bool


def version_entry(patch: Patch, users: Sequence[str]) -> VersionEntry:
    """Return the version that a patch made; ``users`` are those of the document."""
    is_known = 0 <= patch.user_id < len(users)
    author = users[patch.user_id] if is_known else None
    return VersionEntry(patch.time, patch.shown_ms, author, patch.version, patch.size)


def page_of_versions(
    graph: PatchGraph[Any], users: Sequence[str], *, before: int | None = None, limit: int
) -> VersionPage:
    """Return the newest versions, or the newest of those made before a time."""
    times = graph.times
    end = len(times) if before is None else bisect_left(times, before)
    start = max(0, end - limit)
    entries = [version_entry(graph.patch(time), users) for time in times[start:end]]
    return VersionPage(tuple(reversed(entries)), has_more=start > 0)
