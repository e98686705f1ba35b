"""What CoCalc clients read of a run in a cell's record, and how they ask for one (pure).

A client asks by the state ``start``; the project answers with ``run``, ``busy`` and ``done``
(syncdoc-jupyter §4.1 to §4.3). Outputs and counts come with the cell itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .runs import CellState

__all__ = [
    "Request",
    "answers",
    "cancelled",
    "cleared_fields",
    "orphaned",
    "progress_fields",
    "requested",
    "still_wanted",
    "unrunnable",
]

Record = Mapping[str, Any]

_REQUESTED = "start"
_PENDING = frozenset({"run", "busy"})
_ENDED = "done"


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
        and _is_code(record)
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


def unrunnable(cells: Iterable[Record]) -> list[str]:
    """Return the cells that somebody wants to run and that are no code."""
    return [
        str(record.get("id"))
        for record in cells
        if record.get("state") == _REQUESTED and not _is_code(record)
    ]


def still_wanted(request: Request, cells: Iterable[Record]) -> Request:
    """Return the request without the cells that nobody asks for any more."""
    wanted = {record.get("id") for record in cells if record.get("state") == _REQUESTED}
    return Request(tuple(i for i in request.cell_ids if i in wanted), request.stops_on_error)


def cancelled(before: Iterable[Record], after: Iterable[Record]) -> list[str]:
    """Return the cells that waited or ran until somebody said that they are done (§4.5)."""
    now = {record.get("id"): record.get("state") for record in after}
    return [
        str(record.get("id"))
        for record in before
        if record.get("state") in {_REQUESTED, *_PENDING} and now.get(record.get("id")) == _ENDED
    ]


def answers(before: Iterable[Record], after: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the cells whose question was answered, with what was answered (§3.5).

    A question is the last output of its cell.
    """
    old = {record.get("id"): _last_output(record) for record in before}
    found = []
    for record in after:
        last = _last_output(record)
        if last.get("name") == "input" and "value" in last and last != old.get(record.get("id")):
            found.append((str(record.get("id")), str(last["value"])))
    return found


def cleared_fields() -> dict[str, Any]:
    """Return what makes a cell look as if it had never run: running nothing clears it (§3.3)."""
    return dict.fromkeys(("state", "start", "end", "output", "exec_count", "collapsed"))


def progress_fields(
    state: CellState, now_ms: int, *, kernel: str | None, before: Record = MappingProxyType({})
) -> dict[str, Any]:
    """Return what the project writes at one step of a cell's life; ``before`` is its record."""
    if state == "queued":
        fields: dict[str, Any] = {"state": "run", "start": None, "end": None, "kernel": kernel}
        start, end = before.get("start"), before.get("end")
        if isinstance(start, int | float) and isinstance(end, int | float):
            fields["last"] = round(end - start)
        return fields
    if state == "running":
        return {"state": "busy", "start": now_ms}
    times = {"end": now_ms} if "start" in before else {"start": now_ms, "end": now_ms}
    return {"state": _ENDED, **times}


def orphaned(cells: Iterable[Record]) -> Sequence[str]:
    """Return the cells that seem to run: those with any state but done and start (§4.5)."""
    at_rest = {None, _REQUESTED, _ENDED}
    return [str(record.get("id")) for record in cells if record.get("state") not in at_rest]


def _is_code(record: Record) -> bool:
    return (record.get("cell_type") or "code") == "code"


def _last_output(record: Record) -> Mapping[str, Any]:
    output = record.get("output")
    if not isinstance(output, Mapping):
        return {}
    numbers = [int(key) for key in output if key.isascii() and key.isdecimal()]
    last = output[str(max(numbers))] if numbers else None
    return last if isinstance(last, Mapping) else {}


def _order(record: Record) -> tuple[float, float]:
    return _number(record.get("start")), _number(record.get("pos"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
