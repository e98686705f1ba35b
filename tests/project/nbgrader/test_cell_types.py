"""What cells are for in an assignment, by their flags (syncdoc-jupyter §9.1, §9.2)."""

import json
from pathlib import Path

import pytest

from cocalc_jupyter_ext.project.nbgrader.cell_types import CELL_TYPES, cell_type_of, grading_for
from cocalc_jupyter_ext.project.nbgrader.errors import CellTypeError

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "nbgrader"
ACCEPTED = json.loads((FOLDER / "vectors.json").read_text())["metadata"]


@pytest.mark.parametrize("name", CELL_TYPES)
def test_the_type_is_derived_back_from_the_flags(name: str) -> None:
    cell_type = CELL_TYPES[name].only or CELL_TYPES[name].switches_to or "code"
    grading = grading_for(name, cell_type, "g1")

    assert cell_type_of(grading) == name
    assert (grading["schema_version"], grading["grade_id"]) == (3, "g1")
    assert all(isinstance(grading[f], bool) for f in ("grade", "locked", "solution", "task"))
    assert grading.get("points") == (1 if name in {"manual", "task", "test", "mc_test"} else None)


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_metadata_are_what_the_package_nbgrader_has_accepted(name: str) -> None:
    cell_type = "markdown" if name in {"task", "manual"} else "code"
    assert grading_for(name, cell_type, "g0") == ACCEPTED[name]


def test_locked_decides_only_where_nothing_else_does() -> None:
    assert cell_type_of({"locked": True}) == "readonly"
    assert cell_type_of({"locked": False}) == ""
    assert cell_type_of({"grade": True, "locked": False}) == "test"
    assert cell_type_of({"solution": True, "locked": True}) == "auto"
    assert cell_type_of({"grade": True, "task": True}) == ""
    assert cell_type_of(None) == ""


def test_points_that_were_set_stay() -> None:
    assert grading_for("test", "code", "g", {"points": 7})["points"] == 7
    assert "points" not in grading_for("auto", "code", "g", {"points": 7})


def test_some_types_are_for_one_type_of_cell_only() -> None:
    for name, wrong in (("task", "code"), ("auto", "markdown"), ("test", "raw")):
        with pytest.raises(CellTypeError, match="only"):
            grading_for(name, wrong, "g")
    with pytest.raises(CellTypeError, match="'exam' is not a type"):
        grading_for("exam", "code", "g")
