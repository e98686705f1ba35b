"""The students' version of an assignment, beside what the package nbgrader makes of it (§9.4).

``tests/vectors/nbgrader`` holds what that package has made, and that it accepts what we make.
"""

import copy
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.project.nbgrader.cell_types import grading_for
from cocalc_jupyter_ext.project.nbgrader.checksum import checksum
from cocalc_jupyter_ext.project.nbgrader.errors import LanguageUnknownError, MarkerError
from cocalc_jupyter_ext.project.nbgrader.student_version import (
    STEPS,
    AssignmentCell,
    StubStyle,
    student_cells,
    student_notebook,
)

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "nbgrader"
VECTORS = json.loads((FOLDER / "vectors.json").read_text())["assignments"]
ACCEPTED = [name for name, vector in VECTORS.items() if vector.get("accepted")]
REFUSED = [name for name, vector in VECTORS.items() if "error" in vector]
PYTHON = StubStyle("python")
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def cell(source: str, kind: str, cell_type: str = "code", **metadata: Any) -> AssignmentCell:
    grading = {"nbgrader": grading_for(kind, cell_type, "g")} if kind else {}
    return AssignmentCell("a", cell_type, source, {**grading, **metadata})


def made_of(*cells: AssignmentCell, style: StubStyle = PYTHON) -> list[AssignmentCell]:
    return student_cells(cells, style)


def source_of(cell: AssignmentCell, style: StubStyle = PYTHON) -> str:
    (made,) = made_of(cell, style=style)
    return made.source


# Beside the package


@pytest.mark.parametrize("name", ACCEPTED)
def test_texts_and_protections_are_those_of_the_package(name: str) -> None:
    ours = student_notebook(VECTORS[name]["instructor"])
    nbformat.validate(nbformat.from_dict(ours))

    for mine, official in zip(ours["cells"], VECTORS[name]["official"]["cells"], strict=True):
        assert mine["source"] == official["source"]
        for protection in ("deletable", "editable"):
            assert mine["metadata"].get(protection) == official["metadata"].get(protection)


