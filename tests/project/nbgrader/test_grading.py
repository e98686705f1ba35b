"""What is run to grade a notebook, and the points for it (syncdoc-jupyter §9.6)."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.project.nbgrader.cell_types import grading_for
from cocalc_jupyter_ext.project.nbgrader.grading import (
    HIDDEN_NOTICE,
    Score,
    hide_tests,
    kept_scores,
    overall_grade,
    plan_grading,
    scores_of,
)

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "nbgrader"
GRADES = json.loads((FOLDER / "vectors.json").read_text())["grades"]


def cell(
    source: str, kind: str = "", grade_id: str = "", cell_type: str = "code", **grading: Any
) -> dict[str, Any]:
    metadata = {"nbgrader": {**grading_for(kind, cell_type, grade_id), **grading}} if kind else {}
    make = nbformat.v4.new_code_cell if cell_type == "code" else nbformat.v4.new_markdown_cell
    return dict(make(source, metadata=metadata))


def notebook(*cells: dict[str, Any], language: str = "python") -> dict[str, Any]:
    spec = {"name": "k", "display_name": "k", "language": language}
    return {
        "cells": list(cells),
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def test_the_instructor_s_tests_replace_whatever_the_student_made_of_them() -> None:
    instructor = notebook(
        cell("solution", "auto", "s"),
        cell("assert real", "test", "t"),
        cell("question", "manual", "m"),
        cell("assert also", "test", "u"),
        cell("task", "task", "k", "markdown"),
    )
    student = notebook(
        cell("my own", "auto", "s"),
        cell("assert True", "test", "t", "code", points=100),
        cell("my text", "manual", "m"),
        cell("x = 1"),
    )

    plan = plan_grading(instructor, student)

    assert [each["source"] for each in plan.notebook["cells"]] == [
        "my own",
        "assert real",
        "my text",
        "x = 1",
        "assert also",
    ]
    assert plan.notebook["cells"][1]["metadata"]["nbgrader"]["points"] == 1
    assert plan.ids == ("t", "m", "u", "k")
    nbformat.validate(nbformat.from_dict(plan.notebook))


def test_a_test_that_became_text_is_a_test_again() -> None:
    student = notebook({**cell("ha", "test", "t"), "cell_type": "markdown"})
    del student["cells"][0]["outputs"]

    plan = plan_grading(notebook(cell("assert 1", "test", "t")), student)

    assert plan.notebook["cells"][0]["cell_type"] == "code"
    assert plan.notebook["cells"][0]["outputs"] == []


def test_a_copy_of_a_test_is_replaced_too_and_all_must_pass() -> None:
    instructor = notebook(cell("assert x", "test", "t"))
    student = notebook(cell("pass", "test", "t"), cell("pass", "test", "t"))
    plan = plan_grading(instructor, student)
    assert [each["source"] for each in plan.notebook["cells"]] == ["assert x", "assert x"]

    plan.notebook["cells"][0]["outputs"] = [{"output_type": "error", "traceback": []}]
    assert scores_of(plan.notebook, plan.ids) == {"t": Score(1, 0, manual=False)}


@pytest.mark.parametrize("vector", GRADES, ids=lambda vector: vector["name"])
def test_scores_are_those_of_the_package_nbgrader(vector: dict[str, Any]) -> None:
    scores = scores_of(notebook(vector["cell"]), ["g0"])
    assert scores == {"g0": Score(vector["points"], vector["score"], manual=False)}


def test_only_tests_are_graded_by_themselves() -> None:
    made = notebook(
        cell("", "test", "t", points=2.5),
        cell("", "mc_test", "mc"),
        cell("", "manual", "m", points=3),
        cell("", "task", "k", "markdown"),
        cell("", "test", "zero", points=0),
        cell("", "auto", "s"),
    )
    scores = scores_of(made, ["t", "mc", "m", "k", "zero", "s"])
    assert {name: score.to_wire() for name, score in scores.items()} == {
        "t": {"score": 2.5, "points": 2.5, "manual": False},
        "mc": {"score": 1, "points": 1, "manual": False},
        "m": {"points": 3, "manual": True},
        "k": {"points": 1, "manual": True},
    }


@pytest.mark.parametrize(
    ("language", "output", "fails"),
    [
        ("python", printed("warning", "stderr"), False),
        ("python", printed("error: x"), False),
        ("octave", printed("error: x"), True),
        ("octave", printed("no error: x"), False),
        ("R", printed("── \x1b[1m\x1b[33mFailure\x1b[39m: x ─────\n"), True),
        ("R", printed("\x1b[33m── \x1b[39mx ─────\n"), True),
        ("R", printed("── all is well ──\n"), False),
        ("python", {"traceback": ["time is over"]}, True),
        ("python", {"output_type": "error"}, True),
        ("python", {"output_type": "execute_result", "data": {"text/plain": "0.5"}}, False),
    ],
)
def test_a_test_fails_by_an_error_or_as_its_language_tells_it(
    language: str, output: dict[str, Any], fails: bool
) -> None:
    made = notebook({**cell("", "test", "t"), "outputs": [output]}, language=language)
    assert scores_of(made, ["t"])["t"].score == (0 if fails else 1)


def test_what_was_entered_by_hand_stays() -> None:
    new = {"m": Score(3), "t": Score(1, 0, manual=False), "k": Score(2)}
    old = {"m": Score(3, 2), "t": Score(1, 1, manual=False), "gone": Score(1, 1)}
    assert kept_scores(new, old) == {
        "m": Score(3, 2),
        "t": Score(1, 0, manual=False),
        "k": Score(2),
    }


def test_the_grade_is_written_when_nothing_is_missing_and_over_no_words() -> None:
    scores = {"a": Score(2.5, 0.5), "b": Score(1, 1, manual=False)}
    assert overall_grade(scores) == "1.5/3.5"
    assert overall_grade(scores, "0/3.5") == "1.5/3.5"
    assert overall_grade(scores, "excellent") == "excellent"
    assert overall_grade({**scores, "c": Score(1)}, "1/2") == "1/2"
    assert overall_grade({}) == ""


def test_hidden_tests_are_not_shown_nor_quoted() -> None:
    text = "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(41) == 42\n### END HIDDEN TESTS"
    quote = {
        "output_type": "error",
        "ename": "AssertionError",
        "evalue": "",
        "traceback": ["\x1b[1massert \x1b[32mf(41) == 42\x1b[0m"],
    }
    ran = notebook({**cell(text, "test", "t"), "outputs": [printed("ok"), quote]}, cell("f = 1"))

    shown = hide_tests(ran)

    assert shown["cells"][0]["source"] == "assert f(1) == 2"
    assert shown["cells"][0]["outputs"] == [printed("ok"), printed(HIDDEN_NOTICE, "stderr")]
    assert "f(41)" not in json.dumps(shown)
    assert "f(41)" in json.dumps(ran)
