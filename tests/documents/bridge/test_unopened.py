"""Synced documents of which the project has no live document (syncdoc-jupyter §1.14)."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.bridge.open_entries import ServedFile
from cocalc_jupyter_ext.documents.bridge.unopened import (
    content_of,
    tell_not_loaded,
    tell_unreadable,
)
from cocalc_jupyter_ext.documents.syncdoc.stores import open_record
from cocalc_jupyter_ext.documents.syncdoc.syncstring import open_syncstring

from ...support.persist import World
from ...support.synced_notebooks import PROJECT, SYNCED, open_notebook_records

TEXT = ServedFile("a.txt", "a.txt", is_notebook=False)
NOTEBOOK = ServedFile(SYNCED, "a.ipynb", is_notebook=True)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


async def test_a_document_without_history_is_empty(world: World, blobs: BlobStore) -> None:
    client = await world.client()

    assert await content_of(client, PROJECT, TEXT, blobs) == ""
    assert (await content_of(client, PROJECT, NOTEBOOK, blobs))["cells"] == []


async def test_a_text_is_what_its_patches_say(world: World, blobs: BlobStore) -> None:
    async with open_syncstring(
        await world.client(), project_id=PROJECT, path="a.txt", participant="ann"
    ) as text:
        text.text = "precious"
        await text.commit()

    assert await content_of(await world.client(), PROJECT, TEXT, blobs) == "precious"


async def test_a_notebook_is_what_its_patches_say(world: World, blobs: BlobStore) -> None:
    async with open_notebook_records(await world.client(), who="ann") as db:
        db.set({"type": "cell", "id": "b", "pos": 2, "input": "2", "cell_type": "markdown"})
        db.set({"type": "cell", "id": "a", "pos": 1, "input": "1"})
        await db.commit()

    content = await content_of(await world.client(), PROJECT, NOTEBOOK, blobs)

    assert [(cell["id"], cell["source"]) for cell in content["cells"]] == [("a", "1"), ("b", "2")]
    assert content["nbformat"] == 4


async def test_a_record_says_why_its_document_could_not_be_loaded(world: World) -> None:
    client = await world.client()
    await tell_not_loaded(client, PROJECT, TEXT.synced_path, TEXT.doctype, "not UTF-8 text")
    record = await open_record(await world.client(), PROJECT, "a.txt")

    known = record.get()
    await record.close()

    assert known["init"]["error"] == "not UTF-8 text"
    assert known["users"] == [PROJECT]
    assert known["path"] == "a.txt"
    assert known["last_active"] == known["init"]["time"]


async def test_an_existing_record_keeps_what_it_has(world: World) -> None:
    record = await open_record(await world.client(), PROJECT, "a.txt")
    record.update({"users": ["ann"], "save": {"hash": 5}})
    await record.save()

    await tell_not_loaded(await world.client(), PROJECT, TEXT.synced_path, TEXT.doctype, "gone")

    again = await open_record(await world.client(), PROJECT, "a.txt")
    assert (again.get()["users"], again.get()["save"]) == (["ann"], {"hash": 5})
    await again.close()
    await record.close()


async def test_a_notebook_whose_file_cannot_be_read_is_ready_and_says_so(world: World) -> None:
    """§3.2 step 3: a ``fatal`` record is set, and start-up continues."""
    await tell_unreadable(await world.client(), PROJECT, NOTEBOOK, "not JSON")

    async with open_notebook_records(await world.client(), who="ann") as db:
        assert db.get() == [{"type": "fatal", "error": "not JSON"}]
        assert db.document.record.get()["init"]["error"] == ""
