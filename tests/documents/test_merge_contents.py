"""Three versions of a file's content become one."""

from typing import Any

from cocalc_jupyter_ext.documents.merge_contents import merge_contents
from cocalc_jupyter_ext.documents.merge_values import Merged


def bare(*sources: str) -> dict[str, Any]:
    """Return a notebook of a format that stores no ids."""
    cells = [{"cell_type": "raw", "source": source, "metadata": {}} for source in sources]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def test_texts_are_merged_as_texts() -> None:
    merged = merge_contents("a b", "A b", "a B", cell_ids=[], salt="s")

    assert merged == Merged("A B")


def test_cells_without_ids_are_found_again_under_the_ids_of_the_live_document() -> None:
    merged = merge_contents(
        bare("one", "two", "three"),
        bare("zero", "one", "two", "THREE"),
        bare("one", "2", "three"),
        cell_ids=["x", "y", "z"],
        salt="s",
    )

    assert merged is not None
    assert merged.is_clean
    cells = merged.value["cells"]
    assert [cell["source"] for cell in cells] == ["zero", "one", "2", "THREE"]
    assert [cell["id"] for cell in cells][1:] == ["x", "y", "z"]


def numbered(ids: str, *sources: str) -> dict[str, Any]:
    content = bare(*sources)
    for cell, cell_id in zip(content["cells"], ids, strict=True):
        cell["id"] = cell_id
    return content | {"nbformat_minor": 5}


def test_cells_that_a_program_numbers_anew_are_the_same_cells_syncdoc_7_1() -> None:
    merged = merge_contents(
        numbered("ab", "one", "two"),
        numbered("xyz", "zero", "one", "TWO"),
        numbered("anb", "one, typed", "new", "two"),
        cell_ids=["a", "n", "b"],
        salt="s",
    )

    assert merged is not None
    assert merged.is_clean
    cells = merged.value["cells"]
    assert [(cell["id"], cell["source"]) for cell in cells] == [
        ("x", "zero"),
        ("a", "one, typed"),
        ("n", "new"),
        ("b", "TWO"),
    ]


def test_a_cell_that_a_program_put_between_known_ones_is_a_new_one() -> None:
    merged = merge_contents(
        numbered("ab", "one", "two"),
        numbered("axb", "one", "two", "two"),
        numbered("ab", "one", "two, typed"),
        cell_ids=["a", "b"],
        salt="s",
    )

    assert merged is not None
    assert merged.is_clean
    assert [cell["source"] for cell in merged.value["cells"]] == ["one", "two", "two, typed"]


def test_other_kinds_of_content_and_doubled_cells_cannot_be_merged() -> None:
    assert merge_contents({"a": 1}, {"a": 2}, {"b": 1}, cell_ids=[], salt="s") is None
    assert merge_contents("text", bare(), bare(), cell_ids=[], salt="s") is None
    assert merge_contents(bare("a"), bare("a"), bare("a"), cell_ids=["x", "x"], salt="s") is None
