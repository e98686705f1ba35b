"""What the records of a notebook say about its cells (pure; syncdoc-jupyter §3.3, §3.4)."""

from collections.abc import Mapping, Sequence

from ..notebook_records.notebooks import metadata_of
from ..notebook_records.positions import in_order
from ..syncdoc.records import Record, Records
from .errors import (
    InvalidActionError,
    NotDeletableError,
    NotEditableError,
    UnknownCellError,
)

__all__ = [
    "cell_ids",
    "cell_type_of",
    "cells_in_order",
    "distinct",
    "index_of",
    "input_of",
    "is_blank",
    "is_deletable",
    "is_editable",
    "metadata_of",
    "require_cell",
    "require_deletable",
    "require_editable",
    "require_map",
    "settings_of",
]


def cells_in_order(records: Records) -> list[Record]:
    """Return the cells as everybody shows them; what has no text as id is not a cell."""
    cells = [cell for cell in records.get({"type": "cell"}) if isinstance(cell.get("id"), str)]
    return in_order(cells)


def cell_ids(records: Records) -> list[str]:
    """Return the ids of the cells, in order."""
    return [cell["id"] for cell in cells_in_order(records)]


def index_of(ids: Sequence[str], cell_id: str) -> int:
    """Return where a cell stands; raises UnknownCellError."""
    if cell_id not in ids:
        raise UnknownCellError(cell_id)
    return ids.index(cell_id)


def require_cell(records: Records, cell_id: str) -> Record:
    """Return a cell; raises UnknownCellError."""
    cell = records.get_one({"type": "cell", "id": cell_id}) if isinstance(cell_id, str) else None
    if cell is None:
        raise UnknownCellError(cell_id)
    return cell


def require_editable(records: Records, cell_id: str) -> Record:
    """Return a cell whose text, type and attachments may change.

    Raises UnknownCellError, NotEditableError.
    """
    cell = require_cell(records, cell_id)
    if not is_editable(cell):
        raise NotEditableError(cell_id)
    return cell


def require_deletable(records: Records, cell_id: str) -> Record:
    """Return a cell that may go; raises UnknownCellError, NotDeletableError."""
    cell = require_cell(records, cell_id)
    if not is_deletable(cell):
        raise NotDeletableError(cell_id)
    return cell


def is_editable(cell: Record) -> bool:
    """Return whether a cell is not write protected."""
    return metadata_of(cell).get("editable") is not False


def is_deletable(cell: Record) -> bool:
    """Return whether a cell may go: what is write protected may not."""
    return is_editable(cell) and metadata_of(cell).get("deletable") is not False


def cell_type_of(cell: Record) -> str:
    """Return the type: a cell that does not say it holds code."""
    return str(cell.get("cell_type") or "code")


def input_of(cell: Record) -> str:
    """Return the source text."""
    text = cell.get("input")
    return text if isinstance(text, str) else ""


def is_blank(cell: Record) -> bool:
    """Return whether there is nothing but white space in a cell."""
    return not input_of(cell).strip()


def settings_of(records: Records) -> Record:
    """Return the settings of the notebook."""
    return records.get_one({"type": "settings"}) or {}


def distinct(ids: Sequence[str]) -> list[str]:
    """Return ids that are all different; raises InvalidActionError for a text instead of a list."""
    if isinstance(ids, str):
        raise InvalidActionError(f"a list of cell ids is needed, not the text {ids!r}")
    return list(dict.fromkeys(ids))


def require_map(value: object, name: str) -> None:
    """Raise InvalidActionError for what is no map."""
    if not isinstance(value, Mapping):
        raise InvalidActionError(f"{name} is a map of names to values, not {type(value).__name__}")
