"""Publishes snapshots of a document when they are due (syncdoc-jupyter §1.11)."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ...conat.sync.dstream import DStream
from .patch_graph import PatchGraph
from .patches import Snapshot, to_message
from .snapshots import DEFAULT_INTERVAL, snapshot_due
from .stores import RecordStore
from .values import Kind

__all__ = ["PAUSE_MS", "SnapshotMaker"]

Value = TypeVar("Value")

PAUSE_MS: Final = 60_000
"""A look at all patches takes a while, so there is at most one in this time."""


class SnapshotMaker(Generic[Value]):
    """Spares the readers of one document its history."""

    def __init__(
        self,
        kind: Kind[Value],
        graph: PatchGraph[Value],
        record: RecordStore,
        patches: DStream,
        now_ms: Callable[[], int],
    ) -> None:
        self._kind = kind
        self._graph = graph
        self._record = record
        self._patches = patches
        self._now_ms = now_ms
        self._next_look_ms = 0
        self._unfit: set[int] = set()

    def make_if_due(self) -> None:
        """Look whether a snapshot is due, unless that was done recently."""
        now_ms = self._now_ms()
        if now_ms < self._next_look_ms:
            return
        self._next_look_ms = now_ms + PAUSE_MS
        record = self._record.get()
        newest = record.get("last_snapshot")
        interval = record.get("snapshot_interval")
        due, unfit = snapshot_due(
            [self._graph.patch(time) for time in self._graph.times],
            newest_snapshot=newest if isinstance(newest, int) else None,
            interval=interval if isinstance(interval, int) and interval > 0 else DEFAULT_INTERVAL,
            unfit=self._unfit,
        )
        self._unfit |= unfit
        seq = None if due is None else self._seq_of(due)
        if due is not None and seq is not None:
            self._publish(due, seq, self._seq_of(newest))

    def _publish(self, time_ms: int, seq: int, previous_seq: int | None) -> None:
        snapshot = Snapshot(
            time=time_ms,
            text=self._kind.to_text(self._graph.value_at(time_ms)),
            user_id=self._graph.patch(time_ms).user_id,
            seq=seq,
            previous_seq=previous_seq,
        )
        self._patches.publish(to_message(snapshot))
        self._record.update({"last_snapshot": time_ms, "last_seq": seq})

    def _seq_of(self, time_ms: object) -> int | None:
        """Return where in the stream the patch with this time is; None while nobody knows."""
        for message, seq in zip(self._patches.get_all(), self._patches.seqs(), strict=False):
            if message.get("time") == time_ms and not message.get("is_snapshot"):
                return seq
        return None
