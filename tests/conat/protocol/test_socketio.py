"""conat-core §1.4 and §1.5; SPEC T5 to T7, E5."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import CodecError, ProtocolError
from cocalc_jupyter_ext.conat.protocol.socketio import (
    Frame,
    Packet,
    PacketReader,
    PacketType,
    write_packet,
)


def read(frames: list[Frame]) -> Packet | None:
    reader = PacketReader()
    packet = None
    for frame in frames:
        packet = reader.text(frame) if isinstance(frame, str) else reader.binary(frame)
    return packet


@pytest.mark.parametrize(
    ("packet", "frames"),
    [
        (Packet(PacketType.CONNECT), ["0"]),
        (Packet(PacketType.CONNECT, {"sid": "x"}), ['0{"sid":"x"}']),
        (Packet(PacketType.DISCONNECT), ["1"]),
        (Packet(PacketType.EVENT, ["info", 1], 0), ['20["info",1]']),
        (Packet(PacketType.ACK, [], 12), ["312[]"]),
        (
            Packet(PacketType.CONNECT_ERROR, {"message": "m"}, namespace="/x"),
            ['4/x,{"message":"m"}'],
        ),
        (
            Packet(PacketType.EVENT, ["e", b"one", {"deep": [b"two"]}], 7),
            [
                '52-7["e",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]',
                b"one",
                b"two",
            ],
        ),
        (Packet(PacketType.ACK, [b"x"], 1), ['61-1[{"_placeholder":true,"num":0}]', b"x"]),
    ],
)
def test_packets_are_written_and_read(packet: Packet, frames: list[Frame]) -> None:
    assert write_packet(packet) == frames
    assert read(frames) == packet


def test_one_attachment_may_be_as_large_as_its_carrier_allows() -> None:
    assert read(['51-["e",{"_placeholder":true,"num":0}]', b"x" * 16_000_001]) is not None


def test_ten_attachments_fit_and_eleven_do_not() -> None:
    assert len(write_packet(Packet(PacketType.EVENT, ["e", *[b"x"] * 10]))) == 11
    with pytest.raises(CodecError, match="at most 10"):
        write_packet(Packet(PacketType.EVENT, ["e", *[b"x"] * 11]))


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (["x"], "not a Socket.IO packet"),
        (["2"], "must be an array"),
        (["2{}"], "must be an array"),
        (["2[]"], "must be an array"),
        (["2[7]"], "must be a string"),
        (["2["], "not JSON"),
        (["3[]"], "with a number"),
        (["30{}"], "must be an array"),
        (["3" + "9" * 17 + "[]"], "too long"),
        (["5[]"], "announces 0 to 10"),
        (['511-["e"]'], "announces 0 to 10"),
        (['21-["e"]'], "only binary packets"),
        (['51-["e"]', "2"], "but text came"),
        ([b"x"], "not announced"),
        (['51-["e",{"_placeholder":true,"num":1}]', b"x"], "does not exist"),
        (['51-["e",{"_placeholder":true,"num":"0"}]', b"x"], "does not exist"),
        (['51-["e",{"_placeholder":true,"num":-1}]', b"x"], "does not exist"),
        (
            ['51-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', b"x"],
            "not any more",
        ),
        (['52-["e"]', b"x", b"y" * 16_000_000], "too large together"),
    ],
)
def test_what_is_no_packet_is_refused(frames: list[Frame], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        read(frames)


arguments = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text() | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda key: key != "_placeholder"), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    name=st.text(), values=st.lists(arguments, max_size=1), ack_id=st.none() | st.integers(0, 10**9)
)
def test_events_are_read_as_they_were_written(
    name: str, values: list[Any], ack_id: int | None
) -> None:
    packet = Packet(PacketType.EVENT, [name, *values], ack_id)

    assert read(write_packet(packet)) == packet


@given(
    st.lists(
        st.text(alphabet='0123456-[]{}",/ae:', max_size=30) | st.binary(max_size=5), max_size=5
    )
)
def test_anything_is_read_or_refused(frames: list[Frame]) -> None:
    reader = PacketReader()
    for frame in frames:
        try:
            reader.text(frame) if isinstance(frame, str) else reader.binary(frame)
        except ProtocolError:
            return
