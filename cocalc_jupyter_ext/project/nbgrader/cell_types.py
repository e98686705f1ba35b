"""What a cell is for in an assignment, and which flags say so (pure; syncdoc-jupyter §9.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import CellTypeError
from .metadata import FLAGS, SCHEMA_VERSION, points_of

__all__ = ["CELL_TYPES", "AssignmentCellType", "cell_type_of", "grading_for"]


@dataclass(frozen=True, slots=True)
class AssignmentCellType:
    """One entry of the toolbar.

    ``only`` is the one type of cell that it is for; ``switches_to`` the one that it makes of it.
    """

    name: str
    flags: frozenset[str]
    points: int | None = None
    only: str | None = None
    switches_to: str | None = None


def _type(name: str, *flags: str, **more: Any) -> AssignmentCellType:
    return AssignmentCellType(name, frozenset(flags), **more)


CELL_TYPES: Final[Mapping[str, AssignmentCellType]] = {
    kind.name: kind
    for kind in (
        _type("manual", "grade", "solution", points=1),
        _type("task", "locked", "task", points=1, only="markdown"),
        _type("auto", "solution", only="code"),
        _type("test", "grade", "locked", points=1, only="code"),
        _type("readonly", "locked"),
        _type("instructor", "remove"),
        _type("mc_question", "locked", "multiple_choice", switches_to="markdown"),
        _type("mc_answer", "solution", "multiple_choice", switches_to="code"),
        _type("mc_test", "grade", "locked", "multiple_choice", points=1, switches_to="code"),
    )
}
"""By name; the empty name stands for an ordinary cell and is not here."""

_DECISIVE: Final = ("grade", "solution", "task", "remove", "multiple_choice")


def cell_type_of(grading: Mapping[str, Any] | None) -> str:
    """Return the name of what a cell is, from its flags; empty for an ordinary cell.

    Only where no other flag is set, ``locked`` decides.
    """
    if grading is None:
        return ""
    decisive = {flag for flag in _DECISIVE if grading.get(flag)}
    if not decisive:
        return "readonly" if grading.get("locked") else ""
    for kind in CELL_TYPES.values():
        if kind.flags - {"locked"} == decisive:
            return kind.name
    return ""


def grading_for(
    name: str, cell_type: str, grade_id: str, old: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the metadata that make a cell of this type; points that were set stay.

    Raises CellTypeError for an unknown name, and for a cell that it is not for.
    """
    kind = CELL_TYPES.get(name)
    if kind is None:
        raise CellTypeError(f"{name!r} is not a type of cell: {', '.join(CELL_TYPES)}")
    if kind.only is not None and cell_type != kind.only:
        raise CellTypeError(f"only {kind.only} cells can be {name!r}; this one is {cell_type}")
    grading: dict[str, Any] = {flag: flag in kind.flags for flag in FLAGS}
    grading |= {flag: True for flag in ("remove", "multiple_choice") if flag in kind.flags}
    grading |= {"grade_id": grade_id, "schema_version": SCHEMA_VERSION}
    if kind.points is not None:
        grading["points"] = points_of(old or {}) or kind.points
    return grading
