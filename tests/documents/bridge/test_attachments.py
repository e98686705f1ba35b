"""The project takes in files that clients attach to cells (syncdoc-jupyter §3.6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id
from cocalc_jupyter_ext.documents.bridge.attachments import AttachmentLoads
from cocalc_jupyter_ext.documents.errors import FileMissingError, FileTooLargeError
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.documents.syncdoc.values import RecordsKind

from ...support.persist import persist_world
from ...support.synced_notebooks import PROJECT, SYNCED, open_notebook_records

PICTURE = b"\x89PNG" * 2_000


class Project:
    """One notebook in which the project takes in attachments, as a client sees it."""

    def __init__(self, blobs: BlobStore, client: SyncDB) -> None:
        self.files: dict[str, bytes] = {}
        self.blobs = blobs
        self.client = client
        self.reads: list[str] = []
        self.was_read = asyncio.Event()

    async def load(self, path: str) -> bytes:
        self.reads.append(path)
        self.was_read.set()
        if path == "huge.png":
            raise FileTooLargeError(path, 100, 10)
        if path not in self.files:
            raise FileMissingError(path)
        return self.files[path]

    async def attach(self, path: str) -> None:
        entry = {"a.png": {"type": "load", "value": path}}
        self.client.set({"type": "cell", "id": "c0", "attachments": entry})
        await self.client.commit()

    async def entry(self, kind: str) -> Any:
        """Wait until the attachment is of a kind, and return its value."""
        async with asyncio.timeout(60):
            while True:
                record = self.client.get_one({"type": "cell", "id": "c0"}) or {}
                found = record.get("attachments", {}).get("a.png") or {}
                if found.get("type") == kind:
                    return found.get("value")
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_project(folder: Path, patience_s: float = 30.0) -> AsyncIterator[Project]:
    blobs = BlobStore(folder / "blobs")
    async with persist_world(folder / "streams") as conat:
        document = await open_document(
            await conat.client(),
            RecordsKind(NOTEBOOK_SCHEMA),
            DocumentType(NOTEBOOK_SCHEMA),
            project_id=PROJECT,
            path=SYNCED,
            participant=PROJECT,
            is_file_server=True,
        )
        client = await open_notebook_records(await conat.client(), who="ann")
        project = Project(blobs, client)
        loads = AttachmentLoads(document, blobs, project.load, patience_s=patience_s, retry_s=0.01)
        try:
            yield project
        finally:
            await loads.close()
            await loads.close()
            await client.close()
            await document.close()


async def test_a_file_is_kept_and_named_by_its_content(tmp_path: Path) -> None:
    async with open_project(tmp_path) as project:
        project.files["up/a.png"] = PICTURE

        await project.attach("up/a.png")

        assert await project.entry("sha1") == blob_id(PICTURE)
        assert project.blobs.get(blob_id(PICTURE)) == PICTURE
    assert BlobStore(tmp_path / "blobs").get(blob_id(PICTURE)) == PICTURE  # it is on disk


async def test_a_file_that_is_still_on_its_way_is_waited_for(tmp_path: Path) -> None:
    async with open_project(tmp_path) as project:
        await project.attach("up/a.png")
        await asyncio.wait_for(project.was_read.wait(), 60)
        assert await project.entry("loading") is None

        project.files["up/a.png"] = PICTURE

        assert await project.entry("sha1") == blob_id(PICTURE)


@pytest.mark.parametrize("path", ["gone.png", "huge.png"])
async def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, path: str) -> None:
    async with open_project(tmp_path, patience_s=0.05) as project:
        await project.attach(path)

        assert path in await project.entry("error")
        assert path == "gone.png" or project.reads == [path]  # what will never fit is not retried


async def test_a_file_that_is_not_read_before_the_end_says_so(tmp_path: Path) -> None:
    async with open_project(tmp_path) as project:
        await project.attach("never.png")
        await project.entry("loading")
    async with open_project(tmp_path) as project:
        assert "Attach it again" in await project.entry("error")
        assert project.reads == []
