"""The lines of the contract on documents: each is held by a test that names its section."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_checklists import docstrings

TESTS = Path(__file__).parent
TABLE = TESTS / "documents" / "CHECKLISTS.md"
SPEC = TESTS.parent / "cocalc_jupyter_ext" / "documents" / "SPEC.md"
SIZES = {
    "§13, String documents": 3,
    "§13, String patches": 4,
    "§13, DB documents": 12,
    "§13, Patch list": 9,
    "§13, SyncDoc (string)": 11,
    "§13, Open files and object store": 3,
    "§13, Names and hashes": 2,
    "§14, What is enough": 4,
}
"""How many lines the groups have."""


def groups() -> Iterator[tuple[str, list[str]]]:
    """Yield the section with its group, and the lines of each table."""
    for part in TABLE.read_text().split("\n## syncdoc-jupyter ")[1:]:
        title, *lines = part.splitlines()
        yield title, [line for line in lines if line.startswith("| ")][1:]


def claims() -> list[tuple[str, str]]:
    found = {
        (title.split(",")[0], test)
        for title, lines in groups()
        for line in lines
        for test in re.findall(r"`([\w/]+\.py::[\w:]+)`", line)
    }
    return sorted(found)


@pytest.mark.parametrize(("section", "test"), claims())
def test_each_line_is_held_by_a_test_that_names_the_section(section: str, test: str) -> None:
    said = docstrings(test)

    assert said is not None, f"{test} does not exist"
    assert re.search(rf"{section}(?!\d|\.\d)", said), f"{test} does not name {section}"


def test_the_table_has_all_groups_and_all_their_lines() -> None:
    assert {title: len(lines) for title, lines in groups()} == SIZES


def test_each_line_names_a_test() -> None:
    for _, lines in groups():
        for line in lines:
            assert "::" in line, line


def test_the_rules_that_are_named_exist() -> None:
    rules = set(re.findall(r"^- \*\*(\w+)\*\*", SPEC.read_text(), re.MULTILINE))

    assert set(re.findall(r"\bSPEC ([A-Z]\d+)\)", TABLE.read_text())) <= rules
