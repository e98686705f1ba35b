"""The table of the contract's checklists is true: each test exists and names its section."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TABLE = TESTS / "conat" / "CHECKLISTS.md"
SPEC = TESTS.parent / "cocalc_jupyter_ext" / "conat" / "SPEC.md"

GROUPS_OF_CORE = [
    *("Patterns", "Connecting", "Resync", "Authentication failure", "Publish and subscribe"),
    *("Request and reply", "Wait for interest", "Client services", "Limits"),
    *("Service framework and time", "Sockets, basic", "Sockets, keep-alive", "Sockets, restarts"),
    *("Sockets in a cluster", "Permission policy", "Cluster", "Core streams"),
]
SIZES = {
    "conat-core §21": [4, 8, 2, 1, 9, 4, 3, 3, 1, 6, 13, 2, 3, 1, 7, 2, 3],
    "conat-core §3.3": [7],
    "conat-core §19": [3],
    "conat-core §20": [19],
    **{
        f"conat-sync §7.{number}": [size]
        for number, size in enumerate([10, 8, 4, 7, 20, 13, 17, 4, 5, 8, 15, 4, 5, 3, 7], start=1)
    },
    "conat-sync §8.3": [10],
    "conat-sync §8.4": [8],
}
"""How many lines the groups have; of "Cluster" those that differ for one reason are one."""


def sections() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the document with its section, the group, and the lines of each table."""
    for part in TABLE.read_text().split("\n## ")[1:]:
        title, *lines = part.splitlines()
        section, group = title.split(", ", 1)
        yield section, group, [line for line in lines if line.startswith("| ")][1:]


def claims() -> list[tuple[str, str]]:
    """Return each section with each test that is said to hold a line of it."""
    found = {
        (section, test)
        for section, _, lines in sections()
        for line in lines
        for test in re.findall(r"`([\w/]+\.py::[\w:]+)`", line)
    }
    return sorted(found)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def docstrings(test: str) -> str | None:
    """Return what the test, its class and its module say; None if there is no such test."""
    name, *path = test.split("::")
    node: ast.AST = parsed(TESTS / name)
    said = [ast.get_docstring(node) or ""]  # type: ignore[arg-type]
    for part in path:
        inner = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == part]
        if not inner:
            return None
        (node,) = inner
        said.append(ast.get_docstring(node) or "")  # type: ignore[arg-type]
    return "\n".join(said)


@pytest.mark.parametrize(("section", "test"), claims())
def test_each_line_is_held_by_a_test_that_names_the_section(section: str, test: str) -> None:
    said = docstrings(test)
    assert said is not None, f"{test} does not exist"
    _, number = section.split()

    assert re.search(rf"{re.escape(number)}(?!\d|\.\d)", said), f"{test} does not name {section}"


def test_the_table_has_all_groups_and_all_their_lines() -> None:
    groups = list(sections())
    sizes = {
        section: [len(lines) for _, _, lines in found]
        for section, found in groupby(groups, key=lambda each: each[0])
    }

    assert sizes == SIZES
    assert [group for section, group, _ in groups if section.endswith("§21")] == GROUPS_OF_CORE


def test_each_line_names_a_test_or_the_rule_by_which_it_does_not_hold() -> None:
    for _, _, lines in sections():
        for line in lines:
            assert "`" in line or "differs" in line, line


def test_the_rules_that_are_named_exist() -> None:
    rules = set(re.findall(r"^- \*\*(\w+)\*\*", SPEC.read_text(), re.MULTILINE))
    named = re.findall(r"\b([A-Z]\d+)\)", TABLE.read_text())

    assert named
    assert set(named) <= rules
