"""conat-core §1.2, §1.4 and §11.8; SPEC T2 to T4."""

import pytest

from cocalc_jupyter_ext.conat.errors import ProtocolError
from cocalc_jupyter_ext.conat.protocol.engineio import (
    ClientHeartbeat,
    Handshake,
    PacketType,
    ServerHeartbeat,
    read_handshake,
    read_packet,
    write_handshake,
)

HANDSHAKE = Handshake("sid")


def test_the_open_packet_is_written_as_recorded() -> None:
    assert write_handshake(HANDSHAKE) == (
        '0{"sid":"sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":8000000}'
    )


def test_the_open_packet_is_read_back() -> None:
    packet_type, body = read_packet(write_handshake(HANDSHAKE))

    assert packet_type is PacketType.OPEN
    assert read_handshake(body) == HANDSHAKE


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"pingInterval":0,"pingTimeout":1,"maxPayload":1}']
)
def test_an_open_packet_without_its_numbers_is_refused(body: str) -> None:
    with pytest.raises(ProtocolError):
        read_handshake(body)


@pytest.mark.parametrize("text", ["", "7", "x", "é"])
def test_a_message_needs_the_digit_of_a_type(text: str) -> None:
    with pytest.raises(ProtocolError, match="digit"):
        read_packet(text)


def test_the_server_pings_every_interval_as_long_as_the_client_answers() -> None:
    heartbeat = ServerHeartbeat.start(HANDSHAKE, 100)

    assert heartbeat.tick(124.9) == (False, False)
    assert heartbeat.tick(125) == (True, False)
    heartbeat.pong_received(126)
    assert heartbeat.deadline_s == 151
    assert heartbeat.tick(151) == (True, False)


def test_the_server_gives_up_a_client_that_does_not_answer() -> None:
    heartbeat = ServerHeartbeat.start(HANDSHAKE, 0)
    heartbeat.tick(25)

    assert heartbeat.tick(44.9) == (False, False)
    assert heartbeat.tick(45) == (False, True)


def test_an_answer_nobody_asked_for_changes_nothing() -> None:
    heartbeat = ServerHeartbeat.start(HANDSHAKE, 0)
    heartbeat.pong_received(20)

    assert heartbeat.deadline_s == 25


def test_the_client_gives_up_a_server_that_is_silent_for_45_seconds() -> None:
    heartbeat = ClientHeartbeat.start(HANDSHAKE, 0)
    heartbeat.ping_received(10)

    assert heartbeat.tick(54.9) == (False, False)
    assert heartbeat.tick(55) == (False, True)
