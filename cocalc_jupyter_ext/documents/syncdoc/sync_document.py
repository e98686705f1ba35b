"""One participant's view of a synced document (syncdoc-jupyter §1.8 to §1.10).

The live value is edited at once and locally; ``commit`` turns what has changed into a patch;
patches of others change the live value as soon as they come, on top of what was committed.
All methods but those that wait are called on the event loop and take effect at once.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from ...conat.errors import ConatError
from ...conat.signals import Signal
from ...conat.sync.dstream import DStream
from ...conat.types import Choose
from .commits import next_time
from .coordination import DocumentType
from .mender import Mender, NoMender
from .own_commits import OwnCommits
from .participants import Participants
from .patch_graph import PatchGraph
from .patches import Patch, PatchError, Snapshot, read_message, to_message
from .snapshot_maker import SnapshotMaker
from .stores import RecordStore
from .undo import UndoState
from .values import Kind
from .versions import Version, author_of, versions_of

__all__ = ["Release", "SyncDocument"]

_log = logging.getLogger(__name__)

Value = TypeVar("Value")

Release = Callable[[Callable[[], None]], None]
"""Calls a function, perhaps later."""


def _at_once(do: Callable[[], None]) -> None:
    do()


def _now_ms() -> int:
    return round(time.time() * 1000)


class SyncDocument(Generic[Value]):
    """A document that is loaded and followed; ``participant`` is who commits here.

    With ``mends``, what the replay of simultaneous patches has lost is given back by a commit;
    of all who follow a document one does that. ``release`` calls what publishes a commit once
    that may be done, in order.

    Signals: ``before_change`` (put what is not in the live value yet into it now), ``changes``
    (the live value was changed by others; with the value before), ``commits``, ``closed``.
    """

    def __init__(
        self,
        kind: Kind[Value],
        record: RecordStore,
        patches: DStream,
        *,
        participant: str,
        doctype: DocumentType,
        mends: bool = False,
        release: Release | None = None,
        now_ms: Callable[[], int] = _now_ms,
        choose: Choose = random.randrange,
    ) -> None:
        self.kind = kind
        self.record = record
        self.graph: PatchGraph[Value] = PatchGraph(kind)
        self._mender = Mender(kind, self.graph) if mends else NoMender[Value]()
        self.is_closed = False
        self.before_change: Signal[[]] = Signal("before a change of a document")
        self.changes: Signal[[Value]] = Signal("changes of a document")
        self.commits: Signal[[Patch]] = Signal("commits to a document")
        self.closed: Signal[[]] = Signal("closing of a document")
        self._patches = patches
        self._participants = Participants(record, participant, keeps_places=mends)
        self._doctype = doctype
        self._release = release or _at_once
        self._now_ms = now_ms
        self._choose = choose
        self._own = OwnCommits()
        self._undo: UndoState[Value] | None = None
        self._incoming: list[tuple[Any, int]] = []
        self._snapshots = SnapshotMaker(kind, self.graph, record, patches, now_ms)
        self._history: asyncio.Task[None] | None = None
        self._take_messages(zip(patches.get_all(), patches.seqs(), strict=False))
        self._mender.begin(self.graph.heads)
        self._live = kind.edit(self.graph.value())
        self._synced = self.graph.value()
        self._disconnects = [
            patches.changes.connect(self._on_message),
            record.changes.connect(self._participants.stay),
        ]
        self._participants.stay()

    # The live value

    @property
    def value(self) -> Value:
        """The live value. Whoever edits it in place does so through ``editable``."""
        return self._live

    def editable(self) -> Value:
        """Return the live value to be edited in place; this ends stepping through undo."""
        self._undo = None
        return self._live

    def replace(self, value: Value) -> None:
        """Set the live value."""
        self._undo = None
        self._live = value

    @property
    def text(self) -> str:
        """The text of the live value: what is hashed and stored in files."""
        return self.kind.to_text(self._live)

    # Commits

    def commit(self, author: str | None = None) -> Patch | None:
        """Turn what has changed in the live value into a patch; None if nothing has.

        It is published in the background; ``save`` waits for that. ``author`` is for a
        participant that commits what others did; by default it is the participant.
        """
        changes = self.kind.difference(self._synced, self._live)
        if self.is_closed or not changes:
            return None
        patch = self._make(changes, self.graph.heads, author or self._participants.own_name)
        self._synced = self.kind.edit(self._live)
        self._send(patch)
        return patch

    def _make(self, changes: list[Any], parents: Iterable[int], author: str) -> Patch:
        """Put a new patch into the graph.

        Its time is one that only this participant may choose, whoever the author is.
        """
        user_id = self._participants.join(author)
        patch = Patch(
            time=next_time(
                self._now_ms(),
                own_last=self._own.last_time,
                newest=self.graph.newest_time,
                # Its author may be choosing a time elsewhere at this very instant.
                user_id=self.user_id,
                users=len(self.users),
                choose=self._choose,
            ),
            changes=changes,
            user_id=user_id,
            parents=tuple(parents),
            version=self.graph.next_version,
            wall_ms=self._now_ms(),
        )
        self._add([patch])
        self._own.made(patch)
        return patch

    def _send(self, patch: Patch) -> None:
        """Tell of a new patch that is in the live value, and publish it."""
        self._mender.is_right()
        self.commits.emit(patch)
        # Last, so that what listeners note about it comes before it in all that is released.
        self._release(partial(self._publish, patch))
        self._snapshots.make_if_due()

    def _add(self, items: Iterable[Patch | Snapshot]) -> None:
        self._mender.came(self.graph.add(items))

    def _publish(self, patch: Patch) -> None:
        if self.is_closed:
            return
        message = to_message(patch, has_format=self._doctype.schema is not None)
        self._own.sent(patch.time, message["patch"])
        self._patches.publish(message)

    async def save(self) -> None:
        """Return when all edits are committed and stored; raises what storing raises."""
        while not self.is_closed:
            self._take_incoming()
            self.commit()
            released = asyncio.Event()
            self._release(released.set)
            await released.wait()
            await self._patches.save()
            await self.record.save()
            if not self._incoming and not self.kind.difference(self._synced, self._live):
                return

    @property
    def contained(self) -> tuple[int, ...]:
        """Times of commits that the live value contains with all that they build on.

        They hold whichever of its own commits the stream will have got.
        """
        return self._own.contained(self.graph.heads)

    @property
    def has_uncommitted_changes(self) -> bool:
        """Return whether a commit is not stored yet, or edits are not committed."""
        return self._patches.has_unsaved_changes() or bool(
            self.kind.difference(self._synced, self._live)
        )

    # Undo

    def undo(self) -> None:
        """Take one's own newest change away, whatever others have done since; commit that."""
        if self._undo is None:
            uncommitted = self._live if self.kind.difference(self._synced, self._live) else None
            own = sorted(time for time in self._own.times if time in self.graph)
            self._undo = UndoState(own, uncommitted)
        self._undo.undo()
        self._show_undone(self._undo)

    def redo(self) -> None:
        """Give back what the last undo took away; commit that."""
        if self._undo is not None:
            self._undo.redo()
            self._show_undone(self._undo)

    @property
    def is_undoing(self) -> bool:
        """Whether the next redo may give something back."""
        return self._undo is not None

    def revert(self, time_ms: int) -> None:
        """Set the live value to that of a version, without committing it; raises UnknownVersion."""
        self.replace(self.kind.edit(self.graph.value_at(time_ms)))

    def _show_undone(self, undo: UndoState[Value]) -> None:
        value = undo.redone
        if value is None:
            value = self.graph.value_without(undo.without)
        self._live = self.kind.edit(value)
        patch = self.commit()
        if patch is not None:
            undo.committed(patch.time)

    # Versions

    @property
    def users(self) -> list[str]:
        """Who takes part or has taken part; a user id is an index."""
        return self._participants.names

    @property
    def user_id(self) -> int:
        """The number under which this participant commits."""
        return self._participants.own_id

    def versions(self) -> list[Version]:
        """Return all versions that are loaded, oldest first."""
        return versions_of(self.graph, self.users)

    def value_at(self, time_ms: int) -> Value:
        """Return the value of a version; raises UnknownVersion, HistoryMissing."""
        return self.graph.value_at(time_ms)

    @property
    def has_usable_start(self) -> bool:
        """Whether what was loaded begins with a snapshot, or at the beginning (§1.11)."""
        return self._patches.start_seq is None or self.graph.has_usable_start

    async def load_history(self) -> None:
        """Load all patches; raises what loading raises."""
        await self._patches.load(0)
        self._take_incoming()

    async def catch_up(self) -> None:
        """Take in all that is stored now; raises what asking for it raises."""
        await self._patches.catch_up()
        self._take_incoming()

    # Life

    async def close(self) -> None:
        """End following the document; what is committed is still stored (§1.18)."""
        if self.is_closed:
            return
        self.commit()
        self.is_closed = True
        for disconnect in self._disconnects:
            disconnect()
        if self._history is not None:
            self._history.cancel()
            await asyncio.gather(self._history, return_exceptions=True)
        await self._patches.close()
        await self.record.close()
        self.closed.emit()
        for signal in (self.before_change, self.changes, self.commits, self.closed):
            signal.clear()

    # What comes from others

    def _on_message(self, message: Any, seq: int) -> None:
        """Keep a message for a moment: those that come together are applied together."""
        if not self._incoming:
            asyncio.get_running_loop().call_soon(self._take_incoming)
        self._incoming.append((message, seq))

    def _take_incoming(self) -> None:
        if self.is_closed or not self._incoming:
            return
        self.before_change.emit()
        self.commit()
        messages, self._incoming = self._incoming, []
        lost = self._take_messages(messages)
        self._show_merged(self._made_again(lost))
        if self.graph.missing_times and self._history is None:
            self._history = asyncio.create_task(self._load_missing(), name="history of a document")

    def _take_messages(self, messages: Iterable[tuple[Any, int]]) -> list[Patch]:
        """Put messages into the graph; return the own patches whose times others had first."""
        items = list(_read(messages))
        lost: dict[int, Patch] = {}
        winners = []
        for item in items:
            if isinstance(item, Patch) and (own := self._own.confirm(item)) is not None:
                lost[own.time] = own
                winners.append(item)
        for winner in winners:
            self.graph.replace(winner)
        if lost:
            self._mender.changed(lost)
        self._add(items)
        return list(lost.values())

    def _made_again(self, lost: Sequence[Patch]) -> list[Patch]:
        """Make again, at other times, what was committed at times that others had.

        That happens to two who do not know of each other yet. In the stream the first one
        counts, so the changes of the other would be lost.
        """
        times: dict[int, int] = {}
        again = []
        for patch in lost:
            self._own.forget(patch.time)
            parents = [times.get(time, time) for time in patch.parents]
            author = author_of(patch, self.users) or self._participants.own_name
            again.append(self._make(patch.changes, parents, author))
            times[patch.time] = again[-1].time
        return again

    def rejoin(self, heads: Sequence[int], value: Value) -> None:
        """Take in what was edited elsewhere, by way of one's own, in the value of these heads.

        Call it where nothing is edited in the live value. Raises HistoryMissing.
        """
        changes = self.kind.difference(self.graph.value_of(heads), value)
        self._mender.begin(heads)
        more = [self._elsewhere(changes, heads)] if changes else []
        self._show_merged(more=more)

    def _elsewhere(self, changes: list[Any], heads: Sequence[int]) -> Patch:
        """Return edits as if they were a patch; it is never in the graph."""
        return Patch(
            time=self.graph.newest_time + 1, changes=changes, user_id=0, parents=tuple(heads)
        )

    def _show_merged(self, sent: Sequence[Patch] = (), more: Sequence[Patch] = ()) -> None:
        """Show the value now, and give back what its replay has lost.

        ``sent`` are own patches to be told of, ``more`` such as are not in the graph yet.
        """
        merged = self.graph.value()
        wanted = merged
        for patch in more:
            wanted = self.kind.apply(self.kind.edit(wanted), patch.changes)
        wanted = self._mender.mended(wanted, more)
        before, self._synced = self._live, merged
        if self.kind.difference(before, wanted):
            self._live = self.kind.edit(wanted)
            self.changes.emit(before)
        for patch in sent:
            self._send(patch)
        if wanted is not merged:
            self.commit()
        self._mender.is_right()

    async def _load_missing(self) -> None:
        try:
            await self.load_history()
        except ConatError as error:
            _log.error("older patches of a document cannot be loaded: %s", error)
        finally:
            self._history = None


def _read(messages: Iterable[tuple[Any, int]]) -> Iterator[Patch | Snapshot]:
    for message, seq in messages:
        try:
            yield read_message(message)
        except PatchError as error:
            _log.warning("message %s of a document is passed over: %s", seq, error)
