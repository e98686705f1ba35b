"""conat-core §1, §2; SPEC T1 to T10. Both sides, without a socket and without a clock."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import EventError
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.codec import decode, encode
from cocalc_jupyter_ext.conat.protocol.connection import (
    Acknowledged,
    ClientConnection,
    Connected,
    Ended,
    Received,
    Rejected,
    ServerConnection,
    server_event_frames,
)
from cocalc_jupyter_ext.conat.protocol.engineio import (
    Handshake,
    read_handshake,
    read_packet,
    write_handshake,
)
from cocalc_jupyter_ext.conat.protocol.messages import (
    Delivery,
    Info,
    Publish,
    Subscriptions,
    client_event_from_wire,
    client_event_to_wire,
    server_event_from_wire,
    server_event_to_wire,
)
from cocalc_jupyter_ext.conat.protocol.socketio import (
    Frame,
    Packet,
    PacketReader,
    PacketType,
    write_packet,
)
from cocalc_jupyter_ext.conat.types import MessageId, Pattern, Subject

from ...support.vectors import SCENARIOS, load, messages

HANDSHAKE = Handshake("engine")
INFO = Info(8_000_000, "0", None)
CHUNK = Chunk(MessageId("m"), 0, True, 0, b"\x01", {"h": "v"})


def pair() -> tuple[ServerConnection, ClientConnection]:
    """Return both sides, joined."""
    server, client = ServerConnection(HANDSHAKE, "socket", 0), ClientConnection()
    exchange(server, client)
    assert server.events_received() == [Connected("socket")]
    assert client.events_received() == [Connected("socket")]
    return server, client


def exchange(server: ServerConnection, client: ClientConnection, now_s: float = 0) -> None:
    """Carry everything until both sides are silent."""
    while True:
        to_client, to_server = server.data_to_send(), client.data_to_send()
        if not to_client and not to_server:
            return
        for frame in to_client:
            client.receive(frame, now_s)
        for frame in to_server:
            server.receive(frame, now_s)


def joined_server() -> ServerConnection:
    server, _client = pair()
    return server


def test_the_opening_is_as_recorded() -> None:
    server, client = ServerConnection(HANDSHAKE, "socket", 0), ClientConnection()
    (opening,) = server.data_to_send()
    client.receive(opening, 0)
    (join,) = client.data_to_send()
    server.receive(join, 0)

    assert str(opening).startswith('0{"sid":"engine"')
    assert join == "40"
    assert server.data_to_send() == ['40{"sid":"socket"}']


def test_events_travel_in_both_directions() -> None:
    server, client = pair()
    publish = Publish("a.b", CHUNK)
    delivery = Delivery(Pattern("a.*"), Subject("a.b"), CHUNK)
    ack_id = client.send(publish, wants_ack=True)
    client.send(Subscriptions())
    server.send(delivery)
    exchange(server, client)

    assert server.events_received() == [Received(publish, ack_id), Received(Subscriptions(), None)]
    assert client.events_received() == [Received(delivery, None)]


def test_an_acknowledgement_carries_the_number_of_its_event() -> None:
    server, client = pair()
    numbers = [client.send(Subscriptions(), wants_ack=True) for _ in range(2)]
    exchange(server, client)
    server.acknowledge(1, ["a"])
    exchange(server, client)

    assert numbers == [0, 1]
    assert client.events_received() == [Acknowledged(1, [["a"]])]


def test_the_client_acknowledges_info_without_arguments() -> None:
    server, client = pair()
    server.send(INFO, wants_ack=True)
    exchange(server, client)

    assert client.events_received() == [Received(INFO, 0)]
    assert server.events_received() == [Acknowledged(0, [])]


def test_a_delivery_can_be_built_once_for_all() -> None:
    server, _client = pair()
    delivery = Delivery(Pattern("a.*"), Subject("a.b"), CHUNK)
    server.send(delivery)

    assert server.data_to_send() == server_event_frames(delivery)


def test_a_connection_knows_that_an_attachment_is_still_to_come() -> None:
    server = joined_server()
    server.receive('451-["publish",["a","id",0,1,0,{"_placeholder":true,"num":0}]]', 0)
    assert server.is_mid_packet
    server.receive(b"raw", 0)

    assert not server.is_mid_packet


def test_an_event_that_makes_no_sense_is_reported_and_the_connection_stays() -> None:
    server = joined_server()
    server.receive('425["nonsense",1]', 0)
    server.receive('426["subscriptions",null]', 0)

    rejected, received = server.events_received()
    assert isinstance(rejected, Rejected)
    assert (rejected.name, rejected.ack_id) == ("nonsense", 5)
    assert isinstance(rejected.error, EventError)
    assert received == Received(Subscriptions(), 6)


@pytest.mark.parametrize(
    "frame", ["", "9", "4x", b"unannounced", "45[", "2probe", '0{"sid":1}', "5", "3x"]
)
def test_a_client_that_breaks_the_framing_is_cut_off(frame: Frame) -> None:
    server = joined_server()
    server.receive(frame, 0)

    (ended,) = server.events_received()
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert server.is_closing


def test_events_before_the_namespace_is_joined_break_the_protocol() -> None:
    server = ServerConnection(HANDSHAKE, "socket", 0)
    server.receive('42["subscriptions",null]', 0)

    (ended,) = server.events_received()
    assert isinstance(ended, Ended)


def test_only_the_root_namespace_exists() -> None:
    server = ServerConnection(HANDSHAKE, "socket", 0)
    server.data_to_send()
    server.receive("40/admin,", 0)

    assert server.data_to_send() == ['44/admin,{"message":"Invalid namespace"}']
    assert server.events_received() == []


def test_a_client_that_does_not_join_is_given_up_after_45_seconds() -> None:
    server = ServerConnection(HANDSHAKE, "socket", 0)
    assert server.deadline_s == 25
    server.tick(25)
    server.receive("3", 25)
    assert server.deadline_s == 45
    server.tick(45)

    assert server.events_received() == [Ended("connect timeout")]


def test_ping_and_pong_keep_both_sides_alive() -> None:
    server, client = pair()
    server.tick(25)
    exchange(server, client, 25)

    assert server.deadline_s == 50
    assert client.deadline_s == 70
    assert server.events_received() == client.events_received() == []


def test_a_silent_peer_is_dead() -> None:
    server, client = pair()
    server.tick(25)
    server.tick(45)
    client.tick(45)

    assert server.events_received() == [Ended("ping timeout")]
    assert client.events_received() == [Ended("ping timeout")]
    assert server.deadline_s is client.deadline_s is None


def test_a_disconnected_client_is_told_with_a_packet() -> None:
    server, client = pair()
    server.disconnect("access was removed")
    assert server.events_received() == [Ended("access was removed")]
    exchange(server, client)

    assert client.events_received() == [Ended("io server disconnect")]


def test_a_client_that_leaves_says_so() -> None:
    server, client = pair()
    client.disconnect("io client disconnect")
    exchange(server, client)

    assert server.events_received() == [Ended("client namespace disconnect")]


def test_a_closed_carrier_ends_the_connection_once() -> None:
    server = joined_server()
    server.close()
    server.close("again")
    server.receive('42["subscriptions",null]', 0)
    server.send(INFO)
    server.disconnect("late")
    server.tick(100)

    assert server.events_received() == [Ended("transport close")]
    assert server.data_to_send() == []


def test_an_engine_close_packet_ends_the_connection() -> None:
    server = joined_server()
    server.receive("6", 0)
    server.receive("1", 0)

    assert server.events_received() == [Ended("transport close")]


@pytest.mark.parametrize("frame", ["3", "40x", '0{"sid":"again"}'])
def test_a_server_that_breaks_the_protocol_is_left(frame: Frame) -> None:
    _server, client = pair()
    client.receive(frame, 0)

    (ended,) = client.events_received()
    assert isinstance(ended, Ended)
    assert ended.error is not None


def test_a_client_that_may_not_join_ends() -> None:
    client = ClientConnection()
    client.receive('44{"message":"no"}', 0)

    assert client.events_received() == [Ended("connect error")]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_recorded_message_is_written_again_byte_for_byte(scenario: str) -> None:
    conversation = load(scenario)
    for connection in {each.connection for each in conversation.frames}:
        for from_client in (True, False):
            for message in messages(conversation.of(connection, from_client=from_client)):
                assert rewritten(message, from_client=from_client) == list(message)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_recorded_payload_is_encoded_again_byte_for_byte(scenario: str) -> None:
    conversation = load(scenario)
    for connection in {each.connection for each in conversation.frames}:
        for from_client in (True, False):
            for message in messages(conversation.of(connection, from_client=from_client)):
                chunk = chunk_of(message, from_client=from_client)
                if chunk is not None and chunk.seq == 0 and chunk.done:
                    assert encode(decode(chunk.raw, chunk.encoding), chunk.encoding) == chunk.raw


def chunk_of(message: tuple[Frame, ...], *, from_client: bool) -> Chunk | None:
    """Return the chunk of a recorded publish or delivery."""
    packet = packet_of(message)
    if packet is None or packet.type is not PacketType.EVENT:
        return None
    name, arguments = packet.data[0], packet.data[1:]
    if from_client:
        event = client_event_from_wire(name, arguments) if name == "publish" else None
        return event.chunk if isinstance(event, Publish) else None
    delivery = server_event_from_wire(name, arguments)
    return delivery.chunk if isinstance(delivery, Delivery) else None


def rewritten(message: tuple[Frame, ...], *, from_client: bool) -> list[Frame]:
    """Read a recorded message into dataclasses, and write it from them."""
    packet = packet_of(message)
    if packet is None:
        return [carrier_packet_again(str(message[0]))]
    head, *rest = write_packet(typed(packet, from_client=from_client))
    return [f"4{head!s}", *rest]


def packet_of(message: tuple[Frame, ...]) -> Packet | None:
    """Read a recorded message; None when it is one of the carrier's own."""
    text, *attachments = message
    packet_type, body = read_packet(str(text))
    if packet_type != "4":
        return None
    reader = PacketReader()
    packet = reader.text(body)
    for attachment in attachments:
        assert isinstance(attachment, bytes)
        packet = reader.binary(attachment)
    assert packet is not None
    return packet


