"""No sequence of typing, drops, kills and returns loses or doubles what somebody saw.

Pages type letters, each its own, on line or off; connections drop; the server dies without
saving and comes back. At the end every page shows the same, each letter once. The seed is in
the test's name; a seed that ever fails is added to the list.
"""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from cocalc_jupyter_ext.documents.notebook_cells import shared_output
from cocalc_jupyter_ext.documents.room import DocumentRoom
from cocalc_jupyter_ext.documents.rooms import Rooms
from cocalc_jupyter_ext.documents.ysync import (
    EMPTY_UPDATE,
    StateVectorFrame,
    UpdateFrame,
    missing_updates_frame,
    parse_frame,
    state_vector_frame,
    update_frame,
)

from ..support.documents import NOTEBOOK_ID, DocumentWorld, MemoryStorage, open_world
from ..support.notebooks import notebook

STEPS = 150
PAGES = 3


class Page:
    """A page that edits a notebook and is connected at times."""

    can_write = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.notebook = YNotebook(Doc())
        self.room: DocumentRoom | None = None
        self.seen = asyncio.Event()
        self._applying = False
        self.notebook.ydoc.observe(self._on_update)

    async def connect(self, rooms: Rooms) -> None:
        """Join, and exchange what both lack."""
        room = await rooms.join(str(NOTEBOOK_ID), self)
        assert isinstance(room, DocumentRoom)
        self.room = room
        room.receive(self, state_vector_frame(self.notebook.ydoc.get_state()))
        await room.document.flush()
        room.receive(self, missing_updates_frame(self.notebook.ydoc.get_update()))

    def send(self, frame: bytes) -> None:
        """Take a frame from the server."""
        match parse_frame(frame):
            case UpdateFrame(update) if update != EMPTY_UPDATE:
                self._applying = True
                self.notebook.ydoc.apply_update(update)
                self._applying = False
            case StateVectorFrame():
                pass

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}: {reason}")

    def type(self, rng: random.Random, letter: str) -> None:
        """Type a letter somewhere."""
        source = rng.choice(list(self.notebook.ycells))["source"]
        text = str(source)
        index = len(text[: rng.randint(0, len(text))].encode())
        source.insert(index, letter)

    @property
    def text(self) -> str:
        """All sources."""
        return "".join(str(cell["source"]) for cell in self.notebook.ycells)

    def _on_update(self, event: Any) -> None:
        if self.room is not None and not self._applying and event.update != EMPTY_UPDATE:
            self.room.receive(self, update_frame(event.update))


class Story:
    """A server that may die, and its pages."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.storage = MemoryStorage()
        self.storage.write("a.ipynb", notebook("A", "B"))
        self.pages = [Page(f"page {number}") for number in range(PAGES)]
        self.typed = "AB"

    async def run(self) -> None:
        """Go through several lives of the server."""
        for steps in (STEPS // 3, STEPS // 3, STEPS // 3):
            async with open_world(self.folder, self.storage) as world:
                rooms = Rooms(world.registry)
                for _ in range(steps):
                    await self._step(rooms, world)
                await self._die(world)
        async with open_world(self.folder, self.storage) as world:
            await self._check(Rooms(world.registry), world)

    async def _step(self, rooms: Rooms, world: DocumentWorld) -> None:
        page = self.rng.choice(self.pages)
        match self.rng.choice(["type", "type", "type", "connect", "drop", "wait", "server"]):
            case "connect" if page.room is None:
                await page.connect(rooms)
            case "drop" if page.room is not None:
                rooms.leave(page.room, page)
                page.room = None
            case "wait":
                await asyncio.sleep(0)
            case "server" if (document := world.registry.get(NOTEBOOK_ID)) is not None:
                with document.edit():
                    output = {"output_type": "stream", "name": "stdout", "text": "o\n"}
                    document.ydoc.ycells[0]["outputs"].append(shared_output(output))
            case "type" if len(page.notebook.ycells):
                # Letters of three and of four bytes in UTF-8, and of one and two units in UTF-16.
                letter = chr((0x4E00, 0x1F300)[len(self.typed) % 2] + len(self.typed))
                self.typed += letter
                page.type(self.rng, letter)

    async def _die(self, world: DocumentWorld) -> None:
        """Drop everything in memory; only what was committed to the log stays."""
        document = world.registry.get(NOTEBOOK_ID)
        for page in self.pages:
            page.room = None
        world.registry._slots.clear()
        if document is not None:
            for task in document.file._tasks:
                task.cancel()
            await asyncio.gather(*document.file._tasks, return_exceptions=True)
            document._log._queue.clear()
            await document._log.close()

    async def _check(self, rooms: Rooms, world: DocumentWorld) -> None:
        for page in self.pages:
            await page.connect(rooms)
        document = world.registry.get(NOTEBOOK_ID)
        assert document is not None
        await document.flush()
        for page in self.pages:
            assert page.notebook.get() == document.ydoc.get()
            assert len(page.notebook.ycells) == 2
            assert sorted(page.text) == sorted(self.typed)
        await document.save()
        assert self.storage.files["a.ipynb"] == document.ydoc.get()


@pytest.mark.parametrize("seed", range(20))
async def test_everything_typed_is_there_once(tmp_path: Path, seed: int) -> None:
    await Story(tmp_path, random.Random(seed)).run()
