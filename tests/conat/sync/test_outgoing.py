"""Nothing unsendable waits to be saved."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.sync.outgoing import encoded


def test_what_can_be_sent_is_encoded() -> None:
    assert encoded({"a": 1}, {"by": ["me"]}, "key") == b"\x81\xa1a\x01"
    assert encoded(None, None, "") == b"\xc0"


@pytest.mark.parametrize(
    ("value", "headers", "key"),
    [
        (object(), None, None),
        (1, {"x": b"binary"}, None),
        (1, {"x": object()}, "k"),
        (1, None, "\ud800"),
    ],
)
def test_what_cannot_be_sent_is_refused(value: Any, headers: Any, key: str | None) -> None:
    with pytest.raises(CodecError):
        encoded(value, headers, key)


def test_a_key_is_a_text() -> None:
    with pytest.raises(TypeError, match="a key is a text, not 5"):
        encoded(1, None, 5)  # type: ignore[arg-type]
