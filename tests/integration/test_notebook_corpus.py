"""Notebooks that others have made go through both faces without loss (syncdoc-jupyter §7).

The corpus is the test data of nbformat and nbconvert, see ``tests/vectors/notebooks``. Each file
is read as the server reads it. What ``as_records_have_it`` changes is all that may be lost where
a notebook is made anew from records; through the shared types nothing may be.
"""

import base64
import copy
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from pycrdt import Doc

from cocalc_jupyter_ext.documents.blobs.notebook import BlobNotebook, notebook_class
from cocalc_jupyter_ext.documents.blobs.placeholders import INLINE_BYTES
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import BINARY_TYPES
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.contents import checked_state, read_update
from cocalc_jupyter_ext.documents.errors import FileUnreadableError
from cocalc_jupyter_ext.documents.notebook_cells import with_cell_ids
from cocalc_jupyter_ext.documents.notebook_records.notebooks import (
    NOTEBOOK_SCHEMA,
    notebook_from_records,
    records_from_notebook,
)
from cocalc_jupyter_ext.documents.room_ids import RoomId
from cocalc_jupyter_ext.documents.syncdoc.records import Records
from cocalc_jupyter_ext.server.file_storage import ContentsStorage

CORPUS = Path(__file__).parent.parent / "vectors" / "notebooks"
ROOM = RoomId("json", "notebook", "n1")
REFUSED = {
    "invalid.ipynb": "'source' is a required property",
    "test3_no_metadata.ipynb": "metadata",
    "test3_no_worksheets.ipynb": "worksheets",
    "test3_worksheet_with_no_cells.ipynb": "cells",
    "test4plus.ipynb": "source",  # of a future format, with a cell that has no text
}
FILES = sorted(CORPUS.glob("*/*.ipynb"))
GOOD = [file for file in FILES if file.name not in REFUSED]
BAD = [file for file in FILES if file.name in REFUSED]

Notebook = dict[str, Any]


def name_of(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # Of nbformat, about ids that old or invalid notebooks lack.
        warnings.simplefilter("ignore")
        yield


async def read(file: Path, folder: Path) -> Notebook:
    """Read a notebook as the server does."""
    shutil.copy(file, folder / file.name)
    storage = ContentsStorage(lambda: AsyncLargeFileManager(root_dir=str(folder)))
    loaded = await storage.load(file.name, file_format="json", file_type="notebook")
    content: Notebook = json.loads(json.dumps(loaded.content))
    return content


def is_valid(notebook: Notebook) -> bool:
    try:
        nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError:
        return False
    return True


def as_shared_types_have_it(notebook: Notebook) -> Notebook:
    """Name what the front end's document model adds, and a cell where there is none."""
    expected = copy.deepcopy(notebook)
    expected["metadata"].setdefault("language_info", {"name": ""})
    expected["metadata"].setdefault("kernelspec", {"name": "", "display_name": ""})
    expected.setdefault("nbformat_minor", 5)
    if expected["nbformat_minor"] > 4:
        expected = with_cell_ids(expected, str(ROOM))
    return expected


def as_records_have_it(notebook: Notebook) -> Notebook:
    """Name all that §7 allows to be lost or made uniform."""
    expected = with_cell_ids(copy.deepcopy(notebook), "corpus")
    expected["nbformat_minor"] = 5
    kernelspec = expected["metadata"].get("kernelspec")
    if isinstance(kernelspec, dict):
        kernelspec["name"] = kernelspec["name"].lower()
    else:
        expected["metadata"].pop("kernelspec", None)
    for cell in expected["cells"]:
        cell["metadata"].pop("trusted", None)  # Jupyter's own, which it does not save either
        for flag in ("collapsed", "scrolled"):
            if cell["metadata"].pop(flag, False):
                cell["metadata"][flag] = True
        if isinstance(cell["metadata"].get("tags"), list):
            cell["metadata"]["tags"].sort()
        for name, bundle in cell.get("attachments", {}).items():
            kind = f"image/{name.rpartition('.')[2]}"  # a record holds one representation
            cell["attachments"][name] = {kind: bundle[kind]} if kind in bundle else bundle
        for output in cell.get("outputs", []):
            for mime in BINARY_TYPES & output.get("data", {}).keys():
                output["data"][mime] = in_one_line(output["data"][mime])
    return expected


def in_one_line(value: str) -> str:
    """Return base64 text without line breaks; what is none stays as it is."""
    line = "".join(value.split())
    try:
        base64.b64decode(line, validate=True)
    except ValueError:
        return value
    return line


@pytest.mark.parametrize("file", GOOD, ids=name_of)
async def test_a_notebook_comes_back_from_the_shared_types_as_it_was(
    file: Path, tmp_path: Path, blobs: BlobStore
) -> None:
    notebook = await read(file, tmp_path)

    state = checked_state(notebook_class(blobs), notebook, ROOM, file.name)
    content = read_update(notebook_class(blobs), state.update).content

    assert content == as_shared_types_have_it(notebook)
    assert is_valid(content) or not is_valid(notebook)


@pytest.mark.parametrize("file", GOOD, ids=name_of)
async def test_a_notebook_comes_back_from_records_as_it_was(
    file: Path, tmp_path: Path, blobs: BlobStore
) -> None:
    notebook = await read(file, tmp_path)
    spec = notebook["metadata"].get("kernelspec")
    spec = spec if isinstance(spec, dict) else None

    records = records_from_notebook(with_cell_ids(notebook, "corpus"), blobs.put)
    content = notebook_from_records(records, blobs.get, kernelspec=spec)

    assert content == as_records_have_it(notebook)
    assert is_valid(content) or not is_valid(notebook)


@pytest.mark.parametrize("file", GOOD, ids=name_of)
async def test_a_notebook_is_carried_from_one_face_to_the_other_without_its_large_outputs(
    file: Path, tmp_path: Path, blobs: BlobStore
) -> None:
    notebook = with_cell_ids(await read(file, tmp_path), "corpus")
    shared, again = (notebook_class(blobs)(Doc()) for _ in range(2))
    shared.set(notebook)
    expected = records_from_notebook(notebook, blobs.put)

    records = pulled(shared)
    push(records, again)

    assert {cell["id"]: cell for cell in expected if cell["type"] == "cell"} == {
        cell["id"]: cell for cell in records.get({"type": "cell"})
    }
    ours, theirs = (as_records_have_it(each.get())["cells"] for each in (shared, again))
    assert theirs == ours
    for text in strings([cell.to_py().get("outputs") for cell in again.ycells]):
        assert not text.startswith("iVBORw0KGgo") or len(text) <= 2 * INLINE_BYTES


@pytest.mark.parametrize("file", BAD, ids=name_of)
async def test_an_invalid_notebook_is_refused_with_the_reason(
    file: Path, tmp_path: Path, blobs: BlobStore
) -> None:
    with pytest.raises(FileUnreadableError, match=REFUSED[file.name]):
        checked_state(notebook_class(blobs), await read(file, tmp_path), ROOM, file.name)


def pulled(shared: BlobNotebook) -> Records:
    faces = two_faces(shared, "a.ipynb")
    assert faces is not None
    records: Records = faces.face.pull_all(Records(NOTEBOOK_SCHEMA))
    faces.face.close()
    return records


def push(records: Records, shared: BlobNotebook) -> None:
    faces = two_faces(shared, "a.ipynb")
    assert faces is not None
    faces.face.push(Records(NOTEBOOK_SCHEMA), records)
    faces.face.close()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else ():
        yield from strings(each)
    for each in value if isinstance(value, list) else ():
        yield from strings(each)
