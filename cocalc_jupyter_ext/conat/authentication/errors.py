"""What a client is told that is not let in."""

from ..errors import ConatError

__all__ = ["AuthenticationFailed"]


class AuthenticationFailed(ConatError):  # noqa: N818 - see conat/errors.py
    """The credentials of a handshake are missing or wrong; the text never repeats them."""