@pytest.mark.parametrize("name", ACCEPTED)
def test_only_cells_with_solutions_have_checksums_and_they_differ_as_documented(name: str) -> None:
    """§9.5: another order of the flags, and points as JavaScript prints them."""
    ours = student_notebook(VECTORS[name]["instructor"])

    for mine, official in zip(ours["cells"], VECTORS[name]["official"]["cells"], strict=True):
        grading = mine["metadata"].get("nbgrader", {})
        assert ("checksum" in grading) == bool(grading.get("solution"))
        if grading.get("solution"):
            assert grading["cell_type"] == mine["cell_type"]
            assert grading["checksum"] != official["metadata"]["nbgrader"]["checksum"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_package_refuses_is_refused_with_the_text_of_the_cell(name: str) -> None:
    with pytest.raises(MarkerError, match=r"BEGIN (SOLUTION|HIDDEN TESTS)"):
        student_notebook(VECTORS[name]["instructor"])


def test_the_instructor_s_notebook_stays_as_it_is() -> None:
    instructor = VECTORS["python"]["instructor"]
    before = copy.deepcopy(instructor)

    student_notebook(instructor)

    assert instructor == before


def test_all_outputs_are_cleared() -> None:
    instructor = copy.deepcopy(VECTORS["python"]["instructor"])
    for each in instructor["cells"]:
        if each["cell_type"] == "code":
            each["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "42"}]
            each["execution_count"] = 3

    made = student_notebook(instructor)

    assert all(
        not each.get("outputs") and not each.get("execution_count") for each in made["cells"]
    )


def test_the_steps_are_made_in_the_order_of_the_contract() -> None:
    """§9.4; clearing outputs, its sixth, is for whoever holds the outputs."""
    assert [step.__name__ for step in STEPS] == [
        "unlock",
        "clear_solution",
        "clear_hidden_tests",
        "clear_mark_scheme",
        "drop_removed",
        "add_checksum",
        "lock",
    ]


# What is CoCalc's own


def test_a_solution_becomes_a_stub_indented_as_its_first_line() -> None:
    text = "def f():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION\nf()"
    assert source_of(cell(text, "auto")) == (
        "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()\nf()"
    )


def test_minimal_stubs_are_comments_but_a_whole_text_never_becomes_one() -> None:
    minimal = StubStyle("python", minimal=True)
    marked = cell("x\n# BEGIN SOLUTION\n1\n# END SOLUTION", "auto")
    assert source_of(marked, minimal) == "x\n# YOUR CODE HERE"
    assert source_of(cell("x = 1", "auto"), minimal) == STUB


@pytest.mark.parametrize(
    ("language", "has"),
    [
        ("python3", "raise NotImplementedError()"),
        ("sagemath", "raise NotImplementedError()"),
        ("R", "stop("),
        ("octave", "error("),
        ("matlab", "error("),
        ("c++17", "throw"),
        ("java", "// YOUR CODE HERE"),
        ("ocaml", "YOUR ANSWER HERE"),
    ],
)
def test_each_language_has_its_stub_and_all_others_the_text(language: str, has: str) -> None:
    assert has in source_of(cell("1", "auto"), StubStyle(language))


def test_multiple_choice_answers_stay() -> None:
    assert source_of(cell('choice = ""', "mc_answer")) == 'choice = ""'


def test_nobody_gets_solutions_because_the_language_is_not_known() -> None:
    """Differs from CoCalc, where they stay."""
    unknown = StubStyle(None)
    with pytest.raises(LanguageUnknownError, match="choose its kernel"):
        made_of(cell("secret", "auto"), style=unknown)
    assert source_of(cell("secret", "manual", "markdown"), unknown) == "YOUR ANSWER HERE"
    assert made_of(cell("secret", "instructor"), style=unknown) == []


def test_hidden_tests_go_from_tests_only() -> None:
    text = "a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc"
    assert source_of(cell(text, "test")) == "a\nc"
    assert source_of(cell(text, "mc_test")) == "a\nc"
    assert source_of(cell(text, "readonly")) == text


def test_mark_schemes_go_from_graded_cells_and_stay_in_tasks() -> None:
    text = "a\n=== BEGIN MARK SCHEME ===\nb\n=== END MARK SCHEME ==="
    assert source_of(cell(text, "test")) == "a"
    assert source_of(cell(text, "task", "markdown")) == text


def test_what_is_for_instructors_goes() -> None:
    assert made_of(cell("x", "instructor"), cell("y", "")) == [cell("y", "")]


def test_all_cells_of_the_assignment_are_protected_and_locked_ones_cannot_be_edited() -> None:
    (locked, open_one, other) = made_of(
        cell("1", "readonly", deletable=True), cell("1", "auto"), cell("1", "")
    )
    assert (locked.metadata["deletable"], locked.metadata["editable"]) == (False, False)
    assert open_one.metadata["deletable"] is False
    assert "editable" not in open_one.metadata
    assert other.metadata == {}


def test_the_checksum_is_of_the_text_that_students_get() -> None:
    (made,) = made_of(cell("1", "manual"))
    assert made.grading["checksum"] == checksum(STUB, "code", made.grading)


# Checksums (§9.5)


@pytest.mark.parametrize(
    ("points", "text"),
    [(1, "xcodeTrueFalseTrueg1"), (1.0, "xcodeTrueFalseTrueg1"), (0.5, "xcodeTrueFalseTrueg0.5")],
)
def test_a_checksum_is_of_text_type_flags_id_and_points(points: float, text: str) -> None:
    import hashlib

    grading = {"grade": True, "solution": True, "locked": False, "grade_id": "g", "points": points}
    assert checksum("x", "code", grading) == hashlib.md5(text.encode()).hexdigest()


def test_points_count_in_graded_cells_only() -> None:
    grading = {"grade": False, "solution": True, "locked": False, "grade_id": "g"}
    assert checksum("x", "", {**grading, "points": 5}) == checksum("x", "code", grading)
