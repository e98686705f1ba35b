"""Making an assignment in an open notebook (syncdoc-jupyter §9.1, §9.2)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.notebook_actions.actions import NotebookActions
from cocalc_jupyter_ext.documents.notebook_actions.errors import UnknownCellError
from cocalc_jupyter_ext.project.nbgrader.cell_types import CELL_TYPES, cell_type_of
from cocalc_jupyter_ext.project.nbgrader.errors import AssignmentError, CellTypeError
from cocalc_jupyter_ext.project.nbgrader.student_version import (
    AssignmentCell,
    StubStyle,
    student_cells,
)
from cocalc_jupyter_ext.project.nbgrader.toolbar import (
    set_assignment_type,
    set_grade_id,
    set_points,
    tidy_grading,
    upgrade_grading,
)

from ...support.memory_syncdb import MemorySyncDB

LANGUAGES = ("python", "R", "julia", "octave", "sagemath")


def open_it(*cells: dict[str, Any]) -> NotebookActions:
    records = [
        {"type": "cell", "id": f"c{number}", "pos": number, "input": "", **cell}
        for number, cell in enumerate(cells)
    ]
    return NotebookActions(MemorySyncDB(*records).join())


def read(notebook: NotebookActions, cell_id: str = "c0") -> dict[str, Any]:
    return dict(notebook.records.get_one({"type": "cell", "id": cell_id}) or {})


def grading(notebook: NotebookActions, cell_id: str = "c0") -> dict[str, Any]:
    return dict(read(notebook, cell_id).get("metadata", {}).get("nbgrader", {}))


def test_a_type_is_set_in_one_step_that_can_be_undone() -> None:
    notebook = open_it({"input": "x", "metadata": {"other": 1}})
    before = notebook.document.text

    set_assignment_type(notebook, "c0", "test")

    assert read(notebook)["metadata"]["other"] == 1
    assert cell_type_of(grading(notebook)) == "test"
    assert (grading(notebook)["grade_id"], grading(notebook)["points"]) == ("c0", 1)
    assert read(notebook)["input"] == "x"
    notebook.undo()
    assert notebook.document.text == before


def test_an_ordinary_cell_again_keeps_its_other_metadata() -> None:
    notebook = open_it({"input": "x", "metadata": {"other": 1}})
    set_assignment_type(notebook, "c0", "auto")
    set_assignment_type(notebook, "c0", "")
    assert read(notebook)["metadata"] == {"other": 1}


def test_multiple_choice_switches_the_type_of_the_cell() -> None:
    notebook = open_it({"input": "x"}, {"input": "y", "cell_type": "markdown"})
    set_assignment_type(notebook, "c0", "mc_question")
    set_assignment_type(notebook, "c1", "mc_answer")
    assert (read(notebook)["cell_type"], read(notebook, "c1")["cell_type"]) == ("markdown", "code")


def test_what_is_not_for_a_cell_changes_nothing() -> None:
    notebook = open_it({"input": "x"})
    before = notebook.document.text
    for name in ("task", "exam"):
        with pytest.raises(CellTypeError):
            set_assignment_type(notebook, "c0", name)
    with pytest.raises(UnknownCellError):
        set_assignment_type(notebook, "gone", "auto")
    assert notebook.document.text == before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CELL_TYPES)
def test_a_blank_cell_gets_a_text_that_makes_a_proper_assignment(name: str, language: str) -> None:
    cell_type = CELL_TYPES[name].only or "code"
    notebook = open_it({"cell_type": cell_type, "input": " \n"})

    set_assignment_type(notebook, "c0", name, language=language)

    cell = read(notebook)
    has_suggestion = cell["input"].strip() != ""
    assert has_suggestion
    made = AssignmentCell("c0", cell["cell_type"], cell["input"], cell["metadata"])
    for student in student_cells([made], StubStyle(language)):
        assert "SOLUTION" not in student.source
        assert "HIDDEN" not in student.source


def test_a_language_without_templates_gets_none() -> None:
    notebook = open_it({"input": ""})
    set_assignment_type(notebook, "c0", "auto", language="haskell")
    assert read(notebook)["input"] == ""


def test_points_and_ids_are_set_and_ids_stay_different() -> None:
    notebook = open_it({"input": "x"}, {"input": "y"}, {"input": "z"})
    for cell_id in ("c0", "c1"):
        set_assignment_type(notebook, cell_id, "manual")

    set_points(notebook, "c0", 2.5)
    assert set_grade_id(notebook, "c0", "my problem") == "myproblem"
    assert set_grade_id(notebook, "c1", "myproblem") == "myproblem1"
    assert set_grade_id(notebook, "c1", "myproblem1") == "myproblem1"

    assert (grading(notebook)["points"], grading(notebook)["grade_id"]) == (2.5, "myproblem")
    for points in (-1, True, float("nan"), "3"):
        with pytest.raises(AssignmentError, match="from 0"):
            set_points(notebook, "c0", points)  # type: ignore[arg-type]
    with pytest.raises(AssignmentError, match="is not part of an assignment"):
        set_points(notebook, "c2", 1)


def test_opening_the_toolbar_upgrades_all_cells() -> None:
    old = {"grade": True, "grade_id": "g", "schema_version": 1, "remove": False}
    notebook = open_it({"metadata": {"nbgrader": old}}, {"metadata": {"x": 1}})

    assert upgrade_grading(notebook)

    assert grading(notebook) == {
        "grade": True, "locked": False, "solution": False, "task": False,
        "grade_id": "g", "schema_version": 3,
    }  # fmt: skip
    assert not upgrade_grading(notebook)


def test_copies_of_a_cell_get_ids_of_their_own() -> None:
    notebook = open_it({"input": "x"})
    set_assignment_type(notebook, "c0", "auto")
    (copy,) = notebook.insert_cells(notebook.copy_cells(["c0"]))

    assert tidy_grading(notebook) == {copy: "c01"}

    assert (grading(notebook)["grade_id"], grading(notebook, copy)["grade_id"]) == ("c0", "c01")
    assert tidy_grading(notebook) == {}
