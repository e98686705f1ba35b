"""Reading and writing messages of a kernel websocket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.session import Session

from cocalc_jupyter_ext.server.page_messages import (
    V1,
    PageMessage,
    UnreadableMessageError,
    read,
    write,
)

SESSION = Session()
HEADER = {"msg_id": "1", "msg_type": "comm_msg"}
MESSAGE = PageMessage("shell", HEADER, {"a": "ü"}, {"p": 1}, {"m": 1}, (b"\x00\xff", b""))


@pytest.mark.parametrize("subprotocol", [V1, None, ""])
@pytest.mark.parametrize("buffers", [(), MESSAGE.buffers])
def test_what_was_written_is_read(subprotocol: str | None, buffers: tuple[bytes, ...]) -> None:
    message = PageMessage("shell", HEADER, {"a": "ü"}, {"p": 1}, {"m": 1}, buffers)
    found = read(write(message, subprotocol, SESSION), subprotocol, SESSION)
    assert found.header.items() >= HEADER.items()
    assert (found.channel, found.content, found.parent, found.metadata, found.buffers) == (
        "shell", {"a": "ü"}, {"p": 1}, {"m": 1}, buffers
    )  # fmt: skip
    assert found.kind == "comm_msg"


@pytest.mark.parametrize("subprotocol", [V1, None])
@given(st.one_of(st.binary(), st.text(), st.binary(max_size=40).map(lambda b: b"\x05" + b)))
def test_nonsense_is_called_unreadable(subprotocol: str | None, raw: bytes | str) -> None:
    with pytest.raises(UnreadableMessageError):
        read(raw, subprotocol, SESSION)


@pytest.mark.parametrize(
    "changes", [{"header": 5}, {"content": [1]}, {"channel": 5}, {"metadata": "x"}, {"buffers": 5}]
)
def test_parts_of_the_wrong_kind_are_called_unreadable(changes: dict[str, object]) -> None:
    raw = json.dumps({"header": HEADER, "channel": "shell", **changes})
    with pytest.raises(UnreadableMessageError):
        read(raw, None, SESSION)


def test_the_channel_is_shell_where_none_is_named() -> None:
    assert read(json.dumps({"header": HEADER}), None, SESSION).channel == "shell"
