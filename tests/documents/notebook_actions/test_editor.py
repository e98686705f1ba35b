"""Actions on a notebook with two faces: both show the same afterwards (SPEC B)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import given, settings
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from cocalc_jupyter_ext.documents.bridge.bridge import Bridge, BridgeTimes
from cocalc_jupyter_ext.documents.bridge.notebook_face import NotebookFace
from cocalc_jupyter_ext.documents.bridge.shared_cells import read_cell
from cocalc_jupyter_ext.documents.notebook_actions.actions import NotebookActions
from cocalc_jupyter_ext.documents.notebook_actions.reading import cells_in_order
from cocalc_jupyter_ext.documents.notebook_records.cells import cell_from_record
from cocalc_jupyter_ext.documents.syncdoc.records import Records
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument

from ...support.memory_syncdb import MemorySyncDB
from .test_actions import STORY, cell, read, tell

STILL = BridgeTimes(quiet_s=3600, longest_s=3600, repair_s=3600)
BEGINNING = (cell("a", 0, "one"), cell("b", 1, "two", cell_type="markdown"), cell("c", 2, "3"))


def nothing(_what: Any) -> None:
    """Keep and find no blobs."""


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


@asynccontextmanager
async def two_faces(world: MemorySyncDB) -> AsyncIterator[tuple[YNotebook, SyncDocument[Records]]]:
    page, document = YNotebook(Doc()), world.join("project")
    face = NotebookFace(page, put=nothing, get=nothing)
    face.push(document.kind.empty(), document.value)
    bridge = Bridge(face, document, page.ydoc.transaction, STILL)
    yield page, document
    bridge.close()


def on_page(page: YNotebook) -> list[dict[str, Any]]:
    return [read_cell(each) for each in page.ycells]


def in_records(records: Records) -> list[dict[str, Any]]:
    return [cell_from_record(each, nothing) for each in cells_in_order(records)]


def comparable(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what one face does not write where it is empty."""
    return [
        {name: value for name, value in each.items() if value not in (None, [], {})}
        for each in cells
    ]


async def test_an_action_of_the_project_is_on_the_page_at_once_after_what_was_typed_there() -> None:
    async with two_faces(MemorySyncDB(*BEGINNING)) as (page, document):
        project = NotebookActions(document, is_project=True)
        page.ycells[0]["source"].insert(3, " typed")

        new = project.insert_cell_above("b", "new")

        assert [c["source"] for c in on_page(page)] == ["one typed", "new", "two", "3"]
        assert read(project, "a")["input"] == "one typed"
        assert on_page(page)[1]["id"] == new


@settings(max_examples=60, deadline=None)
@given(STORY, STORY)
def test_both_faces_agree_after_any_actions_of_a_client_and_of_the_project(
    of_client: list[tuple[Any, ...]], of_project: list[tuple[Any, ...]]
) -> None:
    async def story() -> None:
        world = MemorySyncDB({"type": "settings", "kernel": "python3"}, *BEGINNING)
        async with two_faces(world) as (page, document):
            client = NotebookActions(world.join("ann"))
            project = NotebookActions(document, is_project=True)
            tell(client, of_client)
            tell(project, of_project)
            await settle()

            assert client.document.text == document.text
            assert comparable(on_page(page)) == comparable(in_records(document.value))

            client.undo()
            await settle()
            assert comparable(on_page(page)) == comparable(in_records(document.value))

    asyncio.run(story())
