"""How messages are written for people and for programs."""

import json
from datetime import UTC, datetime

import pytest

from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.commands.output import message_as_json, message_as_text
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.types import Headers


def message(value: object, headers: Headers = None, encoding: int = 0) -> Message:
    return Message("a.b", encoding, encode(value, encoding), headers)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("žluť", "žluť"),
        (None, None),
        ({"a": [1, 2.5]}, {"a": [1, 2.5]}),
        (b"\x00\xff", {"base64": "AP8="}),
        ({"a": b"hi"}, {"a": {"base64": "aGk="}}),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00.000Z"),
        (float("nan"), None),
    ],
)
def test_every_value_fits_on_a_line_of_json(value: object, data: object) -> None:
    line = message_as_json(message(value))

    assert "\n" not in line
    assert json.loads(line) == {
        "subject": "a.b",
        "data": data,
        "encoding": "msgpack",
        "bytes": len(encode(value)),
    }


def test_headers_are_shown_when_there_are_some() -> None:
    assert json.loads(message_as_json(message(1, {"k": "v"}, 1)))["headers"] == {"k": "v"}
    assert json.loads(message_as_json(message(1, "plain")))["headers"] == "plain"
    assert message_as_text(message("hi", {"k": "v"})) == '[a.b] 3 bytes\nk: "v"\nhi'
    assert message_as_text(message("hi", "plain")) == '[a.b] 3 bytes\nheaders: "plain"\nhi'


def test_what_cannot_be_decoded_is_shown_as_bytes_with_the_reason() -> None:
    broken = Message("a.b", 7, b"\x01")

    line = json.loads(message_as_json(broken))
    assert (line["data"], line["encoding"]) == ({"base64": "AQ=="}, 7)
    assert "unknown encoding 7" in line["error"]
    assert "cannot be decoded: unknown encoding 7" in message_as_text(broken)


def test_values_that_are_no_text_are_json_for_people_too() -> None:
    assert message_as_text(message({"a": 1})).endswith('\n{"a":1}')
