"""Opening notebooks whose outputs are kept outside (SPEC O3, O4, O7, O8)."""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id
from cocalc_jupyter_ext.documents.document import LiveDocument

from ..support.documents import NOTEBOOK_ID, DocumentWorld, MemoryStorage, open_world
from ..support.notebooks import notebook

LARGE = bytes(range(256)) * 40


def with_picture(content: bytes = LARGE) -> dict[str, Any]:
    shown = notebook("plot()", "2")
    data = {"image/png": base64.b64encode(content).decode() + "\n", "text/plain": "<Figure>"}
    shown["cells"][0]["outputs"] = [
        {"output_type": "display_data", "data": data, "metadata": {"a": 1}}
    ]
    shown["metadata"] = {"kernelspec": {"name": "k", "display_name": "k"}, "language_info": {}}
    return shown


@pytest.fixture
def storage() -> MemoryStorage:
    storage = MemoryStorage()
    storage.write("a.ipynb", with_picture())
    return storage


def data(world: DocumentWorld) -> Any:
    document = world.registry.get(NOTEBOOK_ID)
    assert document is not None
    return document.ydoc.ycells[0]["outputs"].to_py()[0]["data"]


def type_after(document: LiveDocument, text: str) -> None:
    with document.edit():
        source = document.ydoc.ycells[1]["source"]
        source += text


def lose_all(world_folder: Path) -> None:
    for blob in (world_folder / "blobs").glob("*/*"):
        blob.unlink()


async def test_large_outputs_are_on_disk_before_the_log_names_them(
    tmp_path: Path, storage: MemoryStorage
) -> None:
    async with open_world(tmp_path, storage) as world:
        await world.registry.open(NOTEBOOK_ID)

        assert PLACEHOLDER in data(world)
        assert BlobStore(tmp_path / "blobs").get(blob_id(LARGE)) == LARGE
    assert storage.saves == 0  # opening a notebook does not write it


async def test_an_edit_writes_a_complete_file(tmp_path: Path, storage: MemoryStorage) -> None:
    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        type_after(document, "!")
        await document.save()

        wanted = with_picture()
        wanted["cells"][1]["source"] = "2!"
        assert storage.files["a.ipynb"]["cells"][0] == wanted["cells"][0]
        assert storage.files["a.ipynb"]["cells"][1]["source"] == "2!"


async def test_what_another_program_writes_is_merged_with_what_is_edited_here(
    tmp_path: Path, storage: MemoryStorage
) -> None:
    """Both sides deal in complete notebooks: only the picture that differs is taken."""
    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        type_after(document, "!")
        storage.write("a.ipynb", with_picture(LARGE[::-1]))
        await document.save()

        merged = storage.files["a.ipynb"]
        assert merged["cells"][0] == with_picture(LARGE[::-1])["cells"][0]
        assert merged["cells"][1]["source"] == "2!"
        assert data(world)[PLACEHOLDER]["blobs"]["image/png"]["sha1"] == blob_id(LARGE[::-1])
        assert [notice.level for notice in world.notices if notice.action == "overwrite"] == [
            "INFO"
        ]


async def test_what_the_store_has_lost_is_found_in_the_file(
    tmp_path: Path, storage: MemoryStorage
) -> None:
    async with open_world(tmp_path, storage) as world:
        await world.registry.open(NOTEBOOK_ID)
    lose_all(tmp_path)

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)

        assert world.blobs.get(blob_id(LARGE)) == LARGE
        assert document.ydoc.get() == with_picture()
    assert storage.saves == 0


async def test_what_is_lost_for_good_is_said_and_both_versions_are_kept(
    tmp_path: Path, storage: MemoryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_world(tmp_path, storage) as world:
        await world.registry.open(NOTEBOOK_ID)
    lose_all(tmp_path)
    without = copy.deepcopy(with_picture())
    without["cells"][0]["outputs"] = []
    storage.write("a.ipynb", without)

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        type_after(document, "!")
        await document.save()

    assert "run their cells again" in caplog.text
    assert storage.files["a.ipynb.copy"] == without
    assert storage.files["a.ipynb"]["cells"][1]["source"] == "2!"


async def test_a_notebook_opens_without_its_outputs_when_its_file_is_gone(
    tmp_path: Path, storage: MemoryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_world(tmp_path, storage) as world:
        await world.registry.open(NOTEBOOK_ID)
    lose_all(tmp_path)
    del storage.files["a.ipynb"]

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)

        assert "are lost" in caplog.text
        shown = document.ydoc.get()["cells"][0]["outputs"][0]
        assert shown["data"]["text/plain"] == "<Figure>"
        assert shown["data"][PLACEHOLDER]["blobs"]["image/png"]["sha1"] == blob_id(LARGE)
        json.dumps(shown)
