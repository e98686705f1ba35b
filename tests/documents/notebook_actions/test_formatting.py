"""What formatters get of cells (syncdoc-jupyter §11, "Notebook cells")."""

import pytest

from cocalc_jupyter_ext.documents.notebook_actions.errors import (
    InvalidActionError,
    NotFormattableError,
)
from cocalc_jupyter_ext.documents.notebook_actions.formatting import (
    for_formatter,
    from_formatter,
    is_formattable,
    parser_of,
)

MAGICS = "%matplotlib inline\nif x:\n    %time f( 1 )\n    !ls  -l\ny = 5 % 3\n"


@pytest.mark.parametrize(
    ("language", "parser"),
    [
        ("python", "python"),
        ("Python 3", "python"),
        ("R", "formatR"),
        ("C++17", "clang-format"),
        ("javascript", "babel"),
    ],
)
def test_each_language_has_its_formatter(language: str, parser: str) -> None:
    assert parser_of("code", language) == parser
    assert parser_of("markdown", language) == "markdown"


def test_a_language_without_a_formatter_is_named() -> None:
    with pytest.raises(InvalidActionError, match="no formatter is known for cells in prolog"):
        parser_of("code", "prolog")


def test_magics_are_comments_for_the_formatter_and_come_back() -> None:
    hidden = for_formatter("a", "python", MAGICS)

    compile(hidden.replace("if x:\n", "if x:\n    pass\n"), "cell", "exec")
    assert from_formatter("python", hidden) == MAGICS.rstrip()
    assert "y = 5 % 3" in hidden


def test_other_languages_are_left_as_they_are() -> None:
    assert for_formatter("a", "markdown", MAGICS) == MAGICS


def test_a_cell_that_has_the_mark_already_is_refused() -> None:
    hidden = for_formatter("a", "python", MAGICS)

    with pytest.raises(NotFormattableError, match="cell 'b' has a line that begins with"):
        for_formatter("b", "python", hidden)


def test_the_result_is_trimmed() -> None:
    assert from_formatter("markdown", "\n    code\n\n") == "    code"


@pytest.mark.parametrize(
    ("cell_type", "text", "expected"),
    [
        ("code", "x=1", True),
        ("code", " \n", False),
        ("code", "%%time\nx=1", True),
        ("code", "\n%%bash\nls", False),
        ("markdown", "%%x", True),
        ("raw", "x", False),
    ],
)
def test_what_is_no_python_at_all_is_left_alone(
    cell_type: str, text: str, *, expected: bool
) -> None:
    assert is_formattable(cell_type, text) is expected
