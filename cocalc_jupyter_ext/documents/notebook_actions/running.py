"""Asking for runs: what a client writes so that the project runs cells (pure; §4.1)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..syncdoc.records import Record, Records
from .changes import Change, set_cell, set_settings
from .errors import KernelNotChosenError, NotCodeError
from .reading import (
    cell_ids,
    cell_type_of,
    distinct,
    index_of,
    is_blank,
    metadata_of,
    require_cell,
    settings_of,
)

__all__ = [
    "RunRequests",
    "cancel",
    "cells_above",
    "cells_from",
    "is_at_rest",
    "request_runs",
    "require_code",
]

_CLEARED: Final = ("state", "start", "end", "output", "exec_count", "collapsed")


@dataclass(frozen=True, slots=True)
class RunRequests:
    """The cells that were asked for, in their order, and what to write."""

    ids: tuple[str, ...]
    changes: list[Change]


def request_runs(
    records: Records, ids: Sequence[str], starts: Iterator[int], *, no_halt: bool = False
) -> RunRequests:
    """Ask for cells in this order; ``starts`` gives ascending times in milliseconds.

    Blank cells are cleared instead; cells that hold no code or already run are skipped.
    Raises UnknownCellError, and KernelNotChosenError where there is something to run.
    """
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    cells = [cell for cell in cells if cell_type_of(cell) == "code"]
    changes: list[Change] = [_cleared(cell) for cell in cells if is_blank(cell)]
    wanted = [cell for cell in cells if not is_blank(cell) and is_at_rest(cell)]
    if wanted and not settings_of(records).get("kernel"):
        raise KernelNotChosenError
    changes += [_request(cell, next(starts), no_halt=no_halt) for cell in wanted]
    if wanted:
        changes.append(set_settings(trust=True))
    return RunRequests(tuple(cell["id"] for cell in wanted), changes)


def cancel(records: Records, ids: Sequence[str] | None = None) -> list[Change]:
    """Say that cells are done, by default all; the project then ends their runs (§4.5).

    Raises UnknownCellError.
    """
    wanted = cell_ids(records) if ids is None else ids
    cells = [require_cell(records, cell_id) for cell_id in wanted]
    return [set_cell(cell["id"], state="done") for cell in cells if not is_at_rest(cell)]


def require_code(records: Records, cell_id: str) -> Record:
    """Return a code cell; raises UnknownCellError, NotCodeError."""
    cell = require_cell(records, cell_id)
    if cell_type_of(cell) != "code":
        raise NotCodeError(cell_id)
    return cell


def cells_above(records: Records, cell_id: str) -> list[str]:
    """Return the cells above one, without it; raises UnknownCellError."""
    ids = cell_ids(records)
    return ids[: index_of(ids, cell_id)]


def cells_from(records: Records, cell_id: str) -> list[str]:
    """Return a cell and those below; raises UnknownCellError."""
    ids = cell_ids(records)
    return ids[index_of(ids, cell_id) :]


def is_at_rest(cell: Record) -> bool:
    """Return whether a cell neither runs nor waits for that."""
    return (cell.get("state") or "done") == "done"


def _request(cell: Record, start_ms: int, *, no_halt: bool) -> Change:
    fields: dict[str, Any] = {
        "state": "start",
        "start": start_ms,
        "end": None,
        "output": None,
        "exec_count": None,
        "collapsed": None,
        "no_halt": no_halt or None,
    }
    duration = _last_duration(cell)
    if duration is not None:
        fields["last"] = duration
    hidden = metadata_of(cell).get("jupyter")
    if isinstance(hidden, Mapping) and "outputs_hidden" in hidden:
        rest = {name: value for name, value in hidden.items() if name != "outputs_hidden"}
        others = metadata_of(cell).keys() - {"jupyter"}
        fields["metadata"] = {"jupyter": rest or None} if rest or others else None
    return set_cell(cell["id"], **fields)


def _last_duration(cell: Record) -> int | None:
    start, end = cell.get("start"), cell.get("end")
    if isinstance(start, int | float) and isinstance(end, int | float):
        return round(end - start)
    return None


def _cleared(cell: Record) -> Change:
    return set_cell(cell["id"], **dict.fromkeys(_CLEARED))
