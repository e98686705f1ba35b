"""What an empty cell begins with when it gets a type (pure; syncdoc-jupyter §9.2)."""

from collections.abc import Mapping
from typing import Final

from .stubs import language_key

__all__ = ["template_of"]

_COMMENTS: Final = {"python": "#", "r": "#", "julia": "#", "octave": "%"}

_SOLUTIONS: Final[Mapping[str, str]] = {
    "python": "def answer():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION",
    "r": "answer <- function() {\n    ### BEGIN SOLUTION\n    42\n    ### END SOLUTION\n}",
    "julia": "function answer()\n    ### BEGIN SOLUTION\n    42\n    ### END SOLUTION\nend",
    "octave": "function x = answer()\n    %% BEGIN SOLUTION\n    x = 42;\n    %% END SOLUTION\nend",
}
_CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "python": ("assert answer() is not None", "assert answer() == 42"),
    "r": ("stopifnot(!is.null(answer()))", "stopifnot(answer() == 42)"),
    "julia": ("@assert answer() !== nothing", "@assert answer() == 42"),
    "octave": ("assert(!isempty(answer()))", "assert(answer() == 42)"),
}
_MULTIPLE_CHOICE: Final[Mapping[str, tuple[str, str]]] = {
    "python": ('choice = ""', 'assert choice == "a"'),
    "r": ('choice <- ""', 'stopifnot(choice == "a")'),
    "julia": ('choice = ""', '@assert choice == "a"'),
    "octave": ('choice = "";', 'assert(strcmp(choice, "a"))'),
}


_TEXTS: Final[Mapping[str, str]] = {
    "manual": "The question.\n\n### BEGIN SOLUTION\nThe answer.\n### END SOLUTION",
    "task": (
        "What is to be done.\n\n"
        "=== BEGIN MARK SCHEME ===\nHow it is graded.\n=== END MARK SCHEME ==="
    ),
    "mc_question": "Which one is right?\n\n- a: this one\n- b: that one\n- c: none of them",
    "readonly": "Students can read this cell, but not change it.",
    "instructor": "Only instructors see this cell.",
}


def template_of(name: str, cell_type: str, language: str) -> str:
    """Return the text for a blank cell of this type; empty where there is nothing to suggest."""
    if cell_type != "code":
        return _TEXTS.get(name, "")
    key = language_key(language)
    return _code(key).get(name, "") if key in _COMMENTS else ""


def _code(key: str) -> dict[str, str]:
    comment, (shown, hidden) = _COMMENTS[key], _CHECKS[key]
    choice, choice_test = _MULTIPLE_CHOICE[key]
    return {
        "manual": _SOLUTIONS[key],
        "auto": _SOLUTIONS[key],
        "test": f"{comment} Tests that students see.\n{shown}\n{_hidden(comment, hidden)}",
        "mc_answer": f"{comment} Write the letter of your answer between the quotes.\n{choice}",
        "mc_test": _hidden(comment, choice_test),
        "readonly": f"{comment} Students can run this cell, but not change it.",
        "instructor": f"{comment} Only instructors see this cell.",
    }


def _hidden(comment: str, test: str) -> str:
    mark = comment * 3
    return f"{mark} BEGIN HIDDEN TESTS\n{test}\n{mark} END HIDDEN TESTS"
