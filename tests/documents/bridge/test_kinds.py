"""Which documents have a second face, and what the project puts right in them (SPEC B1, B11)."""

import base64
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YBlob, YNotebook, YUnicode
from pycrdt import Doc

from cocalc_jupyter_ext.documents.blobs.notebook import notebook_class
from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id
from cocalc_jupyter_ext.documents.bridge.kinds import TwoFaces, repair_notebook, two_faces
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.records import Records

from ...support.notebooks import notebook

PICTURE = "iVBORw0KGgo="


def opened(content: dict[str, Any]) -> tuple[YNotebook, TwoFaces]:
    shared = YNotebook()
    shared.set(content)
    faces = two_faces(shared, "folder/a.ipynb")
    assert faces is not None
    return shared, faces


def test_a_notebook_is_a_document_of_records_under_its_hidden_name() -> None:
    _shared, faces = opened(notebook("one", "two"))

    assert faces.path == "folder/.a.ipynb.sage-jupyter2"
    assert faces.doctype.schema == NOTEBOOK_SCHEMA
    value = faces.face.pull_all(faces.kind.empty())
    assert [cell["input"] for cell in value.get({"type": "cell"})] == ["one", "two"]


def test_a_text_is_a_text_under_its_own_path() -> None:
    shared = YUnicode()
    shared.set("hello")

    faces = two_faces(shared, "folder/a.md")

    assert faces is not None
    assert (faces.path, faces.doctype.schema, faces.repair) == ("folder/a.md", None, None)
    assert faces.face.pull_all(faces.kind.empty()) == "hello"


def test_a_notebook_that_is_edited_as_text_is_a_text_under_its_own_path() -> None:
    """Its bytes are another document than its cells, so they have another name."""
    shared = YUnicode()
    shared.set("{}")

    faces = two_faces(shared, "a.ipynb")

    assert faces is not None
    assert faces.path == "a.ipynb"
    assert faces.face.pull_all(faces.kind.empty()) == "{}"


@pytest.mark.parametrize(("ydoc", "path"), [(YBlob(), "a.png"), (YNotebook(), "a.txt")])
def test_any_other_document_has_one_face(ydoc: Any, path: str) -> None:
    assert two_faces(ydoc, path) is None


def test_pictures_are_kept_in_the_document() -> None:
    content = notebook("plot()")
    picture = {
        "output_type": "display_data",
        "data": {"image/png": PICTURE, "text/plain": "a plot"},
        "metadata": {},
    }
    content["cells"][0]["outputs"] = [picture]
    shared, faces = opened(content)

    value = faces.face.pull_all(faces.kind.empty())
    other, others_faces = opened(notebook())
    others_faces.face.push(others_faces.face.pull_all(others_faces.kind.empty()), value)

    assert PICTURE in faces.kind.to_text(value)
    assert other.ycells[-1]["outputs"].to_py() == shared.ycells[0]["outputs"].to_py() == [picture]


def test_a_notebook_without_cells_gets_one_and_is_trusted() -> None:
    records = Records(NOTEBOOK_SCHEMA, [{"type": "settings", "kernel": "python3"}])

    repair_notebook(records)

    cell = records.get_one({"type": "cell"})
    assert cell is not None
    assert len(cell["id"]) == 6
    assert (cell["cell_type"], cell["input"], cell["pos"]) == ("code", "", 0)
    assert records.get_one({"type": "settings"}) == {
        "type": "settings",
        "kernel": "python3",
        "trust": True,
    }


def test_cells_with_one_position_get_positions_of_their_own() -> None:
    cells = [
        {"type": "cell", "id": name, "pos": pos} for name, pos in (("a", 1), ("b", 1), ("c", 0))
    ]
    records = Records(NOTEBOOK_SCHEMA, cells)

    repair_notebook(records)

    assert [
        (cell["id"], cell["pos"]) for cell in sorted(records, key=lambda cell: cell["pos"])
    ] == [
        ("c", 0),
        ("a", 1),
        ("b", 2),
    ]


def test_a_notebook_that_is_as_everybody_expects_it_is_not_edited() -> None:
    _shared, faces = opened(notebook("one", "two"))
    value = faces.face.pull_all(faces.kind.empty())
    before = value.to_text()
    assert faces.repair is not None

    faces.repair(value)

    assert value.to_text() == before


def test_what_a_notebook_keeps_outside_is_carried_over_by_its_id(tmp_path: Path) -> None:
    """Small things are inline in the shared types, and outside of records (§4.7)."""
    blobs = BlobStore(tmp_path)
    shared, other = (notebook_class(blobs)(Doc()) for _ in range(2))
    content = notebook("1")
    large = base64.b64encode(b"x" * 10_000).decode()
    content["cells"][0]["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": data}, "metadata": {}}
        for data in (PICTURE, large)
    ]
    shared.set(content)

    faces, back = two_faces(shared, "a.ipynb"), two_faces(other, "a.ipynb")
    assert faces is not None
    assert back is not None
    assert faces.blobs is blobs
    value = faces.face.pull_all(faces.kind.empty())
    messages = value.get({"type": "cell"})[0]["output"]
    wanted = [blob_id(base64.b64decode(data)) for data in (PICTURE, large)]
    assert [messages[number]["data"]["image/png"] for number in ("0", "1")] == wanted

    back.face.push(back.kind.empty(), value)
    assert other.ycells[0]["outputs"].to_py() == shared.ycells[0]["outputs"].to_py()
    assert PLACEHOLDER in other.ycells[0]["outputs"].to_py()[1]["data"]
