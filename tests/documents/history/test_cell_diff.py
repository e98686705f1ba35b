"""Notebooks are compared cell by cell."""

import itertools
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.history.cell_diff import CellStatus, diff_notebooks, moved_ids


def cell(cell_id: str, source: str = "", **parts: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    return {"id": cell_id, "source": source, **empty, **parts}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata}


def test_equal_notebooks_have_no_changes() -> None:
    one = notebook(cell("a", "1"), kernelspec={"name": "python3"})

    assert diff_notebooks(one, one).to_json() == {"cells": [], "metadata": None}


def test_a_changed_source_is_shown_line_by_line() -> None:
    old = notebook(cell("a", "x = 1\ny = 2"), cell("b", "z"))
    new = notebook(cell("a", "x = 1\ny = 3"), cell("b", "z"))

    [change] = diff_notebooks(old, new).cells

    assert (change.cell_id, change.status, change.has_moved) == ("a", CellStatus.CHANGED, False)
    assert change.parts["source"][0]["lines"] == [["=", "x = 1\n"], ["-", "y = 2"], ["+", "y = 3"]]
    assert set(change.parts) == {"source"}


def test_each_other_part_is_shown_as_it_was_and_is() -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": "1\n"}]
    old = notebook(cell("a", "1"))
    new = notebook(cell("a", "1", outputs=outputs, execution_count=3, metadata={"tags": ["t"]}))

    [change] = diff_notebooks(old, new).cells

    assert change.parts == {
        "outputs": {"old": [], "new": outputs},
        "execution_count": {"old": None, "new": 3},
        "metadata": {"old": {}, "new": {"tags": ["t"]}},
    }


def test_added_and_removed_cells_are_shown_with_what_they_hold() -> None:
    old = notebook(cell("a", "1"), cell("gone", "2"), cell("c", "3"))
    new = notebook(cell("a", "1"), cell("new", "4"), cell("c", "3"))

    shown = [
        (each.cell_id, each.status, each.old_index, each.new_index, set(each.parts))
        for each in diff_notebooks(old, new).cells
    ]

    assert shown == [
        ("gone", CellStatus.REMOVED, 1, None, {"source", "cell_type"}),
        ("new", CellStatus.ADDED, None, 1, {"source", "cell_type"}),
    ]


def test_a_moved_cell_is_one_change() -> None:
    cells = [cell(name, name) for name in "abcde"]
    moved = [cells[4], *cells[:4]]

    [change] = diff_notebooks(notebook(*cells), notebook(*moved)).cells

    assert change.to_json() == {
        "id": "e",
        "status": "moved",
        "old_index": 4,
        "new_index": 0,
        "moved": True,
        "parts": {},
    }


def test_a_cell_can_be_changed_and_moved() -> None:
    old = notebook(cell("a"), cell("b"), cell("c", "1"))
    new = notebook(cell("c", "2"), cell("a"), cell("b"))

    [change] = diff_notebooks(old, new).cells

    assert (change.status, change.has_moved) == (CellStatus.CHANGED, True)


def test_metadata_of_the_notebook_are_compared() -> None:
    assert diff_notebooks(notebook(k=1), notebook(k=2)).metadata == {
        "old": {"k": 1},
        "new": {"k": 2},
    }


@pytest.mark.parametrize("count", range(6))
def test_no_smaller_set_of_cells_could_be_moved(count: int) -> None:
    old = list("abcdef")[:count]
    for new in itertools.permutations(old):
        moved = moved_ids(old, new)
        stay = [cell_id for cell_id in new if cell_id not in moved]
        longest = max(
            size
            for size in range(count + 1)
            if any(list(some) == sorted(some) for some in itertools.combinations(new, size))
        )

        assert stay == sorted(stay)
        assert len(stay) == longest
