"""What can go wrong with a stream, as classes with data (conat-sync §1.8).

The tree::

    StoreError (a ConatError)
      Rejected             reject                a limit of the stream forbids the message
      WrongLastSequence    wrong-last-sequence   somebody else has changed the key
      PathDenied           403 or none           the path is not the caller's
      StoreLocked          no code               another process has the file open
      StoreCorrupt         no code               the file is no readable stream
      StoreFull            no code               the disk is full, or the file cannot be written
      StoreUnavailable     no code               the file cannot be opened, or the disk fails
      StoreClosed          no code               the stream was closed
"""

from ..errors import ConatError

__all__ = [
    "PathDenied",
    "Rejected",
    "StoreClosed",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreUnavailable",
    "WrongLastSequence",
]


class StoreError(ConatError):
    """Root of all errors of streams."""


class Rejected(StoreError):  # noqa: N818 - named like the code of the contract
    """A limit forbids the message; sending it again is useless. The text names the limit."""

    code = "reject"


class WrongLastSequence(StoreError):  # noqa: N818 - named like the code of the contract
    """The key does not have the sequence number that the writer expected."""

    code = "wrong-last-sequence"

    def __init__(self, expected: int, actual: int | None) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"wrong last sequence: expected {self.expected}, but it is {self.actual}"


class PathDenied(StoreError):  # noqa: N818 - like PermissionDenied
    """The path is not one that this subject may open (conat-sync §1.7)."""

    def __init__(self, message: str, code: int | None = 403) -> None:
        super().__init__(message)
        self.code = code


class StoreLocked(StoreError):  # noqa: N818 - a state, like Disconnected
    """Another process has the stream open; stop it, or give this one its own folder."""


class StoreCorrupt(StoreError):  # noqa: N818 - a state, like Disconnected
    """The file does not hold a readable stream."""


class StoreFull(StoreError):  # noqa: N818 - a state, like Disconnected
    """Nothing can be written: the disk is full, or the file is read-only."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state, like Disconnected
    """The file cannot be opened: its name, folder or rights are wrong, or the disk fails."""


class StoreClosed(StoreError):  # noqa: N818 - a state, like Disconnected
    """The stream was closed and cannot be used any more."""

    def __str__(self) -> str:
        return "closed"
