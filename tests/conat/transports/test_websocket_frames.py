"""RFC 6455 §5, §7; SPEC T16: what clients send is read exactly, and nothing else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.protocol.socketio import Frame
from cocalc_jupyter_ext.conat.transports.websocket_frames import (
    Close,
    FrameError,
    FrameReader,
    Ping,
    Pong,
    close_frame,
    joined,
    pong_frame,
    websocket_buffers,
)

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    """Return a frame as a client sends it."""
    mask = os.urandom(4)
    size = len(payload)
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[k % 4] for k, byte in enumerate(payload))


def read(data: bytes, max_bytes: int = 1_000_000, piece: int | None = None) -> list[object]:
    """Return all messages of some bytes, which come in pieces of this size."""
    reader, messages = FrameReader(max_bytes), []
    for start in range(0, len(data), piece or len(data)):
        reader.feed(data[start : start + (piece or len(data))])
        while (message := reader.next_message()) is not None:
            messages.append(message)
    return messages


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_messages_of_every_size_are_read(size: int) -> None:
    payload = os.urandom(size)

    assert read(frame(BINARY, payload)) == [payload]
    assert read(frame(TEXT, b"a" * size)) == ["a" * size]


frames = st.lists(
    st.tuples(st.sampled_from([TEXT, BINARY, PING, PONG]), st.text(max_size=60)), max_size=6
)


@given(frames, st.integers(1, 300))
def test_it_does_not_matter_in_which_pieces_bytes_come(
    sent: list[tuple[int, str]], piece: int
) -> None:
    kinds = {TEXT: str, BINARY: str.encode, PING: as_ping, PONG: as_pong}
    data = b"".join(frame(opcode, text.encode()[:125]) for opcode, text in sent if is_short(text))
    expected = [kinds[opcode](text) for opcode, text in sent if is_short(text)]  # type: ignore[operator]  # four functions

    assert read(data, piece=piece) == expected


def is_short(text: str) -> bool:
    return len(text.encode()) <= 125


def as_ping(text: str) -> Ping:
    return Ping(text.encode())


def as_pong(text: str) -> Pong:
    return Pong(text.encode())


def test_a_reader_knows_whether_part_of_a_message_is_still_to_come() -> None:
    reader = FrameReader(1_000_000)
    data = frame(TEXT, b"one") + frame(BINARY, bytes(500))
    reader.feed(data[:20])
    assert not reader.is_empty
    assert reader.next_message() == "one"
    assert reader.next_message() is None
    assert not reader.is_empty
    reader.feed(data[20:])
    assert reader.next_message() == bytes(500)

    assert reader.is_empty


def test_fragments_are_put_together_and_control_frames_may_come_between() -> None:
    data = (
        frame(TEXT, "zw\u00f6".encode()[:3], final=False)
        + frame(PING, b"?")
        + frame(CONTINUATION, "zw\u00f6".encode()[3:], final=False)
        + frame(CONTINUATION, b"lf")
        + frame(BINARY, b"a", final=False)
        + frame(CONTINUATION)
        + frame(TEXT, b"next")
    )

    assert read(data) == [Ping(b"?"), "zw\u00f6lf", b"a", "next"]
    assert read(data, piece=1) == read(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x81\x01a", 1002, id="without a mask"),
        pytest.param(frame(TEXT, b"a", reserved=0x40), 1002, id="compressed"),
        pytest.param(frame(3), 1002, id="unknown data frame"),
        pytest.param(frame(11), 1002, id="unknown control frame"),
        pytest.param(frame(CONTINUATION, b"a"), 1002, id="nothing to continue"),
        pytest.param(
            frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), 1002, id="inside of a message"
        ),
        pytest.param(frame(PING, bytes(126)), 1002, id="long ping"),
        pytest.param(frame(PING, final=False), 1002, id="fragmented ping"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        pytest.param(frame(CLOSE, b"\x03\xed"), 1002, id="close code 1005"),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, id="close reason"),
        pytest.param(frame(TEXT, b"\xff"), 1007, id="not UTF-8"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="half a character"),
        pytest.param(frame(BINARY, bytes(101)), 1009, id="too large"),
        pytest.param(
            frame(BINARY, bytes(60), final=False) + frame(CONTINUATION, bytes(60)),
            1009,
            id="too large together",
        ),
    ],
)
def test_what_is_no_message_says_how_to_close(data: bytes, code: int) -> None:
    for piece in (None, 1):
        with pytest.raises(FrameError) as error:
            read(data, max_bytes=100, piece=piece)

        assert error.value.close_code == code


def test_what_is_too_large_is_refused_before_it_has_come() -> None:
    reader = FrameReader(100)
    reader.feed(frame(BINARY, bytes(70_000))[:14])

    with pytest.raises(FrameError, match="too big"):
        reader.next_message()


def test_a_message_of_exactly_the_limit_is_read() -> None:
    assert read(frame(BINARY, bytes(100)), max_bytes=100) == [bytes(100)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", Close(None, "")),
        (b"\x03\xe8", Close(1000, "")),
        (b"\x0f\xa0bye", Close(4000, "bye")),
    ],
)
def test_closings(payload: bytes, expected: Close) -> None:
    assert read(frame(CLOSE, payload)) == [expected]


def test_what_is_written_to_close_and_to_answer() -> None:
    assert close_frame(1000, "bye") == b"\x88\x05\x03\xe8bye"
    assert pong_frame(b"?") == b"\x8a\x01?"


def test_a_close_reason_is_cut_between_characters() -> None:
    data = close_frame(1000, "\u00e4" * 100)

    assert data[1] == len(data) - 2 == 124
    assert data[4:].decode() == "\u00e4" * 61


def test_small_parts_are_joined_and_large_ones_are_not_copied() -> None:
    large = bytes(70_000)
    parts = joined([b"a", b"b", large, b"c"])

    assert [len(part) for part in parts] == [2, 70_000, 1]
    assert parts[1] is large
    assert joined([b"a", b"b"]) == (b"ab",)
    assert joined([]) == ()


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "8200"),
        (125, "827d"),
        (126, "827e007e"),
        (65_535, "827effff"),
        (65_536, "827f0000000000010000"),
    ],
)
def test_headers_of_frames(size: int, header: str) -> None:
    data = b"".join(websocket_buffers([bytes(size)]))

    assert data[: len(data) - size].hex() == header


@given(st.lists(st.text(max_size=200) | st.binary(max_size=200), max_size=5))
def test_frames_can_be_taken_apart_again(frames: list[Frame]) -> None:
    assert parsed(b"".join(websocket_buffers(frames))) == frames


def parsed(data: bytes) -> list[Frame]:
    frames: list[Frame] = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        payload, kind = data[start : start + size], data[0]
        frames.append(payload.decode() if kind == 0x81 else payload)
        data = data[start + size :]
    return frames
