"""conat-core §14.1 to §14.5; SPEC Z1 to Z4. A recorded conversation is the judge of every byte."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import InvalidSubject
from cocalc_jupyter_ext.conat.protocol.codec import decode, encode
from cocalc_jupyter_ext.conat.sockets.commands import (
    NO_DATA,
    Address,
    Command,
    Emitted,
    Missing,
    check_headers,
    client_subject,
    command_headers,
    command_of,
    packet_headers,
    packets_from_wire,
    packets_to_wire,
    parse_address,
    parse_channel,
    parse_control,
    parse_packet,
    parse_token,
    server_pattern,
    server_subject,
    status_subject,
)
from cocalc_jupyter_ext.conat.sockets.errors import SocketError
from cocalc_jupyter_ext.conat.sockets.sequence import Packet

from ...support import vectors

SERVER, CLIENT = "H50vHbVayD", "WvV6pDxfUw"


def published(connection: int) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Give the subject, payload and headers of what a connection published."""
    frames = vectors.load("socket").of(connection, from_client=True)
    for text, *payload in vectors.messages(frames):
        if isinstance(text, str) and '["publish",' in text:
            _event, array = json.loads(text[text.index("[") :])
            assert isinstance(payload[0], bytes)
            yield array[0], payload[0], array[6] if len(array) > 6 else {}


BY_SERVER, BY_CLIENT = list(published(1)), list(published(2))


def without_reply(headers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if name != "CN-Reply"}


class TestSubjects:
    def test_both_ends_publish_where_the_original_does(self) -> None:
        ours = {server_subject("term", SERVER, CLIENT), status_subject("term")}

        assert {each[0] for each in BY_CLIENT if not each[0].startswith("_INBOX")} == ours
        assert client_subject("term", CLIENT) in {each[0] for each in BY_SERVER}

    def test_a_server_listens_where_the_original_does(self) -> None:
        frames = vectors.load("socket").of(1, from_client=True)
        subscribed = [
            json.loads(frame[frame.index("[") :])[1]["subject"]
            for frame in frames
            if isinstance(frame, str) and '["subscribe",' in frame
        ]

        assert subscribed[1:] == [status_subject("term"), server_pattern("term", SERVER)]

    @pytest.mark.parametrize("base", ["term", "changefeeds.account-1"])
    def test_the_address_of_a_message_tells_the_concrete_base(self, base: str) -> None:
        assert parse_address(server_subject(base, "0", "abc")) == Address(base, "0", "abc")

    def test_a_server_may_listen_to_a_pattern(self) -> None:
        assert server_pattern("changefeeds.*", "0") == "changefeeds.*.server.0.*"
        assert status_subject("changefeeds.*") == "changefeeds.*.server.status"

    @pytest.mark.parametrize("text", ["", "a.b", "*", ">", "a b"])
    def test_an_id_is_one_token(self, text: str) -> None:
        with pytest.raises(InvalidSubject):
            parse_token(text)

    @pytest.mark.parametrize("name", ["server", "client", "server.status", "", "*", "a..b"])
    def test_a_channel_may_not_use_the_subjects_of_sockets(self, name: str) -> None:
        with pytest.raises(InvalidSubject):
            parse_channel(name)

    @pytest.mark.parametrize("name", ["a", "a.b", "a.server"])
    def test_other_names_are_channels(self, name: str) -> None:
        assert parse_channel(name) == name


