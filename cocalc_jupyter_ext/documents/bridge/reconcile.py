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
    known = _known(document.graph, heads)
    if known is not None:
        merged = _merged(face, document, known)
    elif len(document.graph) == 0 or file_is_newer:
        merged = shared
    else:
        merged = patches
    document.replace(kind.edit(merged))
    document.commit()
    face.push(shared, merged)


def _merged(face: Face[Value], document: SyncDocument[Value], known: Sequence[int]) -> Value:
    kind, graph = document.kind, document.graph
    base = graph.value_of(known)
    united = graph.united(known, base)
    patches = document.value if united is None else kind.mend(document.value, united)
    return kind.merge(base, patches, face.pull_all(kind.edit(base)))


def _known(graph: PatchGraph[Value], heads: Sequence[int] | None) -> list[int] | None:
    """Return the commits that both have in common; own ones that never got stored are not."""
    known = [time for time in heads or () if time in graph or time == NO_TIME]
    times = [time for time in known if time != NO_TIME]
    try:
        graph.value_of(times)
    except HistoryMissing:
        return None
    return times if known else None
