"""Text, notebooks and other records are shown each in their way."""

import nbformat

from cocalc_jupyter_ext.documents.history.shapes import ShapeName, shape_of
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

TASKS = RecordSchema(("task_id",), frozenset({"desc"}))


def nothing(blob: str) -> None:
    del blob


def test_text_is_shown_as_text() -> None:
    shape = shape_of(DocumentType())

    assert shape.show("a\n", nothing) == {"type": "text", "text": "a\n"}
    assert shape.compare("a\n", "b\n", nothing)["hunks"][0]["lines"] == [
        ["-", "a\n"],
        ["+", "b\n"],
    ]


def test_a_notebook_is_shown_as_a_file_of_nbformat() -> None:
    shape = shape_of(DocumentType(NOTEBOOK_SCHEMA))
    records = Records(NOTEBOOK_SCHEMA, [{"type": "cell", "id": "a", "pos": 0, "input": "1"}])

    shown = shape.show(records, nothing)
    compared = shape.compare(Records(NOTEBOOK_SCHEMA), records, nothing)

    nbformat.validate(shown["notebook"])
    assert (shown["type"], shown["notebook"]["cells"][0]["source"]) == ("notebook", "1")
    assert [(each["id"], each["status"]) for each in compared["cells"]] == [("a", "added")]


def test_other_records_are_shown_line_by_line() -> None:
    shape = shape_of(DocumentType(TASKS))
    records = Records(TASKS, [{"task_id": "1", "desc": "x"}])

    assert shape.name is ShapeName.RECORDS
    assert shape.show(records, nothing) == {
        "type": "records",
        "text": '{"desc":"x","task_id":"1"}',
    }
    assert len(shape.compare(Records(TASKS), records, nothing)["hunks"]) == 1
