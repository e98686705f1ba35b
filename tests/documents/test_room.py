import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc.yunicode import YUnicode
from pycrdt import Doc, create_update_message, write_message, write_var_uint

from cocalc_jupyter_ext.documents.errors import LogWriteError, MalformedFrameError
from cocalc_jupyter_ext.documents.presence import encode_state
from cocalc_jupyter_ext.documents.room import DocumentRoom, PresenceRoom
from cocalc_jupyter_ext.documents.room_ids import GLOBAL_AWARENESS
from cocalc_jupyter_ext.documents.rooms import Rooms
from cocalc_jupyter_ext.documents.ysync import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    AwarenessFrame,
    StateVectorFrame,
    UpdateFrame,
    awareness_frame,
    parse_frame,
    state_vector_frame,
)

from ..support.documents import TEXT_ID, DocumentWorld, open_world

SAVE_7 = b"\x02\x04save\x07"


class Page:
    """A peer that keeps what it is sent."""

    def __init__(self, name: str, *, can_write: bool = True) -> None:
        self.name = name
        self.can_write = can_write
        self.frames: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.document = YUnicode(Doc())

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    @property
    def updates(self) -> list[bytes]:
        """The updates received."""
        frames = [parse_frame(frame) for frame in self.frames if frame[0] != 2]
        return [frame.update for frame in frames if isinstance(frame, UpdateFrame)]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The answers to save requests."""
        return [json.loads(frame[2:]) for frame in self.frames if frame[0] == 2]

    def load(self) -> None:
        """Apply everything received."""
        for update in self.updates:
            self.document.ydoc.apply_update(update)

    def type(self, text: str) -> bytes:
        """Type at the end; return the frame to send."""
        state = self.document.ydoc.get_state()
        source = self.document.ydoc["source"]
        source += text
        return create_update_message(self.document.ydoc.get_update(state))


@asynccontextmanager
async def room_of(
    tmp_path: Path, *pages: Page
) -> AsyncIterator[tuple[DocumentWorld, Rooms, DocumentRoom]]:
    async with open_world(tmp_path) as world:
        rooms = Rooms(world.registry)
        room: PresenceRoom | None = None
        for page in pages:
            room = await rooms.join(str(TEXT_ID), page)
            room.receive(page, state_vector_frame(b"\x00"))
        assert isinstance(room, DocumentRoom)
        await room.document.flush()
        for page in pages:
            page.load()
        yield world, rooms, room


async def test_a_peer_is_asked_for_what_it_has_and_gets_what_it_lacks(tmp_path: Path) -> None:
    ann = Page("ann")
    async with room_of(tmp_path, ann):
        assert isinstance(parse_frame(ann.frames[0]), StateVectorFrame)
        assert ann.document.get() == "hello"


async def test_an_update_goes_to_the_others_and_not_back(tmp_path: Path) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with room_of(tmp_path, ann, ben) as (_, _rooms, room):
        seen = len(ann.updates)
        room.receive(ann, ann.type(" world"))
        await room.document.flush()
        ben.load()

        assert ben.document.get() == "hello world"
        assert len(ann.updates) == seen


async def test_an_update_of_a_reader_is_not_applied_and_the_reader_stays(tmp_path: Path) -> None:
    ann, reader = Page("ann"), Page("reader", can_write=False)
    async with room_of(tmp_path, ann, reader) as (_, _rooms, room):
        room.receive(reader, reader.type(" forbidden"))
        room.receive(reader, create_update_message(EMPTY_UPDATE))
        room.receive(reader, SAVE_7)

        assert room.document.ydoc.get() == "hello"
        assert reader.closed is None
        assert reader.answers == [{"type": "save", "responseTo": 7, "status": "failed"}]


async def test_an_answer_never_holds_what_is_not_durable(tmp_path: Path) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with room_of(tmp_path, ann) as (_, rooms, room):
        room.receive(ann, ann.type(" typed"))
        await rooms.join(str(TEXT_ID), ben)
        room.receive(ben, state_vector_frame(b"\x00"))
        assert ben.updates == []
        await room.document.flush()
        ben.load()

        assert ben.document.get() == "hello typed"


@pytest.mark.parametrize(
    "frame", [b"\x00\x00\x02\xff\xff", create_update_message(b"\x01\x05\x05"), b"\x09"]
)
async def test_rubbish_is_refused_and_the_document_stays(tmp_path: Path, frame: bytes) -> None:
    ann = Page("ann")
    async with room_of(tmp_path, ann) as (_, _rooms, room):
        with pytest.raises(MalformedFrameError):
            room.receive(ann, frame)

        assert room.document.ydoc.get() == "hello"


async def test_a_save_is_answered_after_the_file_is_written(tmp_path: Path) -> None:
    ann = Page("ann")
    async with room_of(tmp_path, ann) as (world, _, room):
        room.receive(ann, ann.type("!"))
        room.receive(ann, SAVE_7)
        room.receive(ann, b"\x02\x04save\x08")
        assert ann.answers == [{"type": "save", "responseTo": 8, "status": "skipped"}]
        await asyncio.gather(*room._saves.values())

        assert ann.answers[1] == {"type": "save", "responseTo": 7, "status": "success"}
        assert world.storage.files["a.txt"] == "hello!"


async def test_a_save_that_fails_says_so(tmp_path: Path) -> None:
    ann = Page("ann")
    async with room_of(tmp_path, ann) as (world, _, room):
        world.storage.full_disk = True
        room.receive(ann, ann.type("!"))
        room.receive(ann, SAVE_7)
        await asyncio.gather(*room._saves.values())
        world.storage.full_disk = False

        assert [answer["status"] for answer in ann.answers] == ["failed"]


async def test_when_changes_cannot_be_kept_pages_are_asked_to_come_back_later(
    tmp_path: Path,
) -> None:
    ann = Page("ann")
    async with room_of(tmp_path, ann) as (_, _rooms, room):
        room.document.on_log_failure(LogWriteError("database or disk is full"))

        assert ann.closed is not None
        code, reason = ann.closed
        assert code == 1013
        assert "disk is full" in reason


async def test_the_room_goes_with_its_last_peer_and_lets_go_of_the_document(
    tmp_path: Path,
) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with room_of(tmp_path, ann, ben) as (_, rooms, room):
        rooms.leave(room, ann)
        assert room.document.held
        rooms.leave(room, ben)
        rooms.leave(room, ben)

        assert not room.document.held
        assert await rooms.join(str(TEXT_ID), ann) is not room


async def test_autosave_follows_what_people_want(tmp_path: Path) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with room_of(tmp_path, ann, ben) as (_, rooms, room):
        wanted = room.document.file.autosave_wanted
        assert wanted()
        room.receive(ann, presence(1, {"autosave": False}))
        assert not wanted()
        room.receive(ben, presence(2, {"autosave": True}))
        assert wanted()
        rooms.leave(room, ben)
        assert not wanted()
        rooms.leave(room, ann)
        assert not wanted()


async def test_the_room_of_all_has_people_and_no_document(tmp_path: Path) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with open_world(tmp_path) as world:
        rooms = Rooms(world.registry)
        room = await rooms.join(GLOBAL_AWARENESS, ann)
        room.receive(ann, presence(1, {"user": "ann"}))
        await rooms.join(GLOBAL_AWARENESS, ben)
        room.receive(ben, state_vector_frame(b"\x00"))
        room.receive(ben, b"\x03")
        rooms.leave(room, ann)

        frames = [parse_frame(frame) for frame in ben.frames]
        assert [type(frame) for frame in frames] == [
            AwarenessFrame,
            UpdateFrame,
            AwarenessFrame,
            AwarenessFrame,
        ]
        assert b"null" in ben.frames[-1]


async def test_signs_of_life_reach_everybody(tmp_path: Path) -> None:
    ann, ben = Page("ann"), Page("ben")
    async with open_world(tmp_path) as world:
        rooms = Rooms(world.registry, keep_alive_s=0.001)
        rooms.start()
        await rooms.join(GLOBAL_AWARENESS, ann)
        await rooms.join(str(TEXT_ID), ben)
        async with asyncio.timeout(60):
            while not (KEEP_ALIVE in ann.frames and KEEP_ALIVE in ben.frames):
                await asyncio.sleep(0.001)
        await rooms.stop()
        await rooms.stop()


def presence(client_id: int, state: object) -> bytes:
    encoded = write_var_uint(client_id) + b"\x01" + write_message(json.dumps(state).encode())
    return awareness_frame(b"\x01" + encoded)


async def test_somebody_who_is_not_connected_can_be_shown_and_hidden(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        rooms = Rooms(world.registry)
        opened: list[DocumentRoom] = []
        rooms.opened.connect(opened.append)
        assert rooms.find(TEXT_ID) is None
        page = Page("ann")
        room = await rooms.join(str(TEXT_ID), page)
        assert opened == [room] == [rooms.find(TEXT_ID)]
        page.frames.clear()

        state = encode_state(7, 1, {"user": {}})
        room.show("guest", state)
        room.hide("guest")
        room.hide("guest")

        removal = encode_state(7, 1, None)
        assert [parse_frame(frame) for frame in page.frames] == [
            AwarenessFrame(state),
            AwarenessFrame(removal),
        ]
        rooms.leave(room, page)
        assert rooms.find(TEXT_ID) is None
