"""What CoCalc clients read of a run in a cell's record, and how they ask for one (pure).

A client asks by the state ``start``; the project answers with ``run``, ``busy`` and ``done``
(syncdoc-jupyter §4.1 to §4.3). Outputs and counts come with the cell itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .runs import CellState

__all__ = ["Request", "orphaned", "progress_fields", "requested"]

Record = Mapping[str, Any]

_REQUESTED = "start"
_PENDING = frozenset({"run", "busy"})


@dataclass(frozen=True, slots=True)
class Request:
    """Cells to run in this order; ``stops_on_error`` ends with the first that fails."""

    cell_ids: tuple[str, ...]
    stops_on_error: bool


def requested(before: Iterable[Record], after: Iterable[Record]) -> list[Request]:
    """Return what was newly asked for, in the order of the requests.

    Cells that are asked for with another wish about errors are another request.
    """
    old = {record.get("id"): record.get("state") for record in before}
    wanted = [
        record
        for record in after
        if record.get("state") == _REQUESTED
        and old.get(record.get("id")) != _REQUESTED
        and (record.get("cell_type") or "code") == "code"
    ]
    wanted.sort(key=_order)
    requests: list[Request] = []
    for record in wanted:
        stops, cell_id = not record.get("no_halt"), str(record.get("id"))
        if requests and requests[-1].stops_on_error is stops:
            requests[-1] = Request((*requests[-1].cell_ids, cell_id), stops)
        else:
            requests.append(Request((cell_id,), stops))
    return requests


def progress_fields(state: CellState, now_ms: int, *, kernel: str | None) -> dict[str, Any]:
    """Return what the project writes at one step of a cell's life."""
    if state == "queued":
        return {"state": "run", "start": None, "end": None, "kernel": kernel}
    if state == "running":
        return {"state": "busy", "start": now_ms}
    return {"state": "done", "end": now_ms}


def orphaned(cells: Iterable[Record]) -> Sequence[str]:
    """Return the cells that seem to run, of a project that has just started."""
    return [str(record.get("id")) for record in cells if record.get("state") in _PENDING]


def _order(record: Record) -> tuple[float, float]:
    return _number(record.get("start")), _number(record.get("pos"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
