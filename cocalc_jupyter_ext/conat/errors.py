"""What can go wrong in the message fabric, as classes with data.

The tree::

    ConatError
      InvalidSubject            no code
      CodecError                no code
      ProtocolError             no code
      EventError                no code   an event whose arguments make no sense
      PermissionDenied          403
      RequestTimeout            408
      LimitExceeded             429
      NoSubscribers             503
      Disconnected              no code
      ClientClosed              no code
      ClockSkewUnknown          no code
      SignInFailed              code of the server's refusal
      RemoteError               whatever code the peer sent

On the wire an error is ``{"error": text, "code"?: number}`` (conat-core §3.3). The
text is what JavaScript makes of an exception, so it normally begins with
``Error: ``. ``to_wire`` and ``from_wire`` are the only places that know this.
"""

from collections.abc import Mapping

__all__ = [
    "ClientClosed",
    "ClockSkewUnknown",
    "CodecError",
    "ConatError",
    "Disconnected",
    "EventError",
    "InvalidSubject",
    "LimitExceeded",
    "NoSubscribers",
    "PermissionDenied",
    "ProtocolError",
    "RemoteError",
    "RequestTimeout",
    "SignInFailed",
    "from_wire",
    "to_wire",
]

ERROR_PREFIX = "Error: "


class ConatError(Exception):
    """Root of all errors of the message fabric; ``code`` is what is sent on the wire."""

    code: int | str | None = None


class InvalidSubject(ConatError):  # noqa: N818 - the names of this tree are nouns of the contract
    """Not a valid subject, or one with wildcards where none are allowed (conat-core §7.1)."""

    def __init__(self, subject: object = "", use: str = "") -> None:
        super().__init__(subject, use)
        self.subject = subject
        self.use = use

    def __str__(self) -> str:
        if not self.use:
            return "invalid subject"
        return f"invalid {self.use} subject {self.subject!r}"


class CodecError(ConatError):
    """A value cannot be encoded, or bytes cannot be decoded (conat-core §5)."""


class ProtocolError(ConatError):
    """The peer broke the carrier's framing; the connection cannot go on (conat-core §1)."""


class EventError(ConatError):
    """An event came with arguments of the wrong shape; the connection goes on (conat-core §3.1)."""


class PermissionDenied(ConatError):  # noqa: N818 - see InvalidSubject
    """The user may not do this with the subject (conat-core §3.3)."""

    code = 403

    def __init__(self, action: str, subject: str, user_json: str) -> None:
        super().__init__(action, subject, user_json)
        self.action = action
        self.subject = subject
        self.user_json = user_json

    def __str__(self) -> str:
        return f"permission denied {self.action} '{self.subject}' from {self.user_json}"


class RequestTimeout(ConatError):  # noqa: N818 - see InvalidSubject
    """No answer came in time (conat-core §9.2, §10.2)."""

    code = 408


class LimitExceeded(ConatError):  # noqa: N818 - see InvalidSubject
    """A limit on connections, subscriptions or pending work is reached."""

    code = 429


class NoSubscribers(ConatError):  # noqa: N818 - see InvalidSubject
    """A request reached nobody (conat-core §10.2)."""

    code = 503

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject

    def __str__(self) -> str:
        return f"request -- no subscribers matching '{self.subject}'"


class Disconnected(ConatError):  # noqa: N818 - see InvalidSubject
    """There is no connection, or it was lost while an answer was awaited."""

    def __init__(self, message: str = "socket has been disconnected") -> None:
        super().__init__(message)


class ClientClosed(ConatError):  # noqa: N818 - see InvalidSubject
    """The client was closed and cannot be used any more."""

    def __str__(self) -> str:
        return "closed"


class ClockSkewUnknown(ConatError):  # noqa: N818 - see InvalidSubject
    """The server's time is asked for before the server has told it (conat-core §15.4)."""

    def __str__(self) -> str:
        return "clock skew not known; wait for the first synchronisation"


class SignInFailed(ConatError):  # noqa: N818 - see InvalidSubject
    """The server refused the credentials; trying again with the same ones is useless."""

    def __init__(self, reason: str, code: int | str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return f"failed to sign in: {self.reason}"


class RemoteError(ConatError):
    """An error that the peer reported."""

    def __init__(self, message: str, code: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code


def to_wire(error: ConatError, *, prefix: str = ERROR_PREFIX) -> dict[str, str | int]:
    """Return the ``{error, code?}`` object of an acknowledgement (conat-core §3.3)."""
    wire: dict[str, str | int] = {"error": f"{prefix}{error}"}
    if error.code is not None:
        wire["code"] = error.code
    return wire


def from_wire(wire: Mapping[str, object]) -> RemoteError:
    """Return the error an ``{error, code?}`` object stands for, text unchanged."""
    code = wire.get("code")
    return RemoteError(str(wire.get("error")), code if isinstance(code, int | str) else None)
