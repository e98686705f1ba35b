"""Histories of documents, made patch by patch without a stream."""

from collections.abc import Sequence
from typing import Any

from cocalc_jupyter_ext.documents.history.pruning import StoredItem
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot, to_message
from cocalc_jupyter_ext.documents.syncdoc.values import Kind

__all__ = ["MadeHistory"]


class MadeHistory:
    """Patches of one document; the first one has the time 1000, the next ones follow.

    ``stored`` are the messages as a stream would hold them: stored at the time of the patch.
    """

    def __init__(self, kind: Kind[Any]) -> None:
        self.kind = kind
        self.graph: PatchGraph[Any] = PatchGraph(kind)
        self.stored: list[StoredItem] = []

    def commit(self, value: Any, *, parents: Sequence[int] | None = None, user_id: int = 0) -> int:
        """Commit a value on top of the heads, or of others; return the time."""
        heads = self.graph.heads if parents is None else list(parents)
        before = self.graph.value_of(heads) if heads else self.kind.empty()
        patch = Patch(
            time=max(999, self.graph.newest_time) + 1,
            changes=self.kind.difference(before, value),
            user_id=user_id,
            parents=tuple(heads),
            version=len(self.graph) + 1,
        )
        self.put(patch)
        return patch.time

    def snapshot(self, time: int) -> None:
        """Put a snapshot of a version into the stream."""
        seq = next(stored.seq for stored in self.stored if stored.item.time == time)
        text = self.kind.to_text(self.graph.value_at(time))
        self.put(Snapshot(time=time, text=text, user_id=0, seq=seq))

    def put(self, item: Patch | Snapshot) -> None:
        """Put something into the stream."""
        self.graph.add([item])
        seq = self.stored[-1].seq + 1 if self.stored else 1
        size = len(str(to_message(item)))
        self.stored.append(StoredItem(seq, item, stored_ms=item.time, bytes=size))
