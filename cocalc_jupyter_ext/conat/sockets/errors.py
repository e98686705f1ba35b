"""What can go wrong with a socket, as classes (conat-core §14.5, §14.7).

The tree::

    SocketError (a ConatError)    no code
      SocketFull                  ENOBUFS   the peer has not acknowledged enough of what was written
      SocketClosed                EPIPE     the socket is closed for good
      SocketReset                 no code   something is lost, so the socket cannot go on
"""

from ..errors import ConatError

__all__ = ["SocketClosed", "SocketError", "SocketFull", "SocketReset"]


class SocketError(ConatError):
    """Root of all errors of sockets."""


class SocketFull(SocketError):  # noqa: N818 - named like the code of the contract
    """As many messages as allowed are unacknowledged; wait until it drains, then write again."""

    code = "ENOBUFS"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"WRITE FAILED: {self.limit} messages are unacknowledged; wait, then write again"


class SocketClosed(SocketError):  # noqa: N818 - named like the code of the contract
    """The socket is closed for good; make a new one. The text says what closed it."""

    code = "EPIPE"

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the socket is closed: {self.reason}" if self.reason else "the socket is closed"


class SocketReset(SocketError):  # noqa: N818 - a noun like its siblings
    """The peer does not have what is needed to go on without a gap."""
