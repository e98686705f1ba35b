"""RFC 6455, section 5; SPEC T13."""

import pytest
from tornado.util import _websocket_mask

from cocalc_jupyter_ext.conat.transports.websocket_masking import masked_buffers


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("is_text", [True, False])
def test_a_frame_is_final_masked_and_says_its_length(size: int, is_text: bool) -> None:
    payload = b"x" * size
    (frame,) = masked_buffers([payload.decode() if is_text else payload])

    extra = {True: 0, size >= 126: 2, size >= 65_536: 8}[True]
    length = int.from_bytes(frame[2 : 2 + extra], "big") if extra else frame[1] & 0x7F
    mask, body = frame[2 + extra : 6 + extra], frame[6 + extra :]
    assert frame[0] == (0x81 if is_text else 0x82)
    assert frame[1] & 0x80
    assert length == size
    assert _websocket_mask(mask, body) == payload


def test_each_message_has_a_mask_of_its_own() -> None:
    frames = masked_buffers([b"same"] * 50)

    assert len({frame[2:6] for frame in frames}) > 1
