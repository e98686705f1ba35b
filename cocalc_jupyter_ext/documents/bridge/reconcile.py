"""How the two faces of a document find together again after they were apart.

What both had when they parted is known by the commits that the document contained (design D5).
An edit that is on both sides already counts once: the process may have died after a commit and
before it could note so.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from ..syncdoc.patch_graph import NO_TIME, HistoryMissing, PatchGraph
from ..syncdoc.sync_document import SyncDocument
from .face import Face

__all__ = ["reconcile"]

Value = TypeVar("Value")

MAX_LOOKED_AT: Final = 20
"""How many commits the shared types may contain beyond those that were noted."""


def reconcile(
    face: Face[Value],
    document: SyncDocument[Value],
    heads: Sequence[int] | None,
    *,
    file_is_newer: bool,
) -> None:
    """Make both faces equal and commit what follows; call it inside a transaction.

    ``heads`` are the commits that the shared types contain, see ``SyncDocument.contained``; None
    when that is not known. Then
    the newer side counts: ``file_is_newer`` says that the shared types hold a file that was
    written after the newest commit.
    """
    kind, patches = document.kind, document.value
    face.tidy()
    shared = face.pull_all(kind.edit(patches))
    known = _known(document.graph, heads)
    if known is not None:
        shared = _rejoin(face, document, known)
    elif len(document.graph) == 0 or file_is_newer:
        document.replace(kind.edit(shared))
        document.commit()
    face.push(shared, document.value)


def _rejoin(face: Face[Value], document: SyncDocument[Value], known: Sequence[int]) -> Value:
    """Take in what was edited in the shared types since these commits; return what they hold."""
    graph, kind = document.graph, document.kind
    base = graph.value_of(known)
    shared = face.pull_all(kind.edit(base))
    if kind.difference(base, shared):
        # The process may have died before it noted the last commits of what is there.
        known = _noted_late(face, document, known)
        shared = face.pull_all(kind.edit(graph.value_of(known)))
    document.rejoin(known, shared)
    return shared


def _noted_late(
    face: Face[Value], document: SyncDocument[Value], known: Sequence[int]
) -> Sequence[int]:
    """Return later commits where the document was exactly what the shared types hold, if any."""
    graph, kind = document.graph, document.kind
    contained = graph.reached(known)
    newer = [time for time in graph.times if time not in contained]
    for time in newer[:MAX_LOOKED_AT]:
        value = graph.value_of([*known, time])
        if not kind.difference(value, face.pull_all(kind.edit(value))):
            return [*known, time]
    return known


def _known(graph: PatchGraph[Value], heads: Sequence[int] | None) -> list[int] | None:
    """Return the commits that both have in common; own ones that never got stored are not."""
    known = [time for time in heads or () if time in graph or time == NO_TIME]
    times = [time for time in known if time != NO_TIME]
    try:
        graph.value_of(times)
    except HistoryMissing:
        return None
    return times if known else None
