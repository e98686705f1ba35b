"""Sockets to listen on: bound by the hub and handed to the proxy, or bound by the proxy itself.

The hub binds them so that a taken port is known at once and in one line, and so that browsers that
connect while a dead proxy is being replaced wait in the socket's queue and are not refused.
"""

import errno
import socket
from collections.abc import Iterable
from typing import Any

from .errors import CannotListenError

__all__ = ["bind_listeners", "inherited_listener"]

_BACKLOG = 1024
_REASONS = {
    errno.EADDRINUSE: (
        "the port is in use",
        "Stop the program that uses it (another hub, perhaps), or choose another port.",
    ),
    errno.EACCES: ("this user may not use the port", "Choose a port above 1023."),
    errno.EADDRNOTAVAIL: (
        "this machine does not have that address",
        "Use one it has, 127.0.0.1 for example.",
    ),
}


def bind_listeners(host: str, port: int) -> list[socket.socket]:
    """Bind and listen on every address of ``host`` ("" or "*" is all of them).

    Port 0 chooses a free one. Raises CannotListenError; nothing stays bound then.
    """
    bound: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            bound.append(_bind(family, address))
    except OSError as error:
        _close(bound)
        reason, remedy = _REASONS.get(
            error.errno or 0, (error.strerror or str(error), "Choose another address or port.")
        )
        raise CannotListenError(host, port, reason, remedy) from error
    return bound


def inherited_listener(descriptor: int) -> socket.socket:
    """Wrap a listening socket that the parent process passed by number."""
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    return listener


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    if host in {"", "*"}:
        if socket.has_dualstack_ipv6():
            return [(socket.AF_INET6, ("::", port))]
        return [(socket.AF_INET, ("0.0.0.0", port))]  # noqa: S104 - asked for by the configuration
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((info[0], info[4]) for info in found))


def _bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    every = family == socket.AF_INET6 and address[0] == "::"
    listener = socket.create_server(
        address,
        family=family,
        backlog=_BACKLOG,
        dualstack_ipv6=every and socket.has_dualstack_ipv6(),
    )
    listener.setblocking(False)
    return listener


def _close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()
