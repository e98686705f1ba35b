"""The question of the code that runs, from when it is asked until nobody can answer it any more.

It is an output that everybody sees, and part of the progress of its run (syncdoc-jupyter §3.5).
"""

from collections.abc import Callable
from typing import Any

from .errors import InputAnsweredError
from .events import QueuedCell
from .notebook import Notebook
from .open_question import OpenQuestion
from .outputs import Output
from .runs import PendingInput, Runs

__all__ = ["Asking"]


class Asking:
    """What one notebook's code asks; a kernel asks one thing at a time."""

    def __init__(self, notebook: Notebook, runs: Runs, new_id: Callable[[], str]) -> None:
        self._notebook = notebook
        self._runs = runs
        self._new_id = new_id
        self._open: OpenQuestion | None = None

    def is_open(
        self, input_id: str | None = None, *, run_id: str | None = None, cell_id: str | None = None
    ) -> bool:
        """Return whether a question waits for an answer: this one, or of this run or cell."""
        return self._open is not None and self._open.is_meant(input_id, run_id, cell_id)

    def ask(self, cell: QueuedCell, request: dict[str, Any]) -> None:
        """Show the kernel's request; the question before it gets no answer any more."""
        content = request["content"]
        pending = PendingInput(
            self._new_id(), str(content.get("prompt", "")), bool(content.get("password", False))
        )
        with self._notebook.batch():
            self.give_up()
            self._open = OpenQuestion(cell, request, pending)
            self._runs.set_input(cell.run_id, pending)
            self._notebook.ask(cell, self._open.output())

    def hold(self) -> None:
        """Show what comes now below the question: somebody interrupted the kernel.

        It stays open, because the kernel may be deaf to interrupts.
        """
        if self._open is not None:
            self._notebook.hold_question(self._open.cell)

    def answer(self, value: str) -> dict[str, Any]:
        """Show the answer; return the kernel's request. Raises ``InputAnsweredError``."""
        if self._open is None:
            raise InputAnsweredError
        request = self._open.request
        self._settle(self._open.output(value))
        return request

    def give_up(self) -> bool:
        """Show that the question got no answer; return whether there was one."""
        was_open = self._open is not None
        if self._open is not None:
            self._settle(self._open.output(""))
        return was_open

    def _settle(self, settled: Output) -> None:
        question, self._open = self._open, None
        if question is not None:
            with self._notebook.batch():
                self._runs.set_input(question.cell.run_id, None)
                self._notebook.settle_question(question.cell, settled)
