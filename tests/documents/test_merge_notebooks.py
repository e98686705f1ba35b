"""Three versions of a notebook become one."""

from typing import Any

from cocalc_jupyter_ext.documents.merge_notebooks import merge_notebooks, with_ids_of


def cell(cell_id: str, source: str = "", **fields: Any) -> dict[str, Any]:
    empty = {"execution_count": None, "metadata": {}, "outputs": []}
    return {"cell_type": "code", "id": cell_id, "source": source, **empty, **fields}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def shown(merged: Any) -> list[tuple[str, str]]:
    return [(each["id"], each["source"]) for each in merged.value["cells"]]


def test_edits_of_different_cells_are_both_kept() -> None:
    merged = merge_notebooks(
        notebook(cell("a", "1"), cell("b", "2")),
        notebook(cell("a", "1!"), cell("b", "2")),
        notebook(cell("a", "1"), cell("b", "2?")),
    )

    assert shown(merged) == [("a", "1!"), ("b", "2?")]
    assert merged.is_clean


def test_edits_of_one_cell_are_merged_and_a_conflict_keeps_ours_and_says_so() -> None:
    base = notebook(cell("a", "x = 1\ny = 2"))

    both = merge_notebooks(
        base, notebook(cell("a", "x = 7\ny = 2")), notebook(cell("a", "x = 1\ny = 9"))
    )
    conflict = merge_notebooks(
        base, notebook(cell("a", "x = 7\ny = 2")), notebook(cell("a", "x = 8\ny = 2"))
    )

    assert (shown(both), both.is_clean) == ([("a", "x = 7\ny = 9")], True)
    assert (shown(conflict), conflict.is_clean) == ([("a", "x = 8\ny = 2")], False)


def test_new_cells_of_both_sides_stand_where_they_were_put() -> None:
    merged = merge_notebooks(
        notebook(cell("a"), cell("b")),
        notebook(cell("0"), cell("a"), cell("t"), cell("b")),
        notebook(cell("a"), cell("b"), cell("o")),
    )

    assert [cell_id for cell_id, _ in shown(merged)] == ["0", "a", "t", "b", "o"]


def test_a_deleted_cell_goes_unless_the_other_side_wrote_in_it() -> None:
    base = notebook(cell("a", "1"), cell("b", "2"), cell("c", "3"), cell("d", "4"))
    theirs = notebook(cell("b", "2 theirs"), cell("c", "3"))
    ours = notebook(cell("a", "1"), cell("c", "3"), cell("d", "4 ours"))

    merged = merge_notebooks(base, theirs, ours)

    assert sorted(shown(merged)) == [("b", "2 theirs"), ("c", "3"), ("d", "4 ours")]


def test_a_cell_that_only_ran_again_can_be_deleted() -> None:
    ran = cell("a", "1", execution_count=5, outputs=[{"output_type": "stream"}])

    assert shown(merge_notebooks(notebook(cell("a", "1")), notebook(), notebook(ran))) == []


def test_cells_that_only_one_side_moved_stand_where_it_put_them() -> None:
    base = notebook(cell("a"), cell("b"), cell("c"))
    moved = notebook(cell("c"), cell("a"), cell("b"))

    for merged in (merge_notebooks(base, moved, base), merge_notebooks(base, base, moved)):
        assert [cell_id for cell_id, _ in shown(merged)] == ["c", "a", "b"]


def test_results_of_both_sides_are_ours_without_a_word() -> None:
    merged = merge_notebooks(
        notebook(cell("a", execution_count=1)),
        notebook(cell("a", execution_count=2)),
        notebook(cell("a", execution_count=3)),
    )

    assert merged.value["cells"][0]["execution_count"] == 3
    assert merged.is_clean


def test_metadata_of_cells_and_of_the_notebook_merge_name_by_name() -> None:
    merged = merge_notebooks(
        notebook(cell("a", metadata={"x": 1}), kernelspec={"name": "p"}),
        notebook(cell("a", metadata={"x": 1, "jupytext": 2}), kernelspec={"name": "p"}, git=1),
        notebook(cell("a", metadata={}), kernelspec={"name": "q"}),
    )

    assert merged.value["cells"][0]["metadata"] == {"jupytext": 2}
    assert merged.value["metadata"] == {"kernelspec": {"name": "q"}, "git": 1}
    assert merged.is_clean


def test_a_cell_whose_type_changed_is_taken_as_a_whole() -> None:
    text = {"cell_type": "markdown", "id": "a", "source": "1", "metadata": {}}

    assert merge_notebooks(
        notebook(cell("a", "1")), notebook(text), notebook(cell("a", "1"))
    ).value["cells"] == [text]
    assert not merge_notebooks(
        notebook(cell("a", "1")), notebook(text), notebook(cell("a", "1 ours"))
    ).is_clean


def test_cells_of_a_file_without_ids_get_those_of_the_cells_they_look_like() -> None:
    known = notebook(cell("a", "import x"), cell("b", "y = 1"), cell("c", "plot()"))
    bare = [cell("", "# title"), cell("", "import x"), cell("", "y = 2"), cell("", "plot()")]
    for each in bare:
        del each["id"]

    found = with_ids_of(known, notebook(*bare))

    assert [each.get("id") for each in found["cells"]] == [None, "a", "b", "c"]
    assert with_ids_of(known, known) == known
