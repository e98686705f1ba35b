import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.errors import DocumentClosedError, UnknownDocumentError
from cocalc_jupyter_ext.documents.room_ids import RoomId

from ..support.documents import NOTEBOOK_ID, STILL, TEXT_ID, open_world

AT_ONCE = replace(STILL, close_delay_s=0)


async def test_a_document_is_opened_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        first, second = await asyncio.gather(
            world.registry.open(TEXT_ID), world.registry.open(TEXT_ID)
        )

        assert first is second is world.registry.get(TEXT_ID)
        assert len(world.registry) == 1
        assert world.registry.get(NOTEBOOK_ID) is None


async def test_an_unknown_file_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        with pytest.raises(UnknownDocumentError, match="open the document again"):
            await world.registry.open(RoomId("text", "file", "unknown"))

        assert not world.registry._slots


async def test_a_document_stays_while_it_is_held_and_closes_after_the_last_hold(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, settings=AT_ONCE) as world:
        document, people = await world.registry.acquire(TEXT_ID, "people")
        kernel = document.hold("busy kernel")

        people.release()
        people.release()
        await asyncio.sleep(0.01)
        assert not document.closed
        with kernel:
            assert document.held
        await asyncio.gather(*_closings(world.registry))
        await asyncio.sleep(0.01)
        await asyncio.gather(*_closings(world.registry))

        assert document.closed
        assert world.registry.get(TEXT_ID) is None
        assert not world.registry._slots
        assert world.notices[-1].action == "clean"


async def test_opening_again_within_the_delay_keeps_the_document(tmp_path: Path) -> None:
    settings = replace(STILL, close_delay_s=0.05)
    async with open_world(tmp_path, settings=settings) as world:
        document, hold = await world.registry.acquire(TEXT_ID, "people")
        hold.release()
        again, hold = await world.registry.acquire(TEXT_ID, "people")
        await asyncio.sleep(0.1)  # longer than the delay

        assert again is document
        assert not document.closed
        hold.release()


async def test_opening_while_closing_gives_a_fresh_document(tmp_path: Path) -> None:
    async with open_world(tmp_path, settings=AT_ONCE) as world:
        document, hold = await world.registry.acquire(TEXT_ID, "people")
        with document.edit():
            document.ydoc.ydoc["source"] += "!"
        hold.release()
        closing = world.registry._start_closing(TEXT_ID, force=False)
        await asyncio.sleep(0)
        again, _ = await world.registry.acquire(TEXT_ID, "people")
        await closing

        assert document.closed
        assert again is not document
        assert again.ydoc.get() == "hello!"


async def test_documents_follow_renames_of_files_and_folders(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        text = await world.registry.open(TEXT_ID)
        note = await world.registry.open(NOTEBOOK_ID)

        world.registry.follow_rename("a.txt", "dir/b.txt")
        world.registry.follow_rename("dir", "new")

        assert (text.path, note.path) == ("new/b.txt", "a.ipynb")
        assert world.registry.find("new/b.txt", file_format="text", file_type="file") is text
        assert world.registry.find("new/b.txt", file_format="json", file_type="file") is None


async def test_closing_saves_what_is_held_too_and_ends_everything(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document, _ = await world.registry.acquire(TEXT_ID, "people")
        with document.edit():
            document.ydoc.ydoc["source"] += "!"
        await world.registry.close()
        await world.registry.close()

        assert world.storage.files["a.txt"] == "hello!"
        with pytest.raises(DocumentClosedError):
            await world.registry.open(TEXT_ID)


def _closings(registry: object) -> set[asyncio.Task[None]]:
    return set(registry._closings)  # type: ignore[attr-defined]
