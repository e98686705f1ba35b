"""What a room tells its peers, at once or together (SPEC R1, R8)."""

import asyncio
from typing import Any

from pycrdt import Doc, Text

from cocalc_jupyter_ext.documents.fanout import FEW, Fanout
from cocalc_jupyter_ext.documents.presence import Presence
from cocalc_jupyter_ext.documents.ysync import (
    AwarenessFrame,
    Frame,
    UpdateFrame,
    awareness_frame,
    parse_frame,
)


class Person:
    """Types into a text of its own, and keeps what it is sent."""

    def __init__(self) -> None:
        self.doc: Doc[Any] = Doc()
        self.text = self.doc.get("text", type=Text)
        self.frames: list[Frame] = []

    def type(self, text: str) -> bytes:
        before = self.doc.get_state()
        self.text += text
        return self.doc.get_update(before)

    def send(self, frame: bytes) -> None:
        self.frames.append(parse_frame(frame))
        match self.frames[-1]:
            case UpdateFrame(update):
                self.doc.apply_update(update)


def people(count: int) -> list[Person]:
    return [Person() for _ in range(count)]


async def test_among_few_every_edit_goes_out_at_once() -> None:
    ann, ben = people(2)
    fanout = Fanout([ann, ben])

    fanout.update(ann, ann.type("a"))
    fanout.update(ann, ann.type("b"))

    assert (str(ben.text), len(ben.frames)) == ("ab", 2)
    assert ann.frames == []


async def test_among_many_what_comes_closely_together_is_one_frame_for_each() -> None:
    ann, ben, *others = people(FEW + 1)
    fanout = Fanout([ann, ben, *others])

    fanout.update(ann, ann.type("1"))
    assert [str(each.text) for each in (ben, *others)] == ["1"] * FEW
    for _ in range(3):
        fanout.update(ann, ann.type("a"))
        fanout.update(ben, ben.type("b"))
    assert len(others[0].frames) == 1
    async with asyncio.timeout(60):
        while len(others[0].frames) < 2:
            await asyncio.sleep(0)

    assert {len(each.frames) for each in others} == {2}
    assert {str(each.text) for each in (ann, ben, *others)} == {str(ann.text)}
    assert sorted(str(ann.text)) == list("1aaabbb")


async def test_nobody_is_sent_what_came_from_them() -> None:
    ann, *others = people(FEW + 1)
    fanout = Fanout([ann, *others])

    for _ in range(3):
        fanout.update(ann, ann.type("a"))
    fanout.close()

    assert ann.frames == []
    assert str(others[0].text) == "aaa"


async def test_of_several_states_of_one_participant_the_newest_is_sent() -> None:
    ann, *others = people(FEW + 1)
    fanout = Fanout([ann, *others])

    for clock in range(3):
        fanout.states(ann, b"\x01\x07" + bytes([clock]) + b'\x0b{"n":"x%d"}' % (clock + 10))
    fanout.close()

    seen = Presence()
    last = others[0].frames[-1]
    assert isinstance(last, AwarenessFrame)
    seen.apply(last.payload, "server")
    assert seen.states() == [{"n": "x12"}]
    assert len(others[0].frames) == 2


async def test_a_peer_that_goes_is_told_nothing_more_and_the_others_are() -> None:
    peers = people(FEW + 2)
    present = set(peers)
    fanout = Fanout(present)

    fanout.update(None, peers[0].type("a"))
    fanout.update(None, peers[0].type("b"))
    present.discard(peers[1])
    fanout.close()

    assert len(peers[1].frames) == 1
    assert str(peers[2].text) == "ab"


async def test_nothing_waits_after_the_end() -> None:
    peers = people(FEW + 1)
    fanout = Fanout(peers)
    fanout.states(peers[0], Presence().encode_all())

    fanout.close()
    fanout.close()
    await asyncio.sleep(0)

    assert [each.frames for each in peers[1:]] == [[parse_frame(awareness_frame(b"\x00"))]] * FEW