def carrier_packet_again(text: str) -> str:
    """Read what the carrier itself says, and write it."""
    packet_type, body = read_packet(text)
    if packet_type == "0":
        return write_handshake(read_handshake(body))
    return f"{packet_type}{body}"


def typed(packet: Packet, *, from_client: bool) -> Packet:
    if packet.type is not PacketType.EVENT:
        return packet
    name, arguments = packet.data[0], packet.data[1:]
    wire: tuple[str, Any]
    if from_client and lacks_queue(name, arguments):
        return packet  # an error that our client cannot make
    if from_client:
        wire = client_event_to_wire(client_event_from_wire(name, arguments))
    else:
        wire = server_event_to_wire(server_event_from_wire(name, arguments))
    return Packet(packet.type, [wire[0], *wire[1]], packet.ack_id)


def lacks_queue(name: str, arguments: list[Any]) -> bool:
    return name == "subscribe" and isinstance(arguments[0], dict) and "queue" not in arguments[0]


names = st.text(min_size=1, max_size=10)
headers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: (
        st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.lists(inner, max_size=3)
    ),
    max_leaves=5,
)


@given(names, names, names, st.integers(0, 9), st.booleans(), headers)
def test_a_delivery_is_written_as_any_other_event(
    pattern: str, subject: str, message_id: str, seq: int, done: bool, headers: Any
) -> None:
    chunk = Chunk(MessageId(message_id), seq, done, 0, b"x", headers)
    event = Delivery(Pattern(pattern), Subject(subject), chunk)
    name, arguments = server_event_to_wire(event)
    text, *attachments = write_packet(Packet(PacketType.EVENT, [name, *arguments]))

    assert server_event_frames(event) == [f"4{text!s}", *attachments]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"count": 0}, '{"count":0}'),
        ({"count": 12}, '{"count":12}'),
        ({"count": 1.0}, '{"count":1}'),
        ({"count": True}, '{"count":true}'),
        ({"count": 1, "more": 2}, '{"count":1,"more":2}'),
        ({"status": "added"}, '{"status":"added"}'),
        (None, "null"),
    ],
)
def test_answers_are_written_as_javascript_writes_them(answer: Any, text: str) -> None:
    server = joined_server()
    server.acknowledge(7, answer)

    assert server.data_to_send() == [f"437[{text}]"]


def test_nothing_is_answered_after_the_end() -> None:
    server = joined_server()
    server.close()
    server.acknowledge(7, {"count": 1})

    assert server.data_to_send() == []
