"""How far the runs of a notebook have come (pure; syncdoc-jupyter §4.3)."""

from collections.abc import Iterable

from ..syncdoc.records import Record
from .reading import cell_type_of, is_blank

__all__ = ["run_progress"]


def run_progress(cells: Iterable[Record], settings: Record) -> float:
    """Return in percent how many of the cells with code have run since the kernel runs.

    One that has begun and not ended counts half; without a running kernel none has.
    """
    since = settings.get("last_backend_state")
    code = [cell for cell in cells if cell_type_of(cell) == "code" and not is_blank(cell)]
    if settings.get("backend_state") != "running" or not code:
        return 0.0
    done = sum(_part(cell, since if isinstance(since, int | float) else 0) for cell in code)
    return 100 * done / len(code)


def _part(cell: Record, since: float) -> float:
    start = cell.get("start")
    if not isinstance(start, int | float) or start < since:
        return 0.0
    return 1.0 if cell.get("end") else 0.5
