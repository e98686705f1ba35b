"""The notebook's side of execution: folds the kernel's messages and edits the document.

Synchronous. Every change is made inside ``batch()``, one transaction for all cells concerned.
A cell that was deleted meanwhile is skipped; one that was moved is found by its id.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pycrdt import Map

from ..documents.blobs.notebook import keeper_of
from ..documents.text_edits import replace_text
from . import render
from .backlog import IopubMessage
from .errors import CellsNotFoundError
from .events import BY_RECORDS, Abort, Loss, QueuedCell, Reply
from .message_parts import display_id_of
from .outputs import CellOutputs, Output, OutputLimits
from .overflow import Overflow
from .run_notes import note_end, note_start
from .widgets.captures import CAPTURED_KINDS, Captures
from .widgets.comm_messages import COMM_KINDS

__all__ = ["Notebook", "NotebookDocument", "Releasable", "end_orphans"]

_MAX_REMEMBERED_CELLS = 1_000
_MAX_REMEMBERED_CHARS = 20_000_000
_MAX_DISPLAYS = 20_000
"""Displays that can be updated: more than a cell and what it left out hold."""
_OVERFLOW_FACTOR = 10
_CHARS_PER_FLUSH = 50_000
_MAX_FLUSHES_TO_WAIT = 40


class Releasable(Protocol):
    """A hold on a document."""

    def release(self) -> None:
        """Release the document."""


class NotebookDocument(Protocol):
    """What is needed of a live document whose ``ydoc`` is a ``YNotebook``."""

    ydoc: Any

    @property
    def closed(self) -> bool:
        """Whether the document can no longer be edited."""

    def edit(self) -> AbstractContextManager[None]:
        """Open a transaction."""

    def hold(self, reason: str) -> Releasable:
        """Keep the document open."""


@dataclass(eq=False, slots=True)
class _Shown:
    """The latest run of a cell: what it shows, and for how many flushes it must wait."""

    cell: QueuedCell
    outputs: CellOutputs
    wait: int = 0


class Notebook:
    """Cells of one document as execution sees them.

    ``limits`` are asked for whenever a cell starts; ``overflow`` keeps what is beyond them.
    """

    def __init__(
        self,
        document: NotebookDocument,
        limits: Callable[[], OutputLimits] = OutputLimits,
        overflow: Overflow | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._document = document
        self._limits = limits
        self._clock = clock
        self._overflow = overflow or Overflow()
        self._keep_out = keeper_of(document.ydoc)
        self._positions: dict[str, int] = {}
        self._by_cell: OrderedDict[str, _Shown] = OrderedDict()
        self._by_request: dict[str, _Shown] = {}
        self._by_display: OrderedDict[str, list[_Shown]] = OrderedDict()
        self._changed: dict[_Shown, None] = {}
        self._captures = Captures()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make all changes inside one transaction; nothing is changed in a closed document."""
        if self._document.closed:
            yield
            return
        with self._document.edit():
            yield

    def sources(self, cell_ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return ids and texts of code cells; raises ``CellsNotFoundError``."""
        cells = [(cell_id, self._cell(cell_id)) for cell_id in cell_ids]
        missing = [cell_id for cell_id, cell in cells if cell is None]
        if missing:
            raise CellsNotFoundError(missing)
        return [(cell_id, str(cell["source"])) for cell_id, cell in cells if cell is not None]

    def has(self, cell_id: str) -> bool:
        """Return whether there is such a code cell."""
        return self._cell(cell_id) is not None

    def show_queued(self, cell: QueuedCell) -> None:
        """Show that the cell waits."""
        shared = self._cell(cell.cell_id)
        if shared is not None:
            render.show_queued(shared)

    def start(self, cell: QueuedCell) -> bool:
        """Clear the outputs and show that the cell runs; False if it is gone."""
        shared = self._cell(cell.cell_id)
        if shared is None:
            return False
        render.show_started(shared)
        note_start(self._document.ydoc, cell.cell_id, cell.requested_by, self._now_ms())
        limits = self._limits()
        overflow = self._overflow.begin(cell.cell_id, _OVERFLOW_FACTOR * limits.max_chars)
        self._remember(_Shown(cell, CellOutputs(limits, self._keep_out, overflow)))
        return True

    def expect(self, request_id: str, cell: QueuedCell) -> None:
        """Put the outputs of this request into the cell."""
        shown = self._shown(cell)
        if shown is not None:
            self._by_request[request_id] = shown

    def fold(self, messages: Iterable[IopubMessage]) -> list[int]:
        """Fold in what the kernel published; return the serials of cells reported idle."""
        idle: list[int] = []
        for message in messages:
            if message.kind == "update_display_data":
                self._update_display(message.content)
                continue
            shown = self._by_request.get(message.parent_id)
            if shown is None:
                continue
            if message.kind == "status":
                if message.content.get("execution_state") == "idle":
                    idle.append(shown.cell.serial)
                    self._captures.end(message.parent_id)
            elif not self._is_for_widget(message):
                self._apply(shown, message.kind, message.content)
        return idle

    def ask(self, cell: QueuedCell, output: Output) -> None:
        """Show a question of the running code."""
        shown = self._shown(cell)
        if shown is not None:
            shown.outputs.ask(output)
            self._changed[shown] = None

    def hold_question(self, cell: QueuedCell) -> None:
        """Show what comes now below the question, whether it is answered or not."""
        shown = self._shown(cell)
        if shown is not None:
            shown.outputs.hold_question()

    def settle_question(self, cell: QueuedCell, answered: Output) -> None:
        """Show the answer in place of the question."""
        shown = self._shown(cell)
        if shown is not None:
            shown.outputs.settle_question(answered)
            self._changed[shown] = None

    def flush(self) -> bool:
        """Write changed outputs; return whether some were put off until a later flush.

        A cell that wrote much waits in proportion. So a large picture that is replaced all the
        time, or a display before much text, does not flood log and participants.
        """
        changed, self._changed = self._changed, {}
        for shown in changed:
            if shown.wait > 0:
                shown.wait -= 1
                self._changed[shown] = None
            else:
                self._write(shown)
        return bool(self._changed)

    def finish(self, cell: QueuedCell, reply: Reply) -> None:
        """Show the end of a cell: last outputs, execution count."""
        shown = self._shown(cell)
        if shown is not None:
            for page in _pages(reply):
                self._apply(shown, "display_data", page)
            if reply.status == "error" and not shown.outputs.has_error:
                shown.outputs.show_error(reply.error_name, reply.error_value, list(reply.traceback))
            self._write_last(shown)
        self._end(cell, reply.execution_count)
        self._set_next_input(cell, reply)

    def abort(
        self, cell: QueuedCell, reason: Loss | Abort, *, started: bool, detail: str = ""
    ) -> None:
        """Show that a cell ended without the kernel's reply, and why; ``detail`` is for people."""
        shown = self._shown(cell) if started else None
        if shown is not None:
            error = _error_output(reason, "It ended this cell.", detail)
            shown.outputs.show_error(error["ename"], error["evalue"], error["traceback"])
            self._write_last(shown)
        elif isinstance(reason, Loss):
            shared = self._cell(cell.cell_id)
            if shared is not None:
                render.append_output(
                    shared, _error_output(reason, "This cell did not run.", detail)
                )
        self._end(cell, None)

    def forget_kernel(self) -> None:
        """Expect nothing more of any request: the kernel is gone."""
        self._by_request.clear()
        self._by_display.clear()
        self._by_cell.clear()
        self._changed.clear()
        self._captures = Captures()

    def _cell(self, cell_id: str) -> Map[Any] | None:
        """Return the shared code cell; most often it is where it was before."""
        if self._document.closed:
            return None
        cells = self._document.ydoc.ycells
        position = self._positions.get(cell_id)
        if position is None or position >= len(cells) or cells[position].get("id") != cell_id:
            self._positions = {cell.get("id"): n for n, cell in enumerate(cells)}
            position = self._positions.get(cell_id)
        if position is None or not render.is_code_cell(cells[position]):
            return None
        return cells[position]  # type: ignore[no-any-return]  # YNotebook is untyped

    def _shown(self, cell: QueuedCell) -> _Shown | None:
        shown = self._by_cell.get(cell.cell_id)
        return shown if shown is not None and shown.cell.serial == cell.serial else None

    def _remember(self, shown: _Shown) -> None:
        self._drop(self._by_cell.pop(shown.cell.cell_id, None))
        self._by_cell[shown.cell.cell_id] = shown
        chars = sum(each.outputs.chars for each in self._by_cell.values())
        while len(self._by_cell) > _MAX_REMEMBERED_CELLS or chars > _MAX_REMEMBERED_CHARS:
            _, oldest = self._by_cell.popitem(last=False)
            chars -= oldest.outputs.chars
            self._drop(oldest)

    def _drop(self, shown: _Shown | None) -> None:
        if shown is None:
            return
        self._changed.pop(shown, None)
        self._by_request = {k: v for k, v in self._by_request.items() if v is not shown}
        for display_id, showing in list(self._by_display.items()):
            self._by_display[display_id] = [other for other in showing if other is not shown]
            if not self._by_display[display_id]:
                del self._by_display[display_id]

    def _is_for_widget(self, message: IopubMessage) -> bool:
        """Follow which Output widgets capture outputs: those are not the cell's (§8.4)."""
        if message.kind in COMM_KINDS:
            content = message.content
            comm_id, data = str(content.get("comm_id")), content.get("data")
            self._captures.note(comm_id, data if isinstance(data, dict) else {}, message.parent_id)
            return True
        captured = message.kind in CAPTURED_KINDS
        return captured and self._captures.target(message.parent_id) is not None

    def _apply(self, shown: _Shown, kind: str, content: dict[str, Any]) -> None:
        display_id = display_id_of(content)
        if display_id is not None:
            self._update_display(content)
        shown.outputs.apply(kind, content)
        self._changed[shown] = None
        if display_id is not None:
            showing = self._by_display.setdefault(display_id, [])
            if shown not in showing:
                showing.append(shown)
            if len(self._by_display) > _MAX_DISPLAYS:
                self._by_display.popitem(last=False)

    def _update_display(self, content: dict[str, Any]) -> None:
        display_id = display_id_of(content)
        if display_id is None or display_id not in self._by_display:
            return
        self._by_display.move_to_end(display_id)
        for shown in self._by_display[display_id]:
            if shown.outputs.update_display(display_id, content):
                self._changed[shown] = None

    def _write(self, shown: _Shown) -> None:
        shared = self._cell(shown.cell.cell_id)
        if shared is not None:
            chars = render.write(shared, shown.outputs)
            shown.wait = min(chars // _CHARS_PER_FLUSH, _MAX_FLUSHES_TO_WAIT)

    def _write_last(self, shown: _Shown) -> None:
        shown.outputs.settle_question(None)
        self._changed.pop(shown, None)
        self._write(shown)

    def _set_next_input(self, cell: QueuedCell, reply: Reply) -> None:
        """Put the text that the kernel wants to have typed into this cell or into a new one.

        For CoCalc clients it always replaces the cell's own text (syncdoc-jupyter §3.5).
        """
        wanted = _next_input(reply)
        shared = self._cell(cell.cell_id)
        if wanted is None or shared is None:
            return
        text, replaces = wanted
        if replaces or cell.group == BY_RECORDS:
            replace_text(shared["source"], text)
        else:
            render.insert_code(self._document.ydoc, self._positions[cell.cell_id] + 1, text)

    def _end(self, cell: QueuedCell, execution_count: int | None) -> None:
        shared = self._cell(cell.cell_id)
        if shared is not None:
            render.show_finished(shared, execution_count)
            note_end(self._document.ydoc, cell.cell_id, self._now_ms())

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)


def end_orphans(document: NotebookDocument) -> int:
    """End cells that still show ``[*]`` because the server ended while they ran.

    Call it when a document was opened, before anything runs. Returns the number of cells.
    """
    orphans = [
        cell
        for cell in document.ydoc.ycells
        if cell.get("execution_state") == "running" and render.is_code_cell(cell)
    ]
    if orphans:
        with document.edit():
            for cell in orphans:
                render.settle_questions(cell)
                render.append_output(cell, _error_output(Loss.SERVER_ENDED, "Run the cell again."))
                render.show_finished(cell)
    return len(orphans)


def _pages(reply: Reply) -> list[dict[str, Any]]:
    """Return what ``object?`` shows: the kernel puts it into the reply."""
    return [
        {"data": item["data"], "metadata": {}}
        for item in reply.payload
        if item.get("source") == "page" and isinstance(item.get("data"), dict)
    ]


def _next_input(reply: Reply) -> tuple[str, bool] | None:
    """Return the text of ``set_next_input``, and whether it replaces the cell's own."""
    for item in reply.payload:
        if item.get("source") == "set_next_input" and isinstance(item.get("text"), str):
            return item["text"], item.get("replace") is True
    return None


def _error_output(reason: Loss | Abort, consequence: str, detail: str = "") -> Output:
    name = reason.error_name if isinstance(reason, Loss) else "CellNotRun"
    message = f"{reason.message} {consequence}" if isinstance(reason, Loss) else reason.message
    return {
        "output_type": "error",
        "ename": name,
        "evalue": message,
        "traceback": [f"\x1b[31m{name}\x1b[39m: {message}", *detail.splitlines()],
    }
