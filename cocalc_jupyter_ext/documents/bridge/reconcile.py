"""How the two faces of a document find together again after they were apart.

What both had when they parted is known by the commits that the document contained (design D5).
An edit that is on both sides already counts once: the process may have died after a commit and
before it could note so.
"""

from collections.abc import Sequence
from typing import TypeVar

from ..syncdoc.patch_graph import HistoryMissing, PatchGraph, UnknownVersion
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

    ``heads`` are the commits that the shared types contain; None when that is not known. Then
    the newer side counts: ``file_is_newer`` says that the shared types hold a file that was
    written after the newest commit.
    """
    kind, patches = document.kind, document.value
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
    if heads is None:
        return None
    try:
        return graph.value_of(heads)
    except (UnknownVersion, HistoryMissing):
        return None
