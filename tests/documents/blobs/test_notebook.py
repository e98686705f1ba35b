"""Notebooks that are small in their shared types and complete as content (design D7, D19)."""

import base64
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc, Map

from cocalc_jupyter_ext.documents.blobs.notebook import (
    BlobNotebook,
    keep_all,
    keeper_of,
    lost_blobs,
    notebook_class,
    references_of,
    with_blobs,
    without_blobs,
)
from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id
from cocalc_jupyter_ext.documents.contents import initial_state, read_update, take_content

from ...support.notebooks import notebook

LARGE = bytes(range(256)) * 40
SMALL = b"small"


def picture(content: bytes) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "data": {"image/png": base64.b64encode(content).decode(), "text/plain": "x"},
        "metadata": {"image/png": {"width": 5}},
    }


def with_outputs(*outputs: dict[str, Any]) -> dict[str, Any]:
    content = notebook("show()", "2")
    content["cells"][0]["outputs"] = list(outputs)
    content["metadata"] = {"kernelspec": {"name": "k", "display_name": "k"}, "language_info": {}}
    return content


CONTENT = with_outputs(picture(LARGE), picture(SMALL))


@pytest.fixture
def document(tmp_path: Path) -> BlobNotebook:
    return notebook_class(BlobStore(tmp_path))(Doc())


def data(document: BlobNotebook, index: int = 0) -> Any:
    return document.ycells[0]["outputs"].to_py()[index]["data"]


def test_content_is_complete_and_the_shared_types_are_small(document: BlobNotebook) -> None:
    document.set(CONTENT)

    assert document.get() == CONTENT
    assert document.get_cell(0) == CONTENT["cells"][0]
    assert data(document)[PLACEHOLDER]["blobs"]["image/png"]["sha1"] == blob_id(LARGE)
    assert "image/png" in data(document, 1)
    assert references_of(document) == {blob_id(LARGE)}
    assert len(document.ydoc.get_update()) < len(LARGE)


async def test_asynchronous_ways_do_the_same(document: BlobNotebook) -> None:
    await document.aset(CONTENT)
    assert PLACEHOLDER in data(document)
    assert await document.aget() == CONTENT

    other = type(document)(Doc())
    await other.aset_progressively(CONTENT)
    assert PLACEHOLDER in data(other)
    assert other.get() == CONTENT


def test_a_cell_that_another_extension_adds_is_made_small(document: BlobNotebook) -> None:
    document.set(notebook("1"))
    document.append_cell(CONTENT["cells"][0] | {"id": "new"})

    shared = document.ycells[1]["outputs"].to_py()[0]["data"]
    assert PLACEHOLDER in shared
    assert document.get_cell(1)["outputs"] == CONTENT["cells"][0]["outputs"]


def test_it_is_the_notebook_that_other_extensions_know(document: BlobNotebook) -> None:
    assert isinstance(document, YNotebook)
    assert document.version == YNotebook().version


def test_loading_and_reading_go_through_the_store(document: BlobNotebook) -> None:
    state = initial_state(type(document), CONTENT, salt="s")

    assert len(state.update) < len(LARGE)
    rendered = read_update(type(document), state.update)
    assert rendered.content == CONTENT
    assert rendered.digest == state.digest


def test_taking_a_file_touches_only_the_outputs_that_differ(document: BlobNotebook) -> None:
    document.set(CONTENT)
    updates: list[bytes] = []
    subscription = document.ydoc.observe(lambda event: updates.append(event.update))

    with document.ydoc.transaction():
        take_content(document, CONTENT, salt="s")
    assert sum(map(len, updates)) < 100

    changed = with_outputs(picture(LARGE[::-1]), picture(SMALL))
    with document.ydoc.transaction():
        take_content(document, changed, salt="s")
    document.ydoc.unobserve(subscription)
    assert document.get() == changed
    assert references_of(document) == {blob_id(LARGE[::-1])}


def test_what_the_store_has_lost_is_named_and_found_in_a_file(
    document: BlobNotebook, tmp_path: Path
) -> None:
    document.set(CONTENT)
    again = notebook_class(BlobStore(tmp_path / "empty"))(Doc())
    again.ydoc.apply_update(document.ydoc.get_update())

    assert lost_blobs(document) == set()
    assert lost_blobs(again) == {blob_id(LARGE)}
    assert PLACEHOLDER in again.get()["cells"][0]["outputs"][0]["data"]

    keep_all(again, CONTENT)
    assert lost_blobs(again) == set()
    assert again.get() == CONTENT


def test_runs_cannot_make_a_notebook_larger_than_can_be_opened(document: BlobNotebook) -> None:
    document.set(notebook("1"))
    keep = keeper_of(document, max_bytes=100_000)
    outputs = document.ycells[0]["outputs"]

    for number in range(20):
        data = picture(LARGE + bytes([number]))["data"]
        outputs.append(Map({"output_type": "display_data", "data": keep(data), "metadata": {}}))
    kept = [PLACEHOLDER in output["data"] for output in outputs.to_py()]
    assert kept == [True] * 9 + [False] * 11  # the others count as text of the cell

    outputs.clear()
    assert PLACEHOLDER in keep(picture(LARGE)["data"])


def test_documents_without_a_store_keep_everything() -> None:
    plain = YNotebook()
    plain.set(CONTENT)

    bundle = CONTENT["cells"][0]["outputs"][0]["data"]
    assert keeper_of(plain)(bundle) == bundle
    assert without_blobs(plain, CONTENT) == with_blobs(plain, CONTENT) == CONTENT
    assert references_of(plain) == lost_blobs(plain) == set()


def test_a_file_with_numbers_and_texts_that_cannot_be_shared_is_taken_in(
    document: BlobNotebook,
) -> None:
    """pycrdt panics at them, which no one who opens a file expects."""
    strange = {"huge": 2**70, "none": float("nan"), "half": "\ud83d"}
    output = {"output_type": "display_data", "data": {"application/json": strange}, "metadata": {}}
    content = with_outputs(output)
    content["metadata"]["strange"] = strange
    document.set(content)
    document.ycells.append(document.create_ycell({**content["cells"][0], "id": "new"}))

    known = {"huge": 2.0**70, "none": None, "half": "\N{REPLACEMENT CHARACTER}"}
    got = document.get()
    shown = [each["data"]["application/json"] for c in got["cells"] for each in c["outputs"]]
    assert got["metadata"]["strange"] == known
    assert shown == [known] * 2
