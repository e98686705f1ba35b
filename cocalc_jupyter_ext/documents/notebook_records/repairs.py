"""What a project puts right in the records of a notebook (pure; syncdoc-jupyter §3.2)."""

from collections.abc import Callable

from ..syncdoc.records import Records
from .positions import in_order, needs_renumbering

__all__ = ["ensure_cell", "renumber_if_needed"]


def ensure_cell(records: Records, make_id: Callable[[], str]) -> None:
    """Add an empty cell where there is none, and trust the notebook then."""
    if records.get_one({"type": "cell"}) is None:
        cell = {"type": "cell", "id": make_id(), "pos": 0, "input": "", "cell_type": "code"}
        records.set(cell)
        records.set({"type": "settings", "trust": True})


def renumber_if_needed(records: Records) -> None:
    """Give the cells the positions 0, 1, 2, ... where one has no position of its own."""
    cells = [cell for cell in records.get({"type": "cell"}) if cell.get("id") is not None]
    if not needs_renumbering(cells):
        return
    for position, cell in enumerate(in_order(cells)):
        records.set({"type": "cell", "id": cell["id"], "pos": position})
