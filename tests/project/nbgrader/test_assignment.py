"""The students' version of an open notebook (syncdoc-jupyter §9.4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.notebook_actions.actions import NotebookActions
from cocalc_jupyter_ext.documents.notebook_records.cells import record_from_cell
from cocalc_jupyter_ext.documents.notebook_records.notebooks import notebook_from_records
from cocalc_jupyter_ext.project.nbgrader.assignment import make_student_version, student_path
from cocalc_jupyter_ext.project.nbgrader.errors import MarkerError
from cocalc_jupyter_ext.project.nbgrader.student_version import student_notebook

from ...support.memory_syncdb import MemorySyncDB

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "nbgrader"
INSTRUCTOR = json.loads((FOLDER / "vectors.json").read_text())["assignments"]["python"][
    "instructor"
]


def nothing(_what: Any) -> None:
    """Keep and find no blobs."""


def open_notebook(*cells: dict[str, Any]) -> NotebookActions:
    records = [
        record_from_cell(cell, cell_id=cell["id"], position=number, put=nothing)
        for number, cell in enumerate(cells)
    ]
    return NotebookActions(MemorySyncDB({"type": "settings", "kernel": "python3"}, *records).join())


def cells_of(notebook: NotebookActions) -> list[dict[str, Any]]:
    return list(notebook_from_records(notebook.records, nothing)["cells"])


def test_it_is_what_a_file_becomes_and_replaces_what_was_there() -> None:
    instructor = open_notebook(*INSTRUCTOR["cells"])
    instructor.process_output("c1", "stream", {"name": "stdout", "text": "42"})
    instructor.run_code_cell("c7")
    student = open_notebook(INSTRUCTOR["cells"][3], {**INSTRUCTOR["cells"][1], "id": "old"})

    make_student_version(instructor, student, language="python")

    assert cells_of(student) == student_notebook(INSTRUCTOR)["cells"]
    fields = {name for cell in student.records.get({"type": "cell"}) for name in cell}
    assert fields <= {"type", "id", "pos", "input", "cell_type", "metadata"}
    settings = student.records.get_one({"type": "settings"}) or {}
    assert settings["kernel"] == "python3"
    assert settings["metadata"] == {"nbgrader": {"cocalc_minimal_stubs": False}}


def test_the_choice_of_stubs_is_kept_and_ids_are_made_different_first() -> None:
    twice = [INSTRUCTOR["cells"][1], {**INSTRUCTOR["cells"][1], "id": "copy"}]
    instructor, student = open_notebook(*twice), open_notebook()

    make_student_version(instructor, student, language="python", minimal=True)

    for notebook in (instructor, student):
        ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells_of(notebook)]
        assert ids == ["g1", "g11"]
        settings = notebook.records.get_one({"type": "settings"}) or {}
        assert settings["metadata"]["nbgrader"] == {"cocalc_minimal_stubs": True}
    assert all("raise" not in cell["source"] for cell in cells_of(student))
    assert all("BEGIN SOLUTION" in cell["source"] for cell in cells_of(instructor))


def test_what_students_have_stays_when_a_region_does_not_end() -> None:
    broken = {**INSTRUCTOR["cells"][1], "source": "### BEGIN SOLUTION"}
    instructor, student = open_notebook(broken), open_notebook(INSTRUCTOR["cells"][0])
    before = student.document.text

    with pytest.raises(MarkerError, match="without 'END SOLUTION'"):
        make_student_version(instructor, student, language="python")

    assert student.document.text == before


def test_the_students_version_is_beside_the_notebook() -> None:
    assert student_path("a.ipynb") == "student/a.ipynb"
    assert student_path("course/week 1/a.ipynb") == "course/week 1/student/a.ipynb"
