"""The bytes of deliveries, built once for all receivers."""

from ..protocol.connection import server_event_frames
from ..protocol.messages import Delivery
from .websocket_frames import websocket_buffers

__all__ = ["DeliveryCache"]


class DeliveryCache:
    """The bytes of the last delivery: the router names its receivers one after another."""

    def __init__(self) -> None:
        self._delivery: Delivery | None = None
        self._buffers: tuple[bytes, ...] = ()

    def buffers(self, delivery: Delivery) -> tuple[bytes, ...]:
        """Return the bytes of a delivery, built once while the same one is asked for."""
        if delivery is not self._delivery:
            self._buffers = websocket_buffers(server_event_frames(delivery))
            self._delivery = delivery
        return self._buffers
