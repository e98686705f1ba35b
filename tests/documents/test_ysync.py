import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text, create_sync_message, create_update_message

from cocalc_jupyter_ext.documents.errors import MalformedFrameError
from cocalc_jupyter_ext.documents.ysync import (
    KEEP_ALIVE,
    AwarenessFrame,
    AwarenessQuery,
    ForeignFrame,
    SaveRequest,
    StateVectorFrame,
    UpdateFrame,
    awareness_frame,
    decode_state_vector,
    missing_updates_frame,
    parse_frame,
    save_answer,
    state_vector_frame,
)


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        (create_sync_message(Doc()), StateVectorFrame(b"\x00")),
        (state_vector_frame(b"\x00"), StateVectorFrame(b"\x00")),
        (create_update_message(b"u"), UpdateFrame(b"u")),
        (missing_updates_frame(b"m" * 300), UpdateFrame(b"m" * 300)),
        (awareness_frame(b"a"), AwarenessFrame(b"a")),
        (KEEP_ALIVE, AwarenessFrame(b"\x00")),
        (b"\x03", AwarenessQuery()),
        (b"\x02\x04save\x81\x01", SaveRequest(129)),
        (b"\x7drubbish", ForeignFrame(125)),
    ],
)
def test_frames_are_read(data: bytes, frame: object) -> None:
    assert parse_frame(data) == frame


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\x03\x00",
        b"\x00\x02\x05ab",
        b"\x01\x05",
        b"\x04",
        b"\x02\x04load\x01",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        parse_frame(data)


@given(st.binary(max_size=40))
def test_no_bytes_do_worse_than_being_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedFrameError):
        assert parse_frame(data) == parse_frame(data)


def test_a_save_answer_is_what_the_stock_page_expects() -> None:
    frame = save_answer(7, "success")

    assert frame[0] == 2
    assert frame[2:] == b'{"type": "save", "responseTo": 7, "status": "success"}'
    assert frame[1] == len(frame) - 2


def test_a_state_vector_tells_how_much_of_each_client_is_there() -> None:
    doc: Doc[Text] = Doc(client_id=2**40)
    doc["t"] = Text("four")

    assert decode_state_vector(doc.get_state()) == {2**40: 4}
    assert decode_state_vector(Doc().get_state()) == {}
