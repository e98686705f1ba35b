"""Progress of runs, for those who wait for it: bounded records with a change counter."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import RunNotFoundError

__all__ = ["CellProgress", "CellState", "PendingInput", "Run", "Runs"]

CellState = Literal["queued", "running", "ok", "error", "aborted"]
_ENDED = {"ok", "error", "aborted"}


@dataclass(slots=True)
class CellProgress:
    """State of one cell of a run; ``payload`` are instructions of the kernel to the front end."""

    cell_id: str
    state: CellState = "queued"
    reason: str | None = None
    payload: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        data: dict[str, Any] = {"cell_id": self.cell_id, "state": self.state}
        if self.reason is not None:
            data["reason"] = self.reason
        if self.payload:
            data["payload"] = list(self.payload)
        return data


@dataclass(frozen=True, slots=True)
class PendingInput:
    """A question of the running code that nobody has answered yet."""

    input_id: str
    prompt: str
    password: bool

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {"input_id": self.input_id, "prompt": self.prompt, "password": self.password}


@dataclass(slots=True)
class Run:
    """One request to run cells. ``change`` grows with every change of the record."""

    run_id: str
    cells: list[CellProgress]
    input: PendingInput | None = None
    change: int = 1
    finished_at: float | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def finished(self) -> bool:
        """True when every cell has ended."""
        # The last one is mostly the last to end: of thousands of cells one is looked at.
        return all(cell.state in _ENDED for cell in reversed(self.cells))

    async def wait_change(self, seen: int, timeout_s: float) -> None:
        """Return when ``change`` exceeds ``seen``, at the latest after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.change <= seen:
                    await self._changed.wait()
        except TimeoutError:
            return

    def touch(self) -> None:
        """Count a change and wake those who wait."""
        self.change += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        return {
            "run_id": self.run_id,
            "change": self.change,
            "finished": self.finished,
            "cells": [cell.to_json() for cell in self.cells],
            "input": self.input.to_json() if self.input else None,
        }


class Runs:
    """All runs of this server that are not forgotten yet.

    Running ones are bounded by the queues of the notebooks; of the finished ones the last
    ``max_finished`` are kept for ``max_age_s``.
    """

    def __init__(
        self,
        *,
        new_id: Callable[[], str],
        now: Callable[[], float],
        max_finished: int = 500,
        max_age_s: float = 3600,
    ) -> None:
        self._new_id = new_id
        self._now = now
        self._max_finished = max_finished
        self._max_age_s = max_age_s
        self._runs: dict[str, Run] = {}
        self._finished: dict[str, Run] = {}

    def create(self, cell_ids: list[str]) -> Run:
        """Return a new run whose cells are all queued."""
        self._forget_old()
        run = Run(self._new_id(), [CellProgress(cell_id) for cell_id in cell_ids])
        self._runs[run.run_id] = run
        return run

    def get(self, run_id: str) -> Run:
        """Return the run; raises ``RunNotFoundError``."""
        run = self._runs.get(run_id) or self._finished.get(run_id)
        if run is None:
            raise RunNotFoundError(run_id)
        return run

    def discard(self, run_id: str) -> None:
        """Forget a run that was never queued."""
        self._runs.pop(run_id, None)

    def set_cell(
        self,
        run_id: str,
        index: int,
        state: CellState,
        *,
        reason: str | None = None,
        payload: tuple[dict[str, Any], ...] = (),
    ) -> None:
        """Record the state of one cell; a run that was forgotten is ignored."""
        run = self._runs.get(run_id)
        if run is None:
            return
        run.cells[index] = CellProgress(run.cells[index].cell_id, state, reason, payload)
        run.touch()
        if run.finished:
            run.finished_at = self._now()
            self._finished[run_id] = self._runs.pop(run_id)
            self._forget_old()

    def set_input(self, run_id: str, pending: PendingInput | None) -> None:
        """Record the question of a run, or that it has none (any more)."""
        run = self._runs.get(run_id)
        if run is not None and run.input != pending:
            run.input = pending
            run.touch()

    def _forget_old(self) -> None:
        oldest_kept = self._now() - self._max_age_s
        for run_id, run in list(self._finished.items()):
            too_old = (run.finished_at or 0) < oldest_kept
            if too_old or len(self._finished) > self._max_finished:
                del self._finished[run_id]
