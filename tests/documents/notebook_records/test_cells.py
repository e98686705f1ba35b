"""Cells and their records (syncdoc-jupyter §3.3, §7)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.notebook_records.cells import (
    PARTS,
    cell_from_record,
    fields_from_cell,
    record_from_cell,
)

CODE = {
    "cell_type": "code",
    "id": "abc",
    "source": "1 + 1",
    "metadata": {
        "collapsed": True,
        "scrolled": True,
        "tags": ["b", "a"],
        "slideshow": {"slide_type": "slide"},
        "jupyter": {"source_hidden": True},
    },
    "execution_count": 7,
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}] * 11,
}


def no_blobs(content: bytes) -> None:
    return None


def gone(blob: str) -> None:
    return None


def test_a_code_cell_becomes_a_record_and_back() -> None:
    record = record_from_cell(CODE, cell_id="abc", position=3, put=no_blobs)

    assert record == {
        "type": "cell",
        "id": "abc",
        "pos": 3,
        "input": "1 + 1",
        "cell_type": "code",
        "exec_count": 7,
        "output": {str(n): {"name": "stdout", "text": "2"} for n in range(11)},
        "collapsed": True,
        "scrolled": True,
        "tags": {"a": True, "b": True},
        "slide": "slide",
        "metadata": {"jupyter": {"source_hidden": True}},
    }
    again = cell_from_record(record, gone)
    assert again == {**CODE, "metadata": {**CODE["metadata"], "tags": ["a", "b"]}}  # type: ignore[dict-item]


def test_a_markdown_cell_keeps_its_pictures() -> None:
    cell = {
        "cell_type": "markdown",
        "id": "m",
        "source": ["# T\n", "text"],
        "metadata": {},
        "attachments": {"a.jpg": {"image/jpeg": "eA=="}},
    }

    record = record_from_cell(cell, cell_id="m", position=0, put=no_blobs)

    assert record["attachments"] == {"a.jpg": {"type": "base64", "value": "eA=="}}
    assert cell_from_record(record, gone) == {**cell, "source": "# T\ntext"}


def test_attachments_that_are_not_here_yet_do_not_cost_the_others() -> None:
    record = {
        "id": "m",
        "cell_type": "markdown",
        "attachments": {
            "a.png": {"type": "load", "value": "x"},
            "b.png": {"type": "base64", "value": "eA=="},
        },
    }

    assert cell_from_record(record, gone)["attachments"] == {"b.png": {"image/png": "eA=="}}


@pytest.mark.parametrize(
    "metadata",
    [
        {"tags": "no list"},
        {"tags": [1]},
        {"slideshow": {"other": 1}},
        {"slideshow": {"slide_type": "skip", "other": 1}},
        {"slideshow": "x"},
    ],
)
def test_unusual_metadata_is_kept(metadata: dict[str, Any]) -> None:
    cell = {"cell_type": "raw", "source": "", "metadata": metadata}

    record = record_from_cell(cell, cell_id="r", position=0, put=no_blobs)

    assert cell_from_record(record, gone)["metadata"] == metadata


@pytest.mark.parametrize("is_trusted", [True, False])
def test_whether_a_cell_is_trusted_is_no_part_of_a_record(is_trusted: bool) -> None:
    """§7.1: CoCalc trusts notebooks, by their settings; files know nothing of trust either."""
    cell = {"cell_type": "code", "source": "", "metadata": {"trusted": is_trusted}}

    record = record_from_cell(cell, cell_id="r", position=0, put=no_blobs)

    assert "metadata" not in record
    assert cell["metadata"] == {"trusted": is_trusted}
    old = {**record, "metadata": {"trusted": is_trusted, "other": 1}}
    assert cell_from_record(old, gone)["metadata"] == {"other": 1}


def test_a_question_survives_the_way_through_a_file() -> None:
    question = {"name": "input", "opts": {"prompt": "?"}, "value": "x"}
    record = {"type": "cell", "id": "c", "cell_type": "code", "output": {"0": question}}

    cell = cell_from_record(record, gone)
    again = record_from_cell(cell, cell_id="c", position=0, put=no_blobs)

    assert cell["outputs"][0]["text"] == "? x"
    assert again["output"] == {"0": question}


def test_a_part_says_null_where_nothing_is_left() -> None:
    """A bridge carries over the part that changed, and must be able to clear it."""
    cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": []}
    fields: dict[str, Any] = {}
    for part in PARTS:
        fields |= fields_from_cell(cell, part, no_blobs)

    assert fields == {
        "input": "",
        "cell_type": "code",
        "output": None,
        "exec_count": None,
        "collapsed": None,
        "scrolled": None,
        "tags": None,
        "slide": None,
        "metadata": None,
        "attachments": None,
    }


@pytest.mark.parametrize("kind", ["alien", 7, ["code"]])
def test_the_text_of_a_cell_of_an_unknown_type_is_kept_raw(kind: object) -> None:
    """No notebook may have such a cell: JupyterLab and every reader of the file refuse it."""
    record = {"type": "cell", "id": "abc", "cell_type": kind, "input": "words"}

    assert cell_from_record(record, gone) == {
        "cell_type": "raw",
        "id": "abc",
        "source": "words",
        "metadata": {},
    }


def test_outputs_are_ordered_by_number_and_rubbish_is_passed_over() -> None:
    record = {
        "id": "c",
        "output": {
            "10": {"name": "stdout", "text": "b"},
            "2": {"name": "stdout", "text": "a"},
            "x": {},
            "3": 7,
        },
    }

    assert [output["text"] for output in cell_from_record(record, gone)["outputs"]] == ["a", "b"]
    assert cell_from_record({"id": "c", "output": "rubbish"}, gone)["outputs"] == []
