"""Keeps the two faces of one document equal (design D4; rules: SPEC B).

Edits of the shared types become commits after a short quiet, by whoever made them. Commits of
others become edits of the shared types at once. Both happen in one turn of the event loop each,
and what was typed here is always committed before anything else is taken in: so nothing is ever
overwritten, and what is carried over is the difference, which makes an echo carry nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ...conat.signals import Signal
from ..syncdoc.sync_document import SyncDocument
from .face import Face

__all__ = ["Bridge", "BridgeTimes"]

_log = logging.getLogger(__name__)

Value = TypeVar("Value")

Edit = Callable[[], AbstractContextManager[None]]
"""Opens a transaction of the shared types."""

SERVER: Final = ""
"""The author of what the server itself edits."""


@dataclass(frozen=True, slots=True)
class BridgeTimes:
    """How long edits are collected before they are committed, and how soon repairs follow."""

    quiet_s: float = 0.15
    longest_s: float = 0.5
    repair_s: float = 5.0


class Bridge(Generic[Value]):
    """Carries edits between the shared types of one document and its patches.

    ``document`` is the patches' side; it is closed by whoever opened it. ``repair`` edits a value
    until it is as it should be, and is called a while after changes. ``merged`` tells that a
    commit of others was taken in.
    """

    def __init__(
        self,
        face: Face[Value],
        document: SyncDocument[Value],
        edit: Edit,
        times: BridgeTimes | None = None,
        *,
        repair: Callable[[Value], None] | None = None,
    ) -> None:
        self.merged: Signal[[]] = Signal("merging of a commit")
        self._face = face
        self._document = document
        self._edit = edit
        self._times = times or BridgeTimes()
        self._author = SERVER
        self._is_taking = False
        self._pending_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._repair = repair
        self._repairing: asyncio.TimerHandle | None = None
        face.on_edit = self._edited
        self._disconnects = [
            document.before_change.connect(self.flush),
            document.changes.connect(self._take),
            document.changes.connect(self._repair_later),
            document.commits.connect(self._repair_later),
        ]
        self._repair_later()

    def written_by(self, author: str) -> None:
        """Note who makes the edits that come next; those of another are committed first."""
        if author != self._author:
            self.flush()
            self._author = author

    def flush(self) -> None:
        """Commit what was edited in the shared types, now."""
        if self._is_taking:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pending_since = None
        document, author = self._document, self._author
        if not self._face.is_tidy:
            with self._taking():
                self._face.tidy()
        document.replace(self._face.pull(document.value))
        document.commit(author or None)

    def close(self) -> None:
        """Commit what is left and stop; calling it again does nothing."""
        if not self._disconnects:
            return
        self.flush()
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        if self._repairing is not None:
            self._repairing.cancel()
        self._face.close()
        self.merged.clear()

    def _edited(self) -> None:
        """Commit soon: after a quiet, and not later than some time after the first edit."""
        if self._is_taking:
            return
        now_s = asyncio.get_running_loop().time()
        if self._pending_since is None:
            self._pending_since = now_s
        due_s = min(now_s + self._times.quiet_s, self._pending_since + self._times.longest_s)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due_s, self.flush)

    def _take(self, before: Value) -> None:
        with self._taking():
            self._face.push(before, self._document.value)
        self.merged.emit()

    @contextmanager
    def _taking(self) -> Iterator[None]:
        """Edit the shared types; what is edited by this is not committed again."""
        self._is_taking = True
        try:
            with self._edit():
                yield
        finally:
            self._is_taking = False

    def _repair_later(self, _what: object = None) -> None:
        if self._repair is not None and self._repairing is None:
            loop = asyncio.get_running_loop()
            self._repairing = loop.call_later(self._times.repair_s, self._repair_now, self._repair)

    def _repair_now(self, repair: Callable[[Value], None]) -> None:
        self.flush()
        document = self._document
        before = document.kind.edit(document.value)
        repair(document.editable())
        if document.commit() is not None:
            self._take(before)
        self._repairing = None
