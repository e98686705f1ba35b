"""Making, checking and grading assignments in a running project (syncdoc-jupyter §9.4, §9.6)."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import RemoteError
from ...conat.protocol.subjects import project_subject
from ...conat.services.file_writing import write_file
from ...conat.services.service import call
from ...conat.types import ProjectId
from ...documents.notebook_actions.actions import NotebookActions
from ...documents.notebook_actions.changes import Change, Delete, Set, map_changes, set_settings
from ...documents.notebook_actions.notebook import Notebook, open_notebook
from ...documents.notebook_actions.reading import (
    cell_type_of,
    cells_in_order,
    input_of,
    metadata_of,
    settings_of,
)
from ...documents.syncdoc.records import Record, Records
from .grading import Score, hide_tests, plan_grading, scores_of
from .limits import RunLimits
from .student_version import AssignmentCell, StubStyle, student_cells
from .toolbar import tidy_grading

__all__ = [
    "COURSE_LIMITS",
    "Graded",
    "create_assignment",
    "grade",
    "make_student_version",
    "student_path",
    "validate",
]

COURSE_LIMITS: Final = RunLimits(
    max_total_time_ms=600_000,
    max_time_per_cell_ms=60_000,
    max_output=4_000_000,
    max_output_per_cell=500_000,
)
DEFAULT_RUN_S: Final = 1_200.0
_GRACE_S: Final = 60.0
_EMPTY: Final = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

_OF_A_RUN: Final = frozenset(
    {"output", "exec_count", "state", "start", "end", "last", "kernel", "no_halt", "collapsed"}
)
_TAKEN_OVER: Final = ("kernel", "max_output_length")


@dataclass(frozen=True, slots=True)
class Graded:
    """A student's notebook that was run, and its scores by grade id."""

    notebook: dict[str, Any]
    scores: dict[str, Score]


def student_path(path: str) -> str:
    """Return where the students' version of a notebook goes."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, "student", name)


async def create_assignment(
    client: Client, *, project_id: str, path: str, minimal: bool = False
) -> str:
    """Make the students' version of a notebook beside it; return its path.

    Grade ids are made unique first. ``minimal`` stubs are comments only; the choice is kept in
    the notebook. Raises AssignmentError, and what ``open_notebook`` and saving raise.
    """
    target = student_path(path)
    await _ensure_notebook(client, project_id, target)
    async with (
        open_notebook(client, project_id=project_id, path=path) as instructor,
        open_notebook(client, project_id=project_id, path=target) as student,
    ):
        language = await _language(instructor)
        make_student_version(instructor, student, language=language, minimal=minimal)
        await instructor.save()
        await student.save_file()
    return target


def make_student_version(
    instructor: NotebookActions,
    student: NotebookActions,
    *,
    language: str | None,
    minimal: bool = False,
) -> None:
    """Replace what a notebook holds by the students' version of another one.

    Raises MarkerError and LanguageUnknownError, with the students' notebook unchanged.
    """
    choice = {"nbgrader": {"cocalc_minimal_stubs": minimal}}
    with instructor.together():
        tidy_grading(instructor)
        instructor.set_notebook_metadata(choice, merge=True)
    cells = cells_in_order(instructor.records)
    done = student_cells(map(_assignment_cell, cells), StubStyle(language, minimal))
    originals = {cell["id"]: cell for cell in cells}
    new = [_student_record(originals[cell.id], cell) for cell in done]
    student.edit(_replace_all, new, settings_of(instructor.records))


async def validate(notebook: Notebook, *, timeout_s: float | None = None) -> list[str]:
    """Restart the kernel and run all cells without halting; return the cells with errors."""
    await notebook.restart()
    ids = await notebook.run_all(no_halt=True)
    await notebook.wait_until_done(timeout_s=timeout_s)
    return [
        cell_id
        for cell_id in ids
        if any(
            isinstance(message, Mapping) and "ename" in message
            for message in notebook.model.outputs(cell_id)
        )
    ]


async def grade(
    client: Client,
    *,
    project_id: str,
    instructor: str,
    student: str,
    limits: RunLimits = COURSE_LIMITS,
    shows_hidden_tests: bool = False,
) -> Graded:
    """Run a student's notebook with the instructor's tests, in the folder of the student's.

    Both are paths. Raises RemoteError with the project's reason, and RequestTimeout.
    """
    subject = _api(project_id)
    texts = [
        await call(client, subject, "editor.jupyterStripNotebook", [path])
        for path in (instructor, student)
    ]
    plan = plan_grading(json.loads(texts[0]), json.loads(texts[1]))
    request = {
        "path": posixpath.dirname(student),
        "ipynb": json.dumps(plan.notebook),
        "nbgrader": True,
        "limits": asdict(limits),
    }
    total_s = limits.max_total_time_ms / 1000
    timeout_s = _GRACE_S + 2 * total_s if total_s else DEFAULT_RUN_S
    text = await call(client, subject, "editor.jupyterRunNotebook", [request], timeout_s=timeout_s)
    notebook = json.loads(text)
    scores = scores_of(notebook, plan.ids)
    return Graded(notebook if shows_hidden_tests else hide_tests(notebook), scores)


async def _ensure_notebook(client: Client, project_id: str, path: str) -> None:
    """Make an empty notebook, and its folder, where there is none that can be opened."""
    try:
        await call(client, _api(project_id), "editor.jupyterStripNotebook", [path])
    except RemoteError:
        data = json.dumps(_EMPTY).encode()
        await write_file(client, project_id=project_id, path=path, data=data)


def _api(project_id: str) -> str:
    return project_subject(ProjectId(project_id), "api", compute_server_id=0)


async def _language(notebook: Notebook) -> str | None:
    """Return the language of a notebook: as it says, or as its kernel has it."""
    info = notebook.model.metadata.get("language_info")
    name = info.get("name") if isinstance(info, Mapping) else None
    if isinstance(name, str) and name:
        return name
    await notebook.load_kernels()
    spec = notebook.model.kernels_by_name.get(notebook.model.kernel or "", {})
    return spec.get("language") or None


def _assignment_cell(cell: Record) -> AssignmentCell:
    return AssignmentCell(cell["id"], cell_type_of(cell), input_of(cell), metadata_of(cell))


def _student_record(original: Record, cell: AssignmentCell) -> dict[str, Any]:
    kept = {name: value for name, value in original.items() if name not in _OF_A_RUN}
    return {**kept, "input": cell.source, "metadata": dict(cell.metadata) or None}


def _replace_all(records: Records, cells: list[dict[str, Any]], settings: Record) -> list[Change]:
    changes: list[Change] = [
        Delete({"type": "cell", "id": cell["id"]})
        for cell in records.get({"type": "cell"})
        if cell.get("id") is not None
    ]
    changes += [Set(cell) for cell in cells]
    fields = {name: settings.get(name) for name in _TAKEN_OVER}
    old = settings_of(records).get("metadata")
    fields["metadata"] = map_changes(old, metadata_of(settings))
    return [*changes, set_settings(**fields)]
