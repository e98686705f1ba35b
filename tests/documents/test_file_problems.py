from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

from cocalc_jupyter_ext.documents.file_problems import FILE_PROBLEM, FileProblems, ProblemKind


class Shown:
    """A document of which only the state matters."""

    def __init__(self, **state: Any) -> None:
        self.state: dict[str, Any] = state
        self.ydoc = SimpleNamespace(ystate=self.state)
        self.edits = 0
        self.told: list[str] = []
        self.problems = FileProblems(self, self._tell)  # type: ignore[arg-type]  # all it needs

    def edit(self) -> AbstractContextManager[None]:
        self.edits += 1
        return nullcontext()

    def arise(self, kind: ProblemKind, message: str) -> None:
        self.problems.arise(kind, message, action="save", level="ERROR")

    def _tell(self, action: str, message: str, level: str) -> None:
        self.told.append(f"{level} {action}: {message}")


def test_a_problem_is_told_once_and_shown_until_it_ends() -> None:
    document = Shown()

    for _ in range(3):
        document.arise(ProblemKind.SAVING, "disk full")
    assert document.told == ["ERROR save: disk full"]
    assert document.state == {FILE_PROBLEM: "disk full"}

    document.problems.end(ProblemKind.SAVING)
    document.problems.end(ProblemKind.SAVING)
    assert document.state == {}
    assert document.edits == 2

    document.arise(ProblemKind.SAVING, "disk full")
    assert document.told == ["ERROR save: disk full"] * 2


def test_what_keeps_edits_from_the_file_is_shown_before_what_is_wrong_in_it() -> None:
    document = Shown()

    document.arise(ProblemKind.CONTENT, "no notebook")
    document.arise(ProblemKind.SAVING, "disk full")
    assert document.state == {FILE_PROBLEM: "disk full"}
    document.arise(ProblemKind.CONTENT, "deleted")
    assert document.state == {FILE_PROBLEM: "disk full"}
    document.problems.end(ProblemKind.SAVING)
    assert document.state == {FILE_PROBLEM: "deleted"}


def test_a_problem_of_an_earlier_process_is_not_shown_for_ever() -> None:
    document = Shown(**{FILE_PROBLEM: "disk full", "dirty": False})

    document.problems.show()

    assert document.state == {"dirty": False}
