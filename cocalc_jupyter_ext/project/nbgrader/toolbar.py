"""Making an assignment in an open notebook: what its cells are (syncdoc-jupyter §9.1, §9.2)."""

from collections.abc import Mapping
from typing import Any

from ...documents.notebook_actions.actions import NotebookActions
from ...documents.notebook_actions.changes import Change, apply_changes
from ...documents.notebook_actions.editing import set_cell_input, set_cell_type
from ...documents.notebook_actions.looks import set_metadata
from ...documents.notebook_actions.reading import (
    cell_type_of,
    cells_in_order,
    is_blank,
    metadata_of,
    require_cell,
)
from ...documents.syncdoc.records import Records
from .cell_types import CELL_TYPES, grading_for
from .errors import AssignmentError
from .metadata import free_grade_id, grading_of, unique_grade_ids, upgraded
from .templates import template_of

__all__ = ["set_assignment_type", "set_grade_id", "set_points", "tidy_grading", "upgrade_grading"]


def set_assignment_type(
    notebook: NotebookActions, cell_id: str, name: str, *, language: str = "python"
) -> None:
    """Make a cell one of ``CELL_TYPES``, or an ordinary one with an empty name.

    A blank cell gets a text to begin with. Raises CellTypeError, and what actions raise.
    """
    notebook.edit(_set_type, cell_id, name, language)


def set_points(notebook: NotebookActions, cell_id: str, points: float) -> None:
    """Say how many points a graded cell gives; raises AssignmentError."""
    is_number = isinstance(points, int | float) and not isinstance(points, bool)
    if not is_number or not 0 <= points < float("inf"):
        raise AssignmentError(f"points are a number from 0, not {points!r}")
    notebook.edit(_set_grading, cell_id, {"points": points})


def set_grade_id(notebook: NotebookActions, cell_id: str, grade_id: str) -> str:
    """Give a graded cell an id; return it, with a number if another cell has it."""

    def change(records: Records) -> list[Change]:
        others = [cell for cell in cells_in_order(records) if cell["id"] != cell_id]
        return _set_grading(records, cell_id, {"grade_id": free_grade_id(grade_id, _ids(others))})

    notebook.edit(change)
    grading = grading_of(metadata_of(require_cell(notebook.records, cell_id))) or {}
    return str(grading["grade_id"])


def upgrade_grading(notebook: NotebookActions) -> bool:
    """Bring the grading metadata of all cells up to date, as opening the toolbar does."""

    def change(records: Records) -> list[Change]:
        changes: list[Change] = []
        for cell in cells_in_order(records):
            grading = grading_of(metadata_of(cell))
            if grading is not None and upgraded(grading) != dict(grading):
                changes += _set_grading(records, cell["id"], {})
        return changes

    return notebook.edit(change)


def tidy_grading(notebook: NotebookActions) -> dict[str, str]:
    """Give each graded cell a grade id of its own; return those that are new, by cell id."""
    cells = cells_in_order(notebook.records)
    ids = unique_grade_ids((cell["id"], grading_of(metadata_of(cell))) for cell in cells)

    def change(records: Records) -> list[Change]:
        return [
            change
            for cell_id, grade_id in ids.items()
            for change in _set_grading(records, cell_id, {"grade_id": grade_id})
        ]

    notebook.edit(change)
    return ids


def _set_type(records: Records, cell_id: str, name: str, language: str) -> list[Change]:
    changed, changes = records.copy(), []
    cell = require_cell(records, cell_id)
    kind = CELL_TYPES.get(name)
    if kind is not None and kind.switches_to is not None:
        changes += set_cell_type(records, cell_id, kind.switches_to)
        apply_changes(changed, changes)
    cell_type = cell_type_of(require_cell(changed, cell_id))
    old = grading_of(metadata_of(cell))
    others = [other for other in cells_in_order(records) if other["id"] != cell_id]
    grade_id = free_grade_id(str((old or {}).get("grade_id") or cell_id), _ids(others))
    new = grading_for(name, cell_type, grade_id, old) if name else None
    changes += _grading_change(changed, cell_id, new)
    if is_blank(cell) and (text := template_of(name, cell_type, language)):
        changes += set_cell_input(changed, cell_id, text)
    return changes


def _set_grading(records: Records, cell_id: str, fields: Mapping[str, Any]) -> list[Change]:
    grading = grading_of(metadata_of(require_cell(records, cell_id)))
    if grading is None:
        raise AssignmentError(
            f"cell {cell_id!r} is not part of an assignment; give it a type first"
        )
    return _grading_change(records, cell_id, {**upgraded(grading), **fields})


def _grading_change(
    records: Records, cell_id: str, grading: Mapping[str, Any] | None
) -> list[Change]:
    return set_metadata(records, cell_id, {"nbgrader": grading}, merge=True, bypass_protection=True)


def _ids(cells: list[Any]) -> list[str]:
    gradings = [grading_of(metadata_of(cell)) or {} for cell in cells]
    return [str(grading["grade_id"]) for grading in gradings if grading.get("grade_id")]
