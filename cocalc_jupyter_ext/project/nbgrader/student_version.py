"""The students' version of an assignment, step by step (pure; syncdoc-jupyter §9.4).

The steps are for cells as both an ``.ipynb`` file and a synced notebook have them: a type, a text,
metadata. Outputs are nobody's answer, so they all go.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .checksum import checksum
from .errors import LanguageUnknownError
from .markers import HIDDEN_TESTS, MARK_SCHEME, SOLUTION, replace_regions
from .metadata import grading_of
from .stubs import TEXT_STUB, code_stub

__all__ = [
    "STEPS",
    "AssignmentCell",
    "StubStyle",
    "cell_of_notebook",
    "language_of_notebook",
    "student_cells",
    "student_notebook",
]


@dataclass(frozen=True, slots=True)
class AssignmentCell:
    """A cell as far as an assignment is concerned."""

    id: str
    cell_type: str
    source: str
    metadata: Mapping[str, Any]

    @property
    def grading(self) -> Mapping[str, Any]:
        """The grading metadata; empty for an ordinary cell."""
        return grading_of(self.metadata) or {}

    def has(self, flag: str) -> bool:
        """Return whether a flag of the grading metadata is set."""
        return bool(self.grading.get(flag))


@dataclass(frozen=True, slots=True)
class StubStyle:
    """The kernel's language, None while nobody knows it, and whether stubs are comments only."""

    language: str | None
    minimal: bool = False


Step = Callable[[AssignmentCell, StubStyle], AssignmentCell | None]
"""Returns the cell as the step leaves it, None for one that goes."""


def unlock(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell:
    """Let locked cells be edited, so that the next steps may."""
    if not cell.has("locked"):
        return cell
    return replace(cell, metadata={**cell.metadata, "editable": True, "deletable": True})


def clear_solution(cell: AssignmentCell, style: StubStyle) -> AssignmentCell:
    """Put stubs in place of solutions; where none is marked, in place of the whole text."""
    if not cell.has("solution") or cell.has("multiple_choice"):
        return cell
    if cell.cell_type != "code":
        stub = whole = TEXT_STUB
    elif style.language is None:
        return cell
    else:
        stub = code_stub(style.language, minimal=style.minimal)
        whole = code_stub(style.language)  # never the minimal one, as at CoCalc
    text, is_found = replace_regions(cell.source, SOLUTION, stub.split("\n"))
    return replace(cell, source=text if is_found else whole)


def clear_hidden_tests(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell:
    """Remove hidden tests from tests."""
    if not cell.has("grade") or cell.has("solution"):
        return cell
    return replace(cell, source=replace_regions(cell.source, HIDDEN_TESTS)[0])


def clear_mark_scheme(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell:
    """Remove mark schemes from graded cells; a task is not one by its flags."""
    if not cell.has("grade"):
        return cell
    return replace(cell, source=replace_regions(cell.source, MARK_SCHEME)[0])


def drop_removed(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell | None:
    """Drop what only instructors see."""
    return None if cell.has("remove") else cell


def add_checksum(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell:
    """Note how the cells looked into which students write."""
    if not cell.has("solution"):
        return cell
    value = checksum(cell.source, cell.cell_type, cell.grading)
    grading = {**cell.grading, "checksum": value, "cell_type": cell.cell_type}
    return replace(cell, metadata={**cell.metadata, "nbgrader": grading})


def lock(cell: AssignmentCell, _style: StubStyle) -> AssignmentCell:
    """Protect what must be there to be graded."""
    if grading_of(cell.metadata) is None:
        return cell
    protection = {"deletable": False, **({"editable": False} if cell.has("locked") else {})}
    return replace(cell, metadata={**cell.metadata, **protection})


STEPS: Final[tuple[Step, ...]] = (
    unlock,
    clear_solution,
    clear_hidden_tests,
    clear_mark_scheme,
    drop_removed,
    add_checksum,
    lock,
)
"""In their order; clearing the outputs, between the last three, concerns no field of these."""


def student_cells(cells: Iterable[AssignmentCell], style: StubStyle) -> list[AssignmentCell]:
    """Return the cells that students get.

    Raises MarkerError, and LanguageUnknownError where solutions in code would stay.
    """
    current = list(cells)
    if style.language is None and any(map(_has_code_solution, current)):
        raise LanguageUnknownError
    for step in STEPS:
        current = [done for cell in current if (done := step(cell, style)) is not None]
    return current


def student_notebook(notebook: Mapping[str, Any], *, minimal: bool = False) -> dict[str, Any]:
    """Return the students' version of a notebook of nbformat 4; raises as ``student_cells``."""
    cells = {
        cell.id: (cell, original)
        for number, original in enumerate(notebook.get("cells", ()))
        for cell in [cell_of_notebook(original, number)]
    }
    style = StubStyle(language_of_notebook(notebook), minimal)
    done = student_cells([cell for cell, _ in cells.values()], style)
    new = [_edited(cells[cell.id][1], cell) for cell in done]
    return {**notebook, "cells": new}


def cell_of_notebook(cell: Mapping[str, Any], number: int) -> AssignmentCell:
    """Return a cell of a file; one without an id is named by its number."""
    source = cell.get("source", "")
    text = "".join(source) if isinstance(source, list) else str(source)
    metadata = cell.get("metadata")
    return AssignmentCell(
        id=f"{number}:{cell.get('id', '')}",
        cell_type=str(cell.get("cell_type") or "code"),
        source=text,
        metadata=metadata if isinstance(metadata, Mapping) else {},
    )


def language_of_notebook(notebook: Mapping[str, Any]) -> str | None:
    """Return the language that a notebook's metadata name."""
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    for part, name in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(part)
        language = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(language, str) and language:
            return language
    return None


def _has_code_solution(cell: AssignmentCell) -> bool:
    is_ours = cell.has("solution") and not cell.has("multiple_choice") and not cell.has("remove")
    return is_ours and cell.cell_type == "code"


def _edited(original: Mapping[str, Any], cell: AssignmentCell) -> dict[str, Any]:
    new = {**copy.deepcopy(dict(original)), "source": cell.source}
    new["metadata"] = copy.deepcopy(dict(cell.metadata))
    if cell.cell_type == "code":
        new |= {"outputs": [], "execution_count": None}
    return new