class TestHeaders:
    def test_commands_have_the_headers_of_the_original(self) -> None:
        mine = [without_reply(each[2]) for each in BY_CLIENT if "CN-SocketCmd" in each[2]]

        assert command_headers(Command.CONNECT, CLIENT) in mine
        assert command_headers(Command.CLOSE, CLIENT) in mine
        assert command_headers(Command.PING) in mine
        assert command_headers(Command.SOCKET) in mine
        assert command_headers(Command.CLOSE) in [each[2] for each in BY_SERVER]

    def test_packets_have_the_headers_of_the_original_in_its_order(self) -> None:
        mine = [packet_headers(Packet(1, b"")), packet_headers(Packet(2, b"", 0, {"x": "y"}))]
        recorded = [each[2] for each in BY_CLIENT if "CN-SocketSeq" in each[2]]

        assert [json.dumps(each) for each in mine] == [json.dumps(each) for each in recorded]

    def test_a_recorded_packet_is_understood(self) -> None:
        _subject, raw, headers = next(each for each in BY_CLIENT if each[2].get("x"))

        assert parse_packet(raw, 0, headers) == Packet(2, encode({"two": 2}, 0), 0, {"x": "y"})

    def test_a_command_is_told_from_other_messages(self) -> None:
        assert command_of({"CN-SocketCmd": "ping", "CN-Reply": "r"}) == Command.PING
        assert command_of({"CN-SocketCmd": "dance"}) == "dance"
        assert command_of({"CN-Reply": "r"}) is None
        assert command_of("text") is None
        assert command_of(None) is None

    @pytest.mark.parametrize("seq", [None, 0, -1, "1", True, 1.5, float("nan"), float("inf")])
    def test_a_number_that_is_no_positive_integer_is_refused(self, seq: object) -> None:
        with pytest.raises(SocketError):
            parse_packet(b"", 0, {"CN-SocketSeq": seq})

    @pytest.mark.parametrize("headers", [None, "text", []])
    def test_data_without_a_number_is_refused(self, headers: object) -> None:
        with pytest.raises(SocketError):
            parse_packet(b"", 0, headers)

    @pytest.mark.parametrize("name", ["CN-SocketCmd", "CN-Reply"])
    def test_a_user_cannot_make_data_look_like_something_else(self, name: str) -> None:
        with pytest.raises(SocketError, match="reserved"):
            check_headers({name: "x"})


class TestControls:
    def test_acknowledgements_have_the_bytes_of_the_original(self) -> None:
        recorded = [each[1] for each in BY_CLIENT if each[2].get("CN-SocketCmd") == "socket"]

        assert [encode({"socket": Emitted(seq).to_wire()}, 0) for seq in (1, 2)] == recorded
        assert encode(Emitted(1).to_wire(), 0) in [each[1] for each in BY_SERVER]

    def test_recorded_acknowledgements_are_understood(self) -> None:
        recorded = [each[1] for each in BY_SERVER if each[2].get("CN-SocketCmd") == "socket"]

        assert [parse_control(decode(raw, 0)) for raw in recorded] == [Emitted(1), Emitted(2)]

    def test_missing_numbers_survive_the_way(self) -> None:
        control = Missing((9, 10))

        assert parse_control({"socket": control.to_wire()}) == control

    def test_packets_survive_the_way_to_the_one_who_lacks_them(self) -> None:
        packets = [Packet(9, b"\x01", 0, {"h": 1}), Packet(10, b"\x02")]
        wire = decode(encode(packets_to_wire(packets), 0), 0)

        assert wire[0] == {"encoding": 0, "raw": b"\x01", "headers": {"h": 1, "CN-SocketSeq": 9}}
        assert packets_from_wire(wire) == packets

    @pytest.mark.parametrize(
        "data",
        [
            None,
            "emitted",
            {"socket": 7},
            {"socket": {}},
            {"socket": {"emitted": "1"}},
            {"socket": {"missing": 3}},
            {"socket": {"missing": ["1"]}},
            {"socket": {"missing": [1] * 100_001}},
        ],
    )
    def test_a_control_that_makes_no_sense_is_refused(self, data: object) -> None:
        with pytest.raises(SocketError):
            parse_control(data)

    @pytest.mark.parametrize(
        "data",
        [
            None,
            {"error": "nodata"},
            [7],
            [{"encoding": 0, "headers": {"CN-SocketSeq": 1}}],
            [{"encoding": 0, "raw": "text", "headers": {"CN-SocketSeq": 1}}],
            [{"encoding": 0, "raw": b"", "headers": None}],
            [{"raw": b"", "headers": {"CN-SocketSeq": 1}}],
        ],
    )
    def test_an_answer_without_whole_packets_is_refused(self, data: object) -> None:
        with pytest.raises(SocketError):
            packets_from_wire(data)

    def test_numbers_that_are_gone_are_answered_with_this_header(self) -> None:
        assert NO_DATA == {"error": "nodata"}
