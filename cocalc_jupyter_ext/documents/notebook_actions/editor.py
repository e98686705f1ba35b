"""How actions become commits of a notebook's document (syncdoc-jupyter §15 "Base actions")."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec

from ..syncdoc.json_values import checked_record
from ..syncdoc.records import FieldError, Records
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.syncdb import SyncDB
from .changes import Change, Set, apply_changes
from .errors import InvalidActionError, NotebookReadOnlyError, UndoUnavailableError
from .reading import cell_ids

__all__ = ["Editor", "new_cell_id"]

P = ParamSpec("P")

Action = Callable[Concatenate[Records, P], list[Change]]
"""Returns what an action changes in some records."""


def new_cell_id() -> str:
    """Return six random hexadecimal digits, as CoCalc clients number cells (§3.3)."""
    return uuid.uuid4().hex[:6]


def _now_ms() -> int:
    return round(time.time() * 1000)


class Editor:
    """Makes each action one commit, and one step of undo.

    With ``is_project`` the document is the one in which the project itself takes part: what is
    done here is then carried to JupyterLab's face, and runs that are asked for begin.
    ``make_id`` gives ids to new cells; one that is taken is asked for again.
    """

    def __init__(
        self,
        document: SyncDocument[Records] | SyncDB,
        *,
        is_project: bool = False,
        make_id: Callable[[], str] | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.document = document.document if isinstance(document, SyncDB) else document
        self._is_project = is_project
        self._make_id = make_id or new_cell_id
        self._now_ms = now_ms or _now_ms
        self._last_start = 0
        self._is_together = False

    @property
    def records(self) -> Records:
        """The live records; edit them through actions only."""
        return self.document.value

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all actions in the block one commit; do not await in it.

        After an error, what was done before it stays and is committed.
        """
        if self._is_together:
            yield
            return
        before = self._begin()
        self._is_together = True
        try:
            yield
        finally:
            self._is_together = False
            self._end(before)

    def undo(self) -> None:
        """Take one's own newest action away, whatever others have done since (§1.10).

        Raises UndoUnavailableError for the project, which commits what others type.
        """
        self._require_own_edits()
        self.document.undo()

    def redo(self) -> None:
        """Give back what the last undo took away; raises as ``undo``."""
        self._require_own_edits()
        self.document.redo()

    async def save(self) -> None:
        """Return when everything is stored; raises what storing raises."""
        await self.document.save()

    def edit(self, action: Action[P], *args: P.args, **options: P.kwargs) -> bool:
        """Make what an action changes one commit; return whether it changes anything.

        ``action`` gets the live records and returns changes. Raises NotebookReadOnlyError,
        InvalidActionError for what a document cannot hold, and what the action raises, with
        nothing changed.
        """
        with self.together():
            changes = [self._checked(each) for each in action(self.records, *args, **options)]
            if changes:
                apply_changes(self.document.editable(), changes)
        return bool(changes)

    def _checked(self, change: Change) -> Change:
        if not isinstance(change, Set):
            return change
        try:
            return Set(checked_record(self.records.schema, change.record))
        except FieldError as error:
            raise InvalidActionError(str(error)) from error

    def _new_id(self) -> str:
        taken = set(cell_ids(self.records))
        return next(new for _ in itertools.count() if (new := self._make_id()) not in taken)

    def _starts(self) -> Iterator[int]:
        """Give times at which runs are asked for: never the same twice, never backwards (§4.1)."""
        while True:
            self._last_start = max(self._now_ms(), self._last_start + 1)
            yield self._last_start

    def _begin(self) -> Records | None:
        if self.document.record.get().get("read_only"):
            raise NotebookReadOnlyError
        if not self._is_project:
            return None
        self.document.before_change.emit()
        return self.document.kind.edit(self.document.value)

    def _end(self, before: Records | None) -> None:
        patch = self.document.commit()
        if patch is not None and before is not None:
            self.document.changes.emit(before)

    def _require_own_edits(self) -> None:
        if self._is_project:
            raise UndoUnavailableError
