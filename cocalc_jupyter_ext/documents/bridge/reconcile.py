"""How the two faces of a document find together again after they were apart.

What both had when they parted is known by the commits that the document contained (design D5).
An edit that is on both sides already counts once: the process may have died after a commit and
before it could note so.
"""

from collections.abc import Sequence
from typing import TypeVar

from ..syncdoc.patch_graph import NO_TIME, HistoryMissing, PatchGraph
from ..syncdoc.sync_document import SyncDocument
from .face import Face

__all__ = ["reconcile"]

Value = TypeVar("Value")


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
    base = _common(document.graph, heads)
    if base is not None:
        merged = kind.merge(base, patches, face.pull_all(kind.edit(base)))
    elif len(document.graph) == 0 or file_is_newer:
        merged = shared
    else:
        merged = patches
    document.replace(kind.edit(merged))
    document.commit()
    face.push(shared, merged)


def _common(graph: PatchGraph[Value], heads: Sequence[int] | None) -> Value | None:
    """Return what both had in common; own commits that never got stored are not in it."""
    known = [time for time in heads or () if time in graph or time == NO_TIME]
    if not known:
        return None
    try:
        return graph.value_of(time for time in known if time != NO_TIME)
    except HistoryMissing:
        return None
