"""syncdoc-jupyter §11: Python errors carry the line with two lines of context."""

from cocalc_jupyter_ext.project.formatting.messages import (
    MAX_MESSAGE,
    python_message,
    readable,
)

SOURCE = "\n".join(f"line{number}" for number in range(1, 9))


def test_the_line_is_shown_with_two_lines_around_it() -> None:
    assert python_message("yapf: input.py:4:2: unindent does not match", SOURCE) == (
        "line 4, column 2: unindent does not match\n"
        "  2: line2\n"
        "  3: line3\n"
        "> 4: line4\n"
        "  5: line5\n"
        "  6: line6"
    )


def test_at_the_ends_there_is_less_around_it() -> None:
    assert python_message("input.py:1:1: x", SOURCE).splitlines()[1:] == [
        "> 1: line1",
        "  2: line2",
        "  3: line3",
    ]
    assert python_message("input.py:9:1: x", SOURCE).splitlines()[1:] == [
        "  7: line7",
        "  8: line8",
    ]


def test_other_messages_stay_as_they_are() -> None:
    assert python_message("out of memory\n", SOURCE) == "out of memory"


def test_messages_are_without_what_biber_tells_of_its_progress() -> None:
    said = "INFO - This is Biber\nERROR - line 9, syntax error\nINFO - ERRORS: 1\n"

    assert readable(said) == "ERROR - line 9, syntax error"


def test_messages_are_short_and_without_colours() -> None:
    assert readable("\x1b[31merror\x1b[39m: no\n") == "error: no"
    assert len(readable("x" * 100_000)) == MAX_MESSAGE
