"""What is run to grade a student's notebook, and the points that it gets (pure; §9.6)."""

import copy
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .cell_types import cell_type_of
from .markers import HIDDEN_TESTS, lines_inside, replace_regions
from .metadata import grading_of, points_of
from .stubs import language_key
from .student_version import cell_of_notebook, language_of_notebook

__all__ = [
    "GradingPlan",
    "Score",
    "hide_tests",
    "kept_scores",
    "overall_grade",
    "plan_grading",
    "scores_of",
]

HIDDEN_NOTICE: Final = "A hidden test failed.\n"

_AUTOMATIC: Final = frozenset({"test", "mc_test"})
_FAILURE_KEYS: Final = frozenset({"traceback", "ename", "evalue"})
_ANSI: Final = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
_TESTTHAT: Final = re.compile(r"── *(?:\x1b\[[\d;]*m)+ *(?:Failure|Error)|\x1b\[[\d;]*m── ")
_GRADE: Final = re.compile(r"\s*-?\d+(?:\.\d+)?\s*/\s*\d+(?:\.\d+)?\s*")
_MIN_QUOTE: Final = 4


@dataclass(frozen=True, slots=True)
class GradingPlan:
    """The notebook to run, and the ids of the cells that give points, in their order."""

    notebook: dict[str, Any]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What a cell gets of its points; without a score somebody has to say."""

    points: float
    score: float | None = None
    manual: bool = True

    def to_wire(self) -> dict[str, Any]:
        """Return the score as clients keep it."""
        known = {} if self.score is None else {"score": self.score}
        return {**known, "points": self.points, "manual": self.manual}


def plan_grading(instructor: Mapping[str, Any], student: Mapping[str, Any]) -> GradingPlan:
    """Return the student's notebook with the instructor's tests, whatever became of them.

    Tests that are missing are run at the end.
    """
    tests = {
        str(grading["grade_id"]): cell
        for cell in instructor.get("cells", ())
        if (grading := _grading(cell)).get("grade_id")
        and grading.get("grade")
        and not grading.get("solution")
    }
    cells, found = [], set()
    for cell in student.get("cells", ()):
        grade_id = str(_grading(cell).get("grade_id") or "")
        cells.append(_replaced(cell, tests[grade_id]) if grade_id in tests else cell)
        found.add(grade_id)
    cells += [test for grade_id, test in tests.items() if grade_id not in found]
    notebook = copy.deepcopy({**student, "cells": cells})
    return GradingPlan(notebook, tuple(_gradeable_ids(instructor)))


def scores_of(notebook: Mapping[str, Any], ids: Iterable[str]) -> dict[str, Score]:
    """Return the scores of a notebook that was run, by grade id, for cells that give points.

    A test is passed or not. Of several cells with one id all must pass.
    """
    language = language_key(language_of_notebook(notebook) or "")
    wanted = list(dict.fromkeys(ids))
    scores: dict[str, Score] = {}
    for cell in notebook.get("cells", ()):
        grading = _grading(cell)
        grade_id, points = str(grading.get("grade_id") or ""), points_of(grading)
        if grade_id not in wanted or not points:
            continue
        score = Score(points)
        if cell_type_of(grading) in _AUTOMATIC:
            score = Score(points, 0 if _has_failed(cell, language) else points, manual=False)
        scores[grade_id] = _worse(scores.get(grade_id), score)
    return {grade_id: scores[grade_id] for grade_id in wanted if grade_id in scores}


def kept_scores(new: Mapping[str, Score], old: Mapping[str, Score]) -> dict[str, Score]:
    """Return new scores with what was entered by hand before."""
    return {
        grade_id: old[grade_id]
        if score.manual and grade_id in old and old[grade_id].score is not None
        else score
        for grade_id, score in new.items()
    }


def overall_grade(scores: Mapping[str, Score], current: str = "") -> str:
    """Return ``score/points`` once nothing is missing; what somebody wrote instead stays."""
    if current.strip() and not _GRADE.fullmatch(current):
        return current
    values = [score.score for score in scores.values()]
    known = [value for value in values if value is not None]
    if not scores or len(known) < len(values):
        return current
    total = math.fsum(score.points for score in scores.values())
    return f"{_plain(math.fsum(known))}/{_plain(total)}"


def hide_tests(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook that was run without hidden tests, and without outputs that quote them."""
    new = copy.deepcopy(dict(notebook))
    quotes = {line.strip() for cell in new.get("cells", ()) for line in _hidden_lines(cell)}
    quotes = {line for line in quotes if len(line) >= _MIN_QUOTE}
    for cell in new.get("cells", ()):
        if _is_test(cell):
            source = cell_of_notebook(cell, 0).source
            cell["source"] = replace_regions(source, HIDDEN_TESTS)[0]
        if cell.get("outputs") and quotes:
            cell["outputs"] = _without_quotes(cell["outputs"], quotes)
    return new


def _grading(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    return grading_of(cell.get("metadata")) or {}


def _gradeable_ids(instructor: Mapping[str, Any]) -> list[str]:
    gradings = [_grading(cell) for cell in instructor.get("cells", ())]
    return [
        str(grading["grade_id"])
        for grading in gradings
        if grading.get("grade_id") and (grading.get("grade") or points_of(grading))
    ]


def _replaced(cell: Mapping[str, Any], test: Mapping[str, Any]) -> dict[str, Any]:
    new = {**cell, **{name: test.get(name) for name in ("cell_type", "metadata", "source")}}
    if new["cell_type"] == "code":
        return {"outputs": [], "execution_count": None, **new}
    return {
        name: value for name, value in new.items() if name not in {"outputs", "execution_count"}
    }


def _worse(one: Score | None, other: Score) -> Score:
    if one is None or one.score is None or other.score is None:
        return other
    return min(one, other, key=lambda score: score.score or 0)


def _has_failed(cell: Mapping[str, Any], language: str) -> bool:
    return any(_is_failure(output, language) for output in cell.get("outputs") or ())


def _is_failure(output: Mapping[str, Any], language: str) -> bool:
    if output.keys() & _FAILURE_KEYS or output.get("output_type") == "error":
        return True
    if output.get("name") != "stdout":
        return False
    text = _joined(output.get("text"))
    if language == "octave":
        return text.startswith("error: ")
    return language == "r" and _TESTTHAT.search(text) is not None


def _is_test(cell: Mapping[str, Any]) -> bool:
    grading = _grading(cell)
    return bool(grading.get("grade")) and not grading.get("solution")


def _hidden_lines(cell: Mapping[str, Any]) -> list[str]:
    return lines_inside(cell_of_notebook(cell, 0).source, HIDDEN_TESTS) if _is_test(cell) else []


def _without_quotes(outputs: list[Any], quotes: set[str]) -> list[Any]:
    shown = [output for output in outputs if not _quotes(output, quotes)]
    if len(shown) == len(outputs):
        return outputs
    return [*shown, {"output_type": "stream", "name": "stderr", "text": HIDDEN_NOTICE}]


def _quotes(output: Mapping[str, Any], quotes: set[str]) -> bool:
    texts = [_joined(output.get(name)) for name in ("text", "evalue")]
    texts.append("\n".join(map(str, output.get("traceback") or ())))
    data = output.get("data")
    texts += [_joined(value) for value in data.values()] if isinstance(data, Mapping) else []
    plain = _ANSI.sub("", "\n".join(texts))
    return any(quote in plain for quote in quotes)


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:.2f}".rstrip("0")
