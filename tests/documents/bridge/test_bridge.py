"""A bridge that was closed keeps nothing alive (SPEC D3)."""

import gc
import uuid
import weakref
from pathlib import Path
from typing import Any

import psutil
import pytest

from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces

from ...support.documents import NOTEBOOK_ID, open_world
from ...support.persist import World, persist_world

WARM_UP, MEASURED = 20, 80


async def _edit_once(conat: World, folder: Path) -> "weakref.ref[Any]":
    async with await conat.client() as client, open_world(folder) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        faces = two_faces(document.ydoc, "a.ipynb")
        assert faces is not None
        bridged = BridgedDocument(
            document, faces, client=client, project_id=str(uuid.uuid4()), account_of=str
        )
        await bridged.start()
        document.closing.append(bridged.close)
        with document.edit():
            document.ydoc.ycells[0]["source"].insert(0, "# typed\n")
        bridged.flush()
        return weakref.ref(document.ydoc.ydoc)


@pytest.mark.slow
async def test_a_hundred_notebooks_that_were_closed_take_no_memory(tmp_path: Path) -> None:
    process = psutil.Process()
    references = []
    async with persist_world(tmp_path / "streams") as conat:
        for number in range(WARM_UP + MEASURED):
            if number == WARM_UP:
                gc.collect()
                before = process.memory_info().rss
            folder = tmp_path / str(number)
            folder.mkdir()
            references.append(await _edit_once(conat, folder))
        gc.collect()

        assert process.memory_info().rss < before * 1.1
        assert not any(reference() is not None for reference in references)
