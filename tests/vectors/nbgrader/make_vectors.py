"""Writes ``vectors.json``; see the README beside this file."""

import copy
import json
import logging
from pathlib import Path
from typing import Any

import nbformat
from nbgrader import utils
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from cocalc_jupyter_ext.project.nbgrader.cell_types import CELL_TYPES, grading_for
from cocalc_jupyter_ext.project.nbgrader.errors import MarkerError
from cocalc_jupyter_ext.project.nbgrader.student_version import student_notebook

HERE = Path(__file__).parent
SOLVED = (
    "def f(x):\n    ### BEGIN SOLUTION\n    return x + 1\n    ### END SOLUTION\n\nprint('kept')"
)
TEST = "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(41) == 42\n### END HIDDEN TESTS"

logging.disable(logging.CRITICAL)


def cell(number: int, cell_type: str, source: str, kind: str = "", **more: Any) -> dict[str, Any]:
    make = nbformat.v4.new_code_cell if cell_type == "code" else nbformat.v4.new_markdown_cell
    metadata = {"nbgrader": {**grading_for(kind, cell_type, f"g{number}"), **more}} if kind else {}
    return dict(make(source, id=f"c{number}", metadata=metadata))


def notebook(language: str, *cells: dict[str, Any]) -> dict[str, Any]:
    spec = {"name": language, "display_name": language, "language": language}
    plain = nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": spec})
    return json.loads(json.dumps(plain))


def instructors() -> dict[str, dict[str, Any]]:
    whole = [
        cell(0, "markdown", "# Title"),
        cell(1, "code", SOLVED, "auto"),
        cell(2, "code", TEST, "test", points=2.5),
        cell(3, "markdown", "Why?\n\n### BEGIN SOLUTION\nbecause\n### END SOLUTION", "manual"),
        cell(4, "code", "the whole answer", "manual", points=0.5),
        cell(5, "markdown", "the whole answer", "manual", points=3),
        cell(6, "code", "read = 'me'", "readonly"),
        cell(7, "code", "print('for the others')"),
        cell(8, "markdown", "To be done", "task", points=5),
        cell(9, "code", "  # BEGIN SOLUTION x\n  1\n  # END SOLUTION\n", "auto"),
        cell(
            10,
            "code",
            "a\n## BEGIN SOLUTION\n1\n## END SOLUTION\nb\n## BEGIN SOLUTION\n2\n## END SOLUTION",
            "auto",
        ),
        cell(11, "code", "x\n### END SOLUTION\ny", "auto"),
        cell(12, "code", "", "auto"),
    ]
    found = {"python": notebook("python", *whole)}
    for language in ("octave", "matlab", "java"):
        code = [each for each in whole if each["id"] in {"c1", "c2", "c4", "c9"}]
        found[language] = notebook(language, *copy.deepcopy(code))
    for name, source in {
        "nested": "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
        "unclosed": "x\n### BEGIN SOLUTION\n1",
    }.items():
        found[name] = notebook("python", cell(0, "code", source, "auto"))
        tests = source.replace("SOLUTION", "HIDDEN TESTS")
        found[f"{name} tests"] = notebook("python", cell(0, "code", tests, "test"))
    return found


def official(instructor: dict[str, Any]) -> dict[str, Any]:
    made = nbformat.from_dict(copy.deepcopy(instructor))
    for step in (ClearSolutions, ClearHiddenTests, ClearMarkScheme, LockCells, ComputeChecksums):
        made, _ = step().preprocess(made, {})
    return json.loads(json.dumps(made))


def accept(student: dict[str, Any]) -> None:
    """Raise what nbgrader has to say against a notebook; its own steps must change nothing."""
    made = nbformat.from_dict(copy.deepcopy(student))
    nbformat.validate(made)
    MetadataValidatorV3().validate_nb(made)
    before = [each.source for each in made.cells]
    for step in (ClearHiddenTests, ClearMarkScheme):
        made, _ = step().preprocess(made, {})
    assert [each.source for each in made.cells] == before
    protections = [(c.metadata.get("deletable"), c.metadata.get("editable")) for c in made.cells]
    locked, _ = LockCells().preprocess(made, {})
    again = [(c.metadata.get("deletable"), c.metadata.get("editable")) for c in locked.cells]
    assert again == protections


def entry(instructor: dict[str, Any]) -> dict[str, Any]:
    try:
        made = official(instructor)
    except RuntimeError as error:
        try:
            student_notebook(instructor)
        except MarkerError:
            return {"instructor": instructor, "error": str(error)}
        raise AssertionError("nbgrader refuses this, and we do not") from error
    accept(student_notebook(instructor))
    return {"instructor": instructor, "official": made, "accepted": True}


def grades() -> list[dict[str, Any]]:
    outputs = {
        "none": [],
        "error": [nbformat.v4.new_output("error", ename="A", evalue="b", traceback=["c"])],
        "printed": [nbformat.v4.new_output("stream", name="stdout", text="error: no\n")],
        "late error": [
            nbformat.v4.new_output("stream", name="stdout", text="x"),
            nbformat.v4.new_output("error", ename="A", evalue="", traceback=[]),
        ],
    }
    found = []
    for name, made in outputs.items():
        test = nbformat.from_dict(cell(0, "code", "x", "test", points=2))
        test.outputs = made
        score, points = utils.determine_grade(test)
        found.append(
            {"name": name, "cell": json.loads(json.dumps(test)), "score": score, "points": points}
        )
    return found


def metadata() -> dict[str, dict[str, Any]]:
    """Return cells of each type that both know; nbgrader's validator accepts them."""
    known = {}
    for name, kind in CELL_TYPES.items():
        if not kind.flags & {"remove", "multiple_choice"}:
            made = cell(0, kind.only or ("markdown" if name == "manual" else "code"), "x", name)
            MetadataValidatorV3().validate_cell(nbformat.from_dict(made))
            known[name] = made["metadata"]["nbgrader"]
    return known


def main() -> None:
    vectors = {
        "assignments": {name: entry(each) for name, each in instructors().items()},
        "grades": grades(),
        "metadata": metadata(),
    }
    text = json.dumps(vectors, indent=1, sort_keys=True) + "\n"
    (HERE / "vectors.json").write_text(text)


if __name__ == "__main__":
    main()
