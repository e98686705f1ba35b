"""CoCalc clients' cursors come into a room, and leave it (syncdoc-jupyter §1.12)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Awareness, Doc

from cocalc_jupyter_ext.conat.sync.pubsub import PubSub, open_pubsub
from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.bridge.shown_cursors import (
    HIDE_AFTER_S,
    MAX_SHOWN,
    ShowCursors,
    ShownCursors,
)
from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.room import DocumentRoom
from cocalc_jupyter_ext.documents.rooms import Rooms
from cocalc_jupyter_ext.documents.syncdoc.cursors import open_cursors
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.ysync import AwarenessFrame, parse_frame

from ...support.documents import TEXT_ID, open_world
from ...support.persist import World, persist_world
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"
NOW_S = 1_000_000.0


@dataclass(eq=False)
class Page:
    """A page that follows who is in its room."""

    name: str = "ann"
    can_write: bool = True
    awareness: Awareness = field(default_factory=lambda: Awareness(Doc()))
    frames: int = 0

    def send(self, frame: bytes) -> None:
        parsed = parse_frame(frame)
        if isinstance(parsed, AwarenessFrame):
            self.frames += 1
            self.awareness.apply_awareness_update(parsed.payload, "server")

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"{code} {reason}")

    @property
    def shown(self) -> dict[str, int]:
        """Where the page shows whom, as the clock of the character after the cursor."""
        own = self.awareness.client_id
        states = [state for key, state in self.awareness.states.items() if key != own]
        return {
            state["user"]["display_name"]: state["cursors"][0]["head"]["item"]["clock"]
            for state in states
        }


@dataclass
class Scene:
    """A text with the line ``0123456789``, open on both faces."""

    conat: World
    live: LiveDocument
    document: SyncDocument[Any]
    rooms: Rooms
    told: PubSub
    now_s: float = NOW_S

    async def show(self) -> ShownCursors:
        cursors = await open_cursors(
            await self.conat.client(),
            project_id=PROJECT,
            path="a.txt",
            users=lambda: self.document.users,
            participant=PROJECT,
        )
        cursors._clock = lambda: self.now_s
        shown = ShownCursors(
            self.live,
            self.document,
            cursors,
            self.rooms,
            str.upper,
            clock=lambda: self.now_s,
        )
        self.conat.stack.push_async_callback(shown.close)
        return shown

    async def enter(self) -> tuple[DocumentRoom, Page]:
        page = Page()
        room = await self.rooms.join(str(TEXT_ID), page)
        assert isinstance(room, DocumentRoom)
        return room, page

    def move(self, who: str, column: int | None) -> None:
        users = self.document.users
        if who not in users:
            users = [*users, who]
            self.document.record.update({"users": users})
        places = None if column is None else [{"x": column, "y": 0}]
        self.told.set(
            {"user_id": users.index(who), "locs": places, "time": round(self.now_s * 1000)}
        )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path) as scene:
        yield scene


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    async with persist_world(folder / "streams") as conat, open_world(folder) as world:
        live = await world.registry.open(TEXT_ID)
        with live.edit():
            live.ydoc.ydoc["source"].insert(0, "0123456789\n")
        faces = two_faces(live.ydoc, live.path)
        assert faces is not None
        bridged = BridgedDocument(
            live,
            faces,
            client=await conat.client(),
            project_id=PROJECT,
            account_of=lambda name: name,
        )
        await bridged.start()
        live.closing.append(bridged.close)
        assert bridged.document is not None
        told = await open_pubsub(
            await conat.client(), project_id=PROJECT, name="cursors", path="a.txt"
        )
        conat.stack.push_async_callback(told.close)
        yield Scene(conat, live, bridged.document, Rooms(world.registry), told)


async def test_a_cursor_comes_moves_and_goes(scene: Scene) -> None:
    await scene.show()
    _room, page = await scene.enter()

    scene.move("bob", 2)
    await until(lambda: list(page.shown) == ["BOB"])
    first = page.shown["BOB"]
    scene.move("bob", 5)
    await until(lambda: page.shown == {"BOB": first + 3})
    scene.move("bob", None)
    await until(lambda: page.shown == {})


async def test_a_cursor_that_does_not_move_is_hidden_after_20_seconds(scene: Scene) -> None:
    await scene.show()
    _room, page = await scene.enter()
    scene.move("bob", 2)
    await until(lambda: list(page.shown) == ["BOB"])

    scene.now_s += HIDE_AFTER_S + 1
    scene.move("eve", 3)

    await until(lambda: list(page.shown) == ["EVE"])


async def test_a_page_that_comes_later_sees_the_cursors_and_a_new_room_does(scene: Scene) -> None:
    await scene.show()
    scene.move("bob", 2)
    room, page = await scene.enter()
    await until(lambda: list(page.shown) == ["BOB"])
    _same, second = await scene.enter()
    assert second.shown == page.shown

    scene.rooms.leave(room, page)
    scene.rooms.leave(room, second)
    assert scene.rooms.find(TEXT_ID) is None
    _new, third = await scene.enter()
    await until(lambda: list(third.shown) == ["BOB"])


async def test_many_moves_are_shown_seldom_and_the_last_one_always(scene: Scene) -> None:
    await scene.show()
    _room, page = await scene.enter()
    scene.move("bob", 0)
    await until(lambda: list(page.shown) == ["BOB"])
    first, frames = page.shown["BOB"], page.frames

    for column in range(10):
        scene.move("bob", column)
    await until(lambda: page.shown == {"BOB": first + 9})

    assert page.frames - frames <= 2


async def test_the_number_of_shown_cursors_is_bounded(scene: Scene) -> None:
    await scene.show()
    _room, page = await scene.enter()
    for number in range(MAX_SHOWN + 10):
        scene.now_s += 0.001
        scene.move(f"p{number}", 1)

    await until(lambda: f"P{MAX_SHOWN + 9}" in page.shown)
    assert len(page.shown) <= MAX_SHOWN


async def test_closing_takes_the_cursors_away_and_listens_no_more(scene: Scene) -> None:
    shown = await scene.show()
    _room, page = await scene.enter()
    scene.move("bob", 2)
    await until(lambda: list(page.shown) == ["BOB"])

    await shown.close()
    await shown.close()

    assert page.shown == {}
    assert len(scene.rooms.opened) == 0


async def test_nothing_of_a_page_is_told_to_cocalc_clients(scene: Scene) -> None:
    """The project never publishes cursors (§1.12)."""
    heard: list[Any] = []
    scene.told.changes.connect(heard.append)
    await scene.show()
    room, page = await scene.enter()
    page.awareness.set_local_state({"user": {"name": "ann"}, "cursors": []})
    room.show(page, page.awareness.encode_awareness_update([page.awareness.client_id]))

    scene.move("bob", 2)
    await until(lambda: list(page.shown) == ["BOB"])

    assert [message["user_id"] for message in heard] == [scene.document.users.index("bob")]


async def test_the_cursors_of_an_open_document_are_followed(scene: Scene) -> None:
    maker = ShowCursors(await scene.conat.client(), PROJECT, scene.rooms, str.upper)

    companion = maker.accompany(scene.live, scene.document)

    assert companion is not None
    await until(lambda: len(scene.rooms.opened) == 1)
    await companion.close()
    await companion.close()
    assert len(scene.rooms.opened) == 0
