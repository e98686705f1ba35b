"""SPEC T12: the bytes of a delivery are shared."""

from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.connection import server_event_frames
from cocalc_jupyter_ext.conat.protocol.messages import Delivery
from cocalc_jupyter_ext.conat.transports.deliveries import DeliveryCache
from cocalc_jupyter_ext.conat.transports.websocket_frames import websocket_buffers
from cocalc_jupyter_ext.conat.types import MessageId, Pattern, Subject


def test_a_delivery_is_built_once_for_all_its_receivers() -> None:
    cache = DeliveryCache()
    chunk = Chunk(MessageId("m"), 0, True, 0, b"x")
    one = Delivery(Pattern("a"), Subject("a"), chunk)
    other = Delivery(Pattern("*"), Subject("a"), chunk)

    assert cache.buffers(one) is cache.buffers(one)
    assert cache.buffers(one) != cache.buffers(other)
    assert cache.buffers(one) == websocket_buffers(server_event_frames(one))
