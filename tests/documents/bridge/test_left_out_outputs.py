"""What CoCalc clients ask for of a file's long outputs (syncdoc-jupyter §4.6, §7.1)."""

from pathlib import Path
from typing import Any

import pytest
from pycrdt import Doc

from cocalc_jupyter_ext.documents.blobs.notebook import BlobNotebook, notebook_class
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.bridge.left_out_outputs import left_out_outputs
from cocalc_jupyter_ext.documents.notebook_records.blobs import Outside
from cocalc_jupyter_ext.documents.notebook_records.live_outputs import more_output
from cocalc_jupyter_ext.documents.notebook_records.outputs import MORE_OUTPUT, message_from_output
from cocalc_jupyter_ext.documents.syncdoc.records import Records

from ...support.notebooks import notebook

SHORT = {"output_type": "stream", "name": "stdout", "text": "short"}
LONG = {"output_type": "stream", "name": "stderr", "text": "long" * 100_000}


@pytest.fixture
def document(tmp_path: Path) -> BlobNotebook:
    return notebook_class(BlobStore(tmp_path))(Doc())


def records_of(document: BlobNotebook, *outputs: dict[str, Any]) -> Records:
    """Return the records of a file with one cell that has these outputs."""
    content = notebook("1")
    content["cells"][0]["outputs"] = list(outputs)
    document.set(content)
    faces = two_faces(document, "a.ipynb")
    assert faces is not None
    records: Records = faces.face.pull_all(faces.kind.empty())
    faces.face.close()
    return records


def output_of(records: Records) -> Any:
    (cell,) = records.get({"type": "cell"})
    return cell["output"]


def test_what_the_record_leaves_out_is_found_in_the_shared_cell(document: BlobNotebook) -> None:
    records = records_of(document, SHORT, LONG, SHORT)

    left_out = left_out_outputs(document, records, "c0")

    assert output_of(records) == {"0": {"name": "stdout", "text": "short"}, "1": MORE_OUTPUT}
    put = Outside(document.blobs.put, document.blobs.get)
    messages = [message_from_output(output, put) for output in left_out]
    assert messages == [{"name": o["name"], "text": o["text"]} for o in (LONG, SHORT)]
    assert document.get()["cells"][0]["outputs"] == [SHORT, LONG, SHORT]


def test_there_is_nothing_more_of_a_cell_whose_record_has_all(document: BlobNotebook) -> None:
    records = records_of(document, SHORT, SHORT)

    assert left_out_outputs(document, records, "c0") == []
    assert left_out_outputs(document, records, "unknown") == []


def test_what_a_run_has_left_out_is_not_in_the_shared_cell(document: BlobNotebook) -> None:
    records = records_of(document, SHORT, more_output())

    assert output_of(records)["1"] == MORE_OUTPUT
    assert left_out_outputs(document, records, "c0") == []
