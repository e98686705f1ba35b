"""Ports for servers that tests start."""

import random
import socket
from typing import Final

__all__ = ["free_port"]

_PORTS: Final = range(10_000, 32_768)
"""Below those that a system gives to outgoing connections, of which one may come in between."""


def free_port() -> int:
    """Return a port on the loopback interface that nobody listens on at this moment."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
