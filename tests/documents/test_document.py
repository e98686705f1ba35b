import asyncio
import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from jupyter_ydoc.yunicode import YUnicode
from pycrdt import Doc

from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.errors import (
    DocumentClosedError,
    LogBusyError,
    MalformedFrameError,
)
from cocalc_jupyter_ext.documents.notebook_cells import find_cell

from ..support.documents import NOTEBOOK_ID, STILL, TEXT_ID, MemoryStorage, open_world


def page_of(document: LiveDocument) -> YUnicode:
    """Return what a page holds that has loaded the document."""
    doc: Doc[Any] = Doc()
    doc.apply_update(document.ydoc.ydoc.get_update())
    return YUnicode(doc)


def type_in(page: YUnicode, text: str) -> bytes:
    """Type at the end of a page's text; return the update."""
    state = page.ydoc.get_state()
    source = page.ydoc["source"]
    source += text
    return page.ydoc.get_update(state)


async def test_an_update_is_durable_before_anybody_is_told(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        await document.flush()
        told: list[tuple[bytes, object]] = []
        done = asyncio.Event()
        document.subscribe(lambda update, origin: (told.append((update, origin)), done.set()))

        document.apply(type_in(page_of(document), "!"), origin="page", author="ann")
        assert document.ydoc.get() == "hello!"
        assert told == []
        await done.wait()

        assert [origin for _, origin in told] == ["page"]


async def test_what_no_notebook_can_hold_is_mended_before_anybody_meets_it(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        page = YNotebook(Doc())
        page.ydoc.apply_update(document.ydoc.ydoc.get_update())
        told: list[bytes] = []
        document.subscribe(lambda update, _origin: told.append(update))
        state = page.ydoc.get_state()
        page.ycells.append("no cell")
        page.ycells[0]["source"] = "plain text"

        document.apply(page.ydoc.get_update(state), origin="page", author="ann")
        await document.save()

        saved = world.storage.files["a.ipynb"]["cells"]
        assert [cell["source"] for cell in saved] == ["plain text", "2 + 2"]
        for update in told:
            page.ydoc.apply_update(update)
        assert len(page.ycells) == 2  # who put it there sees it go


async def test_a_log_with_what_no_notebook_can_hold_is_mended_when_it_is_opened(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        with document.edit():
            document.ydoc.ycells.append("no cell")

    async with open_world(tmp_path, world.storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)

        assert len(document.ydoc.ycells) == 2


async def test_what_waits_for_durability_keeps_the_order(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        await document.flush()
        order: list[str] = []
        document.subscribe(lambda _update, _origin: order.append("update"))

        document.after_durable(lambda: order.append("at once"))
        assert order == ["at once"]
        document.apply(type_in(page_of(document), "1"), origin=None, author="")
        document.after_durable(lambda: order.append("answer"))
        document.apply(type_in(page_of(document), "2"), origin=None, author="")
        await document.flush()

        assert order == ["at once", "update", "answer", "update"]


async def test_server_edits_are_one_update_and_nobody_undoes_them(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        await document.flush()
        updates: list[object] = []
        document.subscribe(lambda _update, origin: updates.append(origin))

        with document.edit():
            cell = find_cell(document.ydoc, "c0")
            assert cell is not None
            cell["execution_state"] = "running"
            cell["source"].insert(0, "x")
        await document.flush()

        assert updates == [None]
        assert not document.ydoc.undo_manager.can_undo()


async def test_rubbish_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)

        with pytest.raises(MalformedFrameError):
            document.apply(b"\x01\x02\x03", origin=None, author="")

        assert document.ydoc.get() == "hello"


async def test_peers_are_asked_to_wait_when_the_log_cannot_keep_up(tmp_path: Path) -> None:
    async with open_world(tmp_path, settings=replace(STILL, max_backlog_bytes=100)) as world:
        document = await world.registry.open(TEXT_ID)
        page = page_of(document)
        document.apply(type_in(page, "x" * 200), origin=None, author="")
        more = type_in(page, "y")

        with pytest.raises(LogBusyError, match="try again"):
            document.apply(more, origin=None, author="")
        await document.flush()
        document.apply(more, origin=None, author="")

        assert document.ydoc.get() == "hello" + "x" * 200 + "y"


async def test_a_run_can_wait_for_the_text_typed_before_it(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        page = page_of(document)
        update, client_id = type_in(page, "abc"), page.ydoc.client_id

        waiting = asyncio.create_task(document.wait_for_edits(client_id, 3, 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        document.apply(update, origin=None, author="")

        assert await waiting
        assert await document.wait_for_edits(client_id, 3, 0)
        assert not await document.wait_for_edits(client_id, 4, 0.01)


async def test_a_renamed_document_shows_its_new_path(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)

        document.rename("b.txt")

        assert (document.path, document.ydoc.path) == ("b.txt", "b.txt")


async def test_a_restart_continues_the_same_history(tmp_path: Path) -> None:
    storage = MemoryStorage()
    storage.write("a.txt", "hello")
    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(TEXT_ID)
        page, epoch = page_of(document), document.epoch
    typed_offline = type_in(page, " offline")

    async with open_world(tmp_path, storage) as world:
        document = await world.registry.open(TEXT_ID)
        document.apply(typed_offline, origin=None, author="ann")

        assert document.epoch == epoch
        assert document.ydoc.get() == "hello offline"


async def test_the_log_is_compacted_while_open_when_it_has_grown(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        document._compact_at = 2_000
        for _ in range(300):
            with document.edit():
                document.ydoc.ydoc["source"] += "x"
        await document.flush()
        while document._compaction is not None:
            await document._compaction

        assert document._log.size_bytes < 2_000
        assert document.ydoc.get() == "hello" + "x" * 300


async def test_a_closed_document_refuses_everything_and_is_freed(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        waiting = asyncio.create_task(document.wait_for_edits(1, 1, 60))
        await asyncio.sleep(0)
        await document.close()
        await document.close()

        assert not await waiting
        assert document.closed
        with pytest.raises(DocumentClosedError, match="open it again"):
            document.hold("late")
        with pytest.raises(DocumentClosedError):
            document.apply(b"\x01", origin=None, author="")
        with pytest.raises(DocumentClosedError), document.edit():
            pytest.fail("a closed document was edited")

        inner = weakref.ref(document.ydoc.ydoc)
        world.registry._slots.clear()
        del document, waiting
        gc.collect()
        assert inner() is None


async def test_a_document_closes_although_somebody_who_wants_to_finish_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_world(tmp_path) as world:
        document = await world.registry.open(TEXT_ID)
        finished = []

        async def fail() -> None:
            raise ValueError("cannot finish")

        async def finish() -> None:
            finished.append(document.closed)

        document.closing += [fail, finish]
        await document.close()

        assert finished == [False]
        assert document.closed
        assert "cannot finish" in caplog.text
